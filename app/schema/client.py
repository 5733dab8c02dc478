"""Rows of the database as typed Python.

Written by Seachange from the database; `invoke db.generate --target client` writes it anew.
revision: 1750200000000
catalogue: a919ccd2f9cbec922e5b7e533e91647d15bcc886078d06a2290d5a146d4585e6

For psycopg: connection.cursor(row_factory=class_row(XRow)).execute(X_SELECT). Columns whose names are no names in
Python have another one in the row; the query renames them.
"""

# ruff: noqa
# fmt: off

from __future__ import annotations

import dataclasses as _dataclasses
import datetime as _datetime
import decimal as _decimal
from typing import Final, Literal, NotRequired, TypeAlias, TypedDict

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

AppointmentState: TypeAlias = Literal["pending", "confirmed", "in_progress", "completed", "cancelled", "no_show"]


@_dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class AiDiagnosesRow:
    """A row of public.ai_diagnoses."""

    id: int
    pet_id: int
    medical_record_id: int | None
    reviewed_by_id: int | None
    model_name: str
    result: Json
    """the model's answer: summary, findings with scores"""
    confidence: _decimal.Decimal | None
    created_at: _datetime.datetime
    updated_at: _datetime.datetime


AI_DIAGNOSES_SELECT: Final = "SELECT id, pet_id, medical_record_id, reviewed_by_id, model_name, result, confidence, created_at, updated_at FROM public.ai_diagnoses"


class AiDiagnosesInsert(TypedDict):
    """Values to insert into public.ai_diagnoses."""

    id: NotRequired[int]
    pet_id: int
    medical_record_id: NotRequired[int | None]
    reviewed_by_id: NotRequired[int | None]
    model_name: str
    result: object
    confidence: NotRequired[_decimal.Decimal | int | None]
    created_at: NotRequired[_datetime.datetime]
    updated_at: NotRequired[_datetime.datetime]


@_dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class AppointmentsRow:
    """A row of public.appointments."""

    id: int
    pet_id: int
    veterinarian_id: int | None
    scheduled_at: _datetime.datetime
    state: AppointmentState
    reason: str | None
    notes: str | None
    created_at: _datetime.datetime
    updated_at: _datetime.datetime
    duration_minutes: int
    cancellation_reason: str | None


APPOINTMENTS_SELECT: Final = "SELECT id, pet_id, veterinarian_id, scheduled_at, state, reason, notes, created_at, updated_at, duration_minutes, cancellation_reason FROM public.appointments"


class AppointmentsInsert(TypedDict):
    """Values to insert into public.appointments."""

    id: NotRequired[int]
    pet_id: int
    veterinarian_id: NotRequired[int | None]
    scheduled_at: _datetime.datetime
    state: NotRequired[AppointmentState]
    reason: NotRequired[str | None]
    notes: NotRequired[str | None]
    created_at: NotRequired[_datetime.datetime]
    updated_at: NotRequired[_datetime.datetime]
    duration_minutes: NotRequired[int]
    cancellation_reason: NotRequired[str | None]


@_dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class AttachmentsRow:
    """A row of public.attachments."""

    id: int
    pet_id: int
    kind: str
    storage_key: str
    """key in the object store, or an address"""
    file_name: str
    content_type: str
    size_bytes: int | None
    created_at: _datetime.datetime
    updated_at: _datetime.datetime
    medical_record_id: int | None
    uploaded_by_id: int | None


ATTACHMENTS_SELECT: Final = "SELECT id, pet_id, kind, storage_key, file_name, content_type, size_bytes, created_at, updated_at, medical_record_id, uploaded_by_id FROM public.attachments"


class AttachmentsInsert(TypedDict):
    """Values to insert into public.attachments."""

    id: NotRequired[int]
    pet_id: int
    kind: str
    storage_key: str
    file_name: str
    content_type: NotRequired[str]
    size_bytes: NotRequired[int | None]
    created_at: NotRequired[_datetime.datetime]
    updated_at: NotRequired[_datetime.datetime]
    medical_record_id: NotRequired[int | None]
    uploaded_by_id: NotRequired[int | None]


