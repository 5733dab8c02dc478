"""What the clinic does: pets, their appointments, and what the model says about their cases."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Enum, ForeignKey, Index, Numeric, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.accounts import Client, Veterinarian
from app.models.base import Base, Identifier, Timestamps, Weight

if TYPE_CHECKING:
    from app.models.records import Attachment, MedicalRecord, Vaccination

__all__ = ["AiDiagnosis", "Appointment", "AppointmentState", "Pet"]


class AppointmentState(enum.StrEnum):
    """How far an appointment is."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


class Pet(Timestamps, Base):
    """An animal of a client."""

    __tablename__ = "pets"
    __table_args__ = (
        CheckConstraint("btrim(name) <> ''", name="name"),
        CheckConstraint("sex IN ('female', 'male', 'unknown')", name="sex"),
        CheckConstraint("weight_kg > 0", name="weight_kg"),
        CheckConstraint("microchip ~ '^[0-9]{15}$'", name="microchip"),
        CheckConstraint("deceased_on >= birth_date", name="lifetime"),
    )

    id: Mapped[Identifier]
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    species: Mapped[str] = mapped_column(String(30))
    breed: Mapped[str | None] = mapped_column(String(80))
    sex: Mapped[str] = mapped_column(String(7), server_default="unknown")
    birth_date: Mapped[date | None]
    birth_date_estimated: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="the birth date was worked out from an age in years"
    )
    weight_kg: Mapped[Weight | None]
    microchip: Mapped[str | None] = mapped_column(String(15), unique=True, comment="ISO 11784: 15 digits")
    deceased_on: Mapped[date | None]

    client: Mapped[Client] = relationship(back_populates="pets")
    appointments: Mapped[list[Appointment]] = relationship(back_populates="pet", passive_deletes=True)
    medical_records: Mapped[list[MedicalRecord]] = relationship(back_populates="pet", passive_deletes=True)
    vaccinations: Mapped[list[Vaccination]] = relationship(back_populates="pet", passive_deletes=True)
    attachments: Mapped[list[Attachment]] = relationship(back_populates="pet", passive_deletes=True)
    ai_diagnoses: Mapped[list[AiDiagnosis]] = relationship(back_populates="pet", passive_deletes=True)


class Appointment(Timestamps, Base):
    """A visit that is planned, under way or over."""

    __tablename__ = "appointments"
    __table_args__ = (
        UniqueConstraint("pet_id", "scheduled_at"),
        CheckConstraint("duration_minutes BETWEEN 5 AND 480", name="duration_minutes"),
        CheckConstraint("cancellation_reason IS NULL OR state = 'cancelled'", name="cancellation_reason"),
        Index(None, "veterinarian_id", "scheduled_at"),
        Index(None, "state", "scheduled_at"),
    )

    id: Mapped[Identifier]
    pet_id: Mapped[int] = mapped_column(ForeignKey("pets.id", ondelete="CASCADE"))
    veterinarian_id: Mapped[int | None] = mapped_column(ForeignKey("veterinarians.id", ondelete="SET NULL"))
    scheduled_at: Mapped[datetime]
    duration_minutes: Mapped[int] = mapped_column(server_default=text("30"))
    state: Mapped[AppointmentState] = mapped_column(
        Enum(AppointmentState, name="appointment_state", values_callable=lambda states: [state.value for state in states]),
        server_default=AppointmentState.PENDING.value,
    )
    reason: Mapped[str | None] = mapped_column(String(200))
    notes: Mapped[str | None] = mapped_column(Text)
    cancellation_reason: Mapped[str | None] = mapped_column(Text)

    pet: Mapped[Pet] = relationship(back_populates="appointments")
    veterinarian: Mapped[Veterinarian | None] = relationship(back_populates="appointments")
    medical_record: Mapped[MedicalRecord | None] = relationship(back_populates="appointment", passive_deletes=True)


class AiDiagnosis(Timestamps, Base):
    """What one model answered about one case."""

    __tablename__ = "ai_diagnoses"
    __table_args__ = (
        UniqueConstraint("medical_record_id", "model_name"),
        CheckConstraint("jsonb_typeof(result) = 'object'", name="result"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        Index(None, "result", postgresql_using="gin", postgresql_ops={"result": "jsonb_path_ops"}),
    )

    id: Mapped[Identifier]
    pet_id: Mapped[int] = mapped_column(ForeignKey("pets.id", ondelete="CASCADE"), index=True)
    medical_record_id: Mapped[int | None] = mapped_column(ForeignKey("medical_records.id", ondelete="SET NULL"))
    reviewed_by_id: Mapped[int | None] = mapped_column(ForeignKey("veterinarians.id", ondelete="SET NULL"), index=True)
    model_name: Mapped[str] = mapped_column(String(80))
    result: Mapped[dict[str, object]] = mapped_column(comment="the model's answer: summary, findings with scores")
    confidence: Mapped[Decimal | None] = mapped_column(Numeric(4, 3))

    pet: Mapped[Pet] = relationship(back_populates="ai_diagnoses")
    medical_record: Mapped[MedicalRecord | None] = relationship(back_populates="ai_diagnoses")
    reviewed_by: Mapped[Veterinarian | None] = relationship()
