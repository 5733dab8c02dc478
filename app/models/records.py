"""What is kept of a treatment: medical records, prescriptions, vaccinations and attached files."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, Computed, ForeignKey, Numeric, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.accounts import User, Veterinarian
from app.models.base import Base, Identifier, Timestamps, Weight
from app.models.clinic import AiDiagnosis, Appointment, Pet

__all__ = ["Attachment", "MedicalRecord", "Prescription", "Vaccination"]


class MedicalRecord(Timestamps, Base):
    """What was found and done at one visit; it outlives the appointment and the veterinarian."""

    __tablename__ = "medical_records"
    __table_args__ = (
        CheckConstraint("weight_kg > 0", name="weight_kg"),
        CheckConstraint("temperature_c BETWEEN 25 AND 50", name="temperature_c"),
    )

    id: Mapped[Identifier]
    pet_id: Mapped[int] = mapped_column(ForeignKey("pets.id", ondelete="CASCADE"), index=True)
    appointment_id: Mapped[int | None] = mapped_column(ForeignKey("appointments.id", ondelete="SET NULL"), unique=True)
    veterinarian_id: Mapped[int | None] = mapped_column(ForeignKey("veterinarians.id", ondelete="SET NULL"), index=True)
    symptoms: Mapped[str | None] = mapped_column(Text)
    diagnosis: Mapped[str] = mapped_column(Text)
    treatment: Mapped[str | None] = mapped_column(Text)
    weight_kg: Mapped[Weight | None]
    temperature_c: Mapped[Decimal | None] = mapped_column(Numeric(4, 1))
    follow_up_on: Mapped[date | None]

    pet: Mapped[Pet] = relationship(back_populates="medical_records")
    appointment: Mapped[Appointment | None] = relationship(back_populates="medical_record")
    veterinarian: Mapped[Veterinarian | None] = relationship()
    prescriptions: Mapped[list[Prescription]] = relationship(
        back_populates="medical_record", order_by="Prescription.position", passive_deletes=True
    )
    attachments: Mapped[list[Attachment]] = relationship(back_populates="medical_record", passive_deletes=True)
    ai_diagnoses: Mapped[list[AiDiagnosis]] = relationship(back_populates="medical_record", passive_deletes=True)


class Prescription(Timestamps, Base):
    """One line of what was prescribed."""

    __tablename__ = "prescriptions"
    __table_args__ = (
        UniqueConstraint("medical_record_id", "position"),
        CheckConstraint("position > 0", name="position"),
        CheckConstraint("btrim(medication) <> ''", name="medication"),
    )

    id: Mapped[Identifier]
    medical_record_id: Mapped[int] = mapped_column(ForeignKey("medical_records.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(comment="line on the prescription, from 1")
    medication: Mapped[str] = mapped_column(Text)
    dosage: Mapped[str | None] = mapped_column(Text)
    instructions: Mapped[str | None] = mapped_column(Text)

    medical_record: Mapped[MedicalRecord] = relationship(back_populates="prescriptions")


class Vaccination(Timestamps, Base):
    """A vaccine that a pet was given."""

    __tablename__ = "vaccinations"
    __table_args__ = (
        UniqueConstraint("pet_id", "vaccine", "administered_on"),
        CheckConstraint("valid_days > 0", name="valid_days"),
    )

    id: Mapped[Identifier]
    pet_id: Mapped[int] = mapped_column(ForeignKey("pets.id", ondelete="CASCADE"))
    veterinarian_id: Mapped[int | None] = mapped_column(ForeignKey("veterinarians.id", ondelete="SET NULL"), index=True)
    vaccine: Mapped[str] = mapped_column(String(120))
    batch_number: Mapped[str | None] = mapped_column(String(60))
    administered_on: Mapped[date]
    valid_days: Mapped[int | None]
    expires_on: Mapped[date | None] = mapped_column(Computed("administered_on + valid_days", persisted=True), index=True)

    pet: Mapped[Pet] = relationship(back_populates="vaccinations")
    veterinarian: Mapped[Veterinarian | None] = relationship()


class Attachment(Timestamps, Base):
    """A file about a pet, kept in the object store."""

    __tablename__ = "attachments"
    __table_args__ = (
        UniqueConstraint("pet_id", "storage_key"),
        CheckConstraint("kind IN ('document', 'laboratory', 'photo', 'ultrasound', 'x_ray')", name="kind"),
        CheckConstraint("size_bytes >= 0", name="size_bytes"),
    )

    id: Mapped[Identifier]
    pet_id: Mapped[int] = mapped_column(ForeignKey("pets.id", ondelete="CASCADE"))
    medical_record_id: Mapped[int | None] = mapped_column(ForeignKey("medical_records.id", ondelete="SET NULL"), index=True)
    uploaded_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    storage_key: Mapped[str] = mapped_column(Text, comment="key in the object store, or an address")
    file_name: Mapped[str] = mapped_column(String(255))
    content_type: Mapped[str] = mapped_column(String(100), server_default="application/octet-stream")
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)

    pet: Mapped[Pet] = relationship(back_populates="attachments")
    medical_record: Mapped[MedicalRecord | None] = relationship(back_populates="attachments")
    uploaded_by: Mapped[User | None] = relationship()