@_dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ClientsRow:
    """A row of public.clients."""

    id: int
    user_id: int
    address: str | None
    city: str | None
    postal_code: str | None
    created_at: _datetime.datetime
    updated_at: _datetime.datetime
    preferred_veterinarian_id: int | None


CLIENTS_SELECT: Final = "SELECT id, user_id, address, city, postal_code, created_at, updated_at, preferred_veterinarian_id FROM public.clients"


class ClientsInsert(TypedDict):
    """Values to insert into public.clients."""

    id: NotRequired[int]
    user_id: int
    address: NotRequired[str | None]
    city: NotRequired[str | None]
    postal_code: NotRequired[str | None]
    created_at: NotRequired[_datetime.datetime]
    updated_at: NotRequired[_datetime.datetime]
    preferred_veterinarian_id: NotRequired[int | None]


@_dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class MedicalRecordsRow:
    """A row of public.medical_records."""

    id: int
    appointment_id: int | None
    veterinarian_id: int | None
    symptoms: str | None
    diagnosis: str
    treatment: str | None
    weight_kg: _decimal.Decimal | None
    created_at: _datetime.datetime
    updated_at: _datetime.datetime
    temperature_c: _decimal.Decimal | None
    follow_up_on: _datetime.date | None
    pet_id: int


MEDICAL_RECORDS_SELECT: Final = "SELECT id, appointment_id, veterinarian_id, symptoms, diagnosis, treatment, weight_kg, created_at, updated_at, temperature_c, follow_up_on, pet_id FROM public.medical_records"


class MedicalRecordsInsert(TypedDict):
    """Values to insert into public.medical_records."""

    id: NotRequired[int]
    appointment_id: NotRequired[int | None]
    veterinarian_id: NotRequired[int | None]
    symptoms: NotRequired[str | None]
    diagnosis: str
    treatment: NotRequired[str | None]
    weight_kg: NotRequired[_decimal.Decimal | int | None]
    created_at: NotRequired[_datetime.datetime]
    updated_at: NotRequired[_datetime.datetime]
    temperature_c: NotRequired[_decimal.Decimal | int | None]
    follow_up_on: NotRequired[_datetime.date | None]
    pet_id: int


@_dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class NotificationsRow:
    """A row of public.notifications."""

    id: int
    user_id: int
    title: str
    body: str | None
    read_at: _datetime.datetime | None
    created_at: _datetime.datetime
    updated_at: _datetime.datetime
    appointment_id: int | None
    kind: str


NOTIFICATIONS_SELECT: Final = "SELECT id, user_id, title, body, read_at, created_at, updated_at, appointment_id, kind FROM public.notifications"


class NotificationsInsert(TypedDict):
    """Values to insert into public.notifications."""

    id: NotRequired[int]
    user_id: int
    title: str
    body: NotRequired[str | None]
    read_at: NotRequired[_datetime.datetime | None]
    created_at: NotRequired[_datetime.datetime]
    updated_at: NotRequired[_datetime.datetime]
    appointment_id: NotRequired[int | None]
    kind: NotRequired[str]


@_dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PetsRow:
    """A row of public.pets."""

    id: int
    client_id: int
    name: str
    species: str
    created_at: _datetime.datetime
    updated_at: _datetime.datetime
    breed: str | None
    sex: str
    birth_date: _datetime.date | None
    birth_date_estimated: bool
    """the birth date was worked out from an age in years"""
    weight_kg: _decimal.Decimal | None
    microchip: str | None
    """ISO 11784: 15 digits"""
    deceased_on: _datetime.date | None


PETS_SELECT: Final = "SELECT id, client_id, name, species, created_at, updated_at, breed, sex, birth_date, birth_date_estimated, weight_kg, microchip, deceased_on FROM public.pets"


