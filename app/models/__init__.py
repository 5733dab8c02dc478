"""The clinic's eleven tables; `app.models:Base` knows all of them."""

from __future__ import annotations

from app.models.accounts import Client, User, Veterinarian
from app.models.base import Base
from app.models.clinic import AiDiagnosis, Appointment, AppointmentState, Pet
from app.models.records import Attachment, MedicalRecord, Prescription, Vaccination
from app.models.system import Notification

__all__ = [
    "AiDiagnosis",
    "Appointment",
    "AppointmentState",
    "Attachment",
    "Base",
    "Client",
    "MedicalRecord",
    "Notification",
    "Pet",
    "Prescription",
    "User",
    "Vaccination",
    "Veterinarian",
]
