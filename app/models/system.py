"""What the system tells its users."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.accounts import User
from app.models.base import Base, Identifier, Timestamps
from app.models.clinic import Appointment

__all__ = ["Notification"]


class Notification(Timestamps, Base):
    """A message to a user, about an appointment or in general."""

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("user_id", "appointment_id", "kind"),
        CheckConstraint("kind IN ('cancellation', 'confirmation', 'general', 'reminder', 'result')", name="kind"),
    )

    id: Mapped[Identifier]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    appointment_id: Mapped[int | None] = mapped_column(ForeignKey("appointments.id", ondelete="SET NULL"), index=True)
    kind: Mapped[str] = mapped_column(String(20), server_default="general")
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str | None] = mapped_column(Text)
    read_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(back_populates="notifications")
    appointment: Mapped[Appointment | None] = relationship()
