"""Who uses the clinic's system: users, and their profiles as clients or veterinarians."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, Identifier, Money, Timestamps

if TYPE_CHECKING:
    from app.models.clinic import Appointment, Pet
    from app.models.system import Notification

__all__ = ["Client", "User", "Veterinarian"]


class User(Timestamps, Base):
    """A person who can sign in."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("email ~ '^[^@[:space:]]+@[^@[:space:]]+$'", name="email"),
        CheckConstraint("phone ~ '^[+][1-9][0-9]{0,14}$'", name="phone"),
        CheckConstraint("role IN ('admin', 'client', 'veterinarian')", name="role"),
    )

    id: Mapped[Identifier]
    email: Mapped[str] = mapped_column(String(255), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    phone: Mapped[str | None] = mapped_column(String(16), comment="E.164: + and at most 15 digits")
    role: Mapped[str] = mapped_column(String(20), server_default="client")
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    last_login_at: Mapped[datetime | None]

    client: Mapped[Client | None] = relationship(back_populates="user", passive_deletes=True)
    veterinarian: Mapped[Veterinarian | None] = relationship(back_populates="user", passive_deletes=True)
    notifications: Mapped[list[Notification]] = relationship(back_populates="user", passive_deletes=True)


class Client(Timestamps, Base):
    """A user who brings pets."""

    __tablename__ = "clients"

    id: Mapped[Identifier]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    address: Mapped[str | None] = mapped_column(Text)
    city: Mapped[str | None] = mapped_column(String(100))
    postal_code: Mapped[str | None] = mapped_column(String(12))
    preferred_veterinarian_id: Mapped[int | None] = mapped_column(ForeignKey("veterinarians.id", ondelete="SET NULL"), index=True)

    user: Mapped[User] = relationship(back_populates="client")
    preferred_veterinarian: Mapped[Veterinarian | None] = relationship()
    pets: Mapped[list[Pet]] = relationship(back_populates="client", passive_deletes=True)


class Veterinarian(Timestamps, Base):
    """A user who treats pets."""

    __tablename__ = "veterinarians"
    __table_args__ = (CheckConstraint("consultation_fee >= 0", name="consultation_fee"),)

    id: Mapped[Identifier]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    license_number: Mapped[str] = mapped_column(String(50), unique=True)
    specialty: Mapped[str | None] = mapped_column(String(80))
    consultation_fee: Mapped[Money] = mapped_column(server_default=text("0"), comment="euros")
    is_available: Mapped[bool] = mapped_column(server_default=text("true"))

    user: Mapped[User] = relationship(back_populates="veterinarian")
    appointments: Mapped[list[Appointment]] = relationship(back_populates="veterinarian", passive_deletes=True)
