"""Rows of the clinic as JSON documents."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from app.models import Appointment, MedicalRecord, Pet, Prescription, User, Vaccination

__all__ = ["Document", "appointment", "pet"]

Document = dict[str, object]


def appointment(row: Appointment) -> Document:
    """Return an appointment with its pet and its veterinarian.

    :param row: the appointment.
    """
    veterinarian = row.veterinarian
    return {
        "id": row.id,
        "scheduled_at": _moment(row.scheduled_at),
        "duration_minutes": row.duration_minutes,
        "state": row.state.value,
        "reason": row.reason,
        "pet": {"id": row.pet.id, "name": row.pet.name, "species": row.pet.species},
        "veterinarian": veterinarian and {"id": veterinarian.id, "name": _full_name(veterinarian.user)},
    }


def pet(row: Pet) -> Document:
    """Return a pet with its owner, its medical records and its vaccinations, newest first.

    :param row: the pet.
    """
    records = sorted(row.medical_records, key=lambda record: (record.created_at, record.id), reverse=True)
    vaccinations = sorted(row.vaccinations, key=lambda vaccination: (vaccination.administered_on, vaccination.id), reverse=True)
    return {
        "id": row.id,
        "name": row.name,
        "species": row.species,
        "breed": row.breed,
        "sex": row.sex,
        "birth_date": _day(row.birth_date),
        "birth_date_estimated": row.birth_date_estimated,
        "weight_kg": _number(row.weight_kg),
        "microchip": row.microchip,
        "deceased_on": _day(row.deceased_on),
        "owner": {"id": row.client.id, "name": _full_name(row.client.user), "phone": row.client.user.phone},
        "medical_records": [_medical_record(record) for record in records],
        "vaccinations": [_vaccination(vaccination) for vaccination in vaccinations],
    }


def _medical_record(row: MedicalRecord) -> Document:
    return {
        "id": row.id,
        "appointment_id": row.appointment_id,
        "created_at": _moment(row.created_at),
        "symptoms": row.symptoms,
        "diagnosis": row.diagnosis,
        "treatment": row.treatment,
        "weight_kg": _number(row.weight_kg),
        "temperature_c": _number(row.temperature_c),
        "follow_up_on": _day(row.follow_up_on),
        "prescriptions": [_prescription(line) for line in row.prescriptions],
    }


def _prescription(row: Prescription) -> Document:
    return {"medication": row.medication, "dosage": row.dosage, "instructions": row.instructions}


def _vaccination(row: Vaccination) -> Document:
    return {
        "vaccine": row.vaccine,
        "batch_number": row.batch_number,
        "administered_on": _day(row.administered_on),
        "expires_on": _day(row.expires_on),
    }


def _full_name(user: User) -> str:
    return f"{user.first_name} {user.last_name}"


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat()


def _day(value: date | None) -> str | None:
    return value.isoformat() if value else None


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
