from decimal import Decimal

from sqlalchemy import Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Shop(DeclarativeBase):
    pass


class Billing(DeclarativeBase):
    pass


class Client(Shop):
    __tablename__ = "clients"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(Text)


class Bill(Billing):
    __tablename__ = "bills"

    id: Mapped[int] = mapped_column(primary_key=True)
    total: Mapped[Decimal | None]