class PetsInsert(TypedDict):
    """Values to insert into public.pets."""

    id: NotRequired[int]
    client_id: int
    name: str
    species: str
    created_at: NotRequired[_datetime.datetime]
    updated_at: NotRequired[_datetime.datetime]
    breed: NotRequired[str | None]
    sex: NotRequired[str]
    birth_date: NotRequired[_datetime.date | None]
    birth_date_estimated: NotRequired[bool]
    weight_kg: NotRequired[_decimal.Decimal | int | None]
    microchip: NotRequired[str | None]
    deceased_on: NotRequired[_datetime.date | None]


@_dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PrescriptionsRow:
    """A row of public.prescriptions."""

    id: int
    medical_record_id: int
    position: int
    """line on the prescription, from 1"""
    medication: str
    dosage: str | None
    instructions: str | None
    created_at: _datetime.datetime
    updated_at: _datetime.datetime


PRESCRIPTIONS_SELECT: Final = "SELECT id, medical_record_id, position, medication, dosage, instructions, created_at, updated_at FROM public.prescriptions"


class PrescriptionsInsert(TypedDict):
    """Values to insert into public.prescriptions."""

    id: NotRequired[int]
    medical_record_id: int
    position: int
    medication: str
    dosage: NotRequired[str | None]
    instructions: NotRequired[str | None]
    created_at: NotRequired[_datetime.datetime]
    updated_at: NotRequired[_datetime.datetime]


@_dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class UsersRow:
    """A row of public.users."""

    id: int
    email: str
    password_hash: str
    first_name: str
    last_name: str
    phone: str | None
    """E.164: + and at most 15 digits"""
    role: str
    is_active: bool
    created_at: _datetime.datetime
    updated_at: _datetime.datetime
    last_login_at: _datetime.datetime | None


USERS_SELECT: Final = "SELECT id, email, password_hash, first_name, last_name, phone, role, is_active, created_at, updated_at, last_login_at FROM public.users"


class UsersInsert(TypedDict):
    """Values to insert into public.users."""

    id: NotRequired[int]
    email: str
    password_hash: str
    first_name: str
    last_name: str
    phone: NotRequired[str | None]
    role: NotRequired[str]
    is_active: NotRequired[bool]
    created_at: NotRequired[_datetime.datetime]
    updated_at: NotRequired[_datetime.datetime]
    last_login_at: NotRequired[_datetime.datetime | None]


@_dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class VaccinationsRow:
    """A row of public.vaccinations."""

    id: int
    pet_id: int
    veterinarian_id: int | None
    vaccine: str
    batch_number: str | None
    administered_on: _datetime.date
    valid_days: int | None
    created_at: _datetime.datetime
    updated_at: _datetime.datetime
    expires_on: _datetime.date | None


VACCINATIONS_SELECT: Final = "SELECT id, pet_id, veterinarian_id, vaccine, batch_number, administered_on, valid_days, created_at, updated_at, expires_on FROM public.vaccinations"


class VaccinationsInsert(TypedDict):
    """Values to insert into public.vaccinations."""

    id: NotRequired[int]
    pet_id: int
    veterinarian_id: NotRequired[int | None]
    vaccine: str
    batch_number: NotRequired[str | None]
    administered_on: _datetime.date
    valid_days: NotRequired[int | None]
    created_at: NotRequired[_datetime.datetime]
    updated_at: NotRequired[_datetime.datetime]


@_dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class VeterinariansRow:
    """A row of public.veterinarians."""

    id: int
    user_id: int
    license_number: str
    specialty: str | None
    consultation_fee: _decimal.Decimal
    """euros"""
    is_available: bool
    created_at: _datetime.datetime
    updated_at: _datetime.datetime


VETERINARIANS_SELECT: Final = "SELECT id, user_id, license_number, specialty, consultation_fee, is_available, created_at, updated_at FROM public.veterinarians"


class VeterinariansInsert(TypedDict):
    """Values to insert into public.veterinarians."""

    id: NotRequired[int]
    user_id: int
    license_number: str
    specialty: NotRequired[str | None]
    consultation_fee: NotRequired[_decimal.Decimal | int]
    is_available: NotRequired[bool]
    created_at: NotRequired[_datetime.datetime]
    updated_at: NotRequired[_datetime.datetime]
