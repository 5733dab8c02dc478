from sqlalchemy import CheckConstraint, Enum, Index, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("payment <> 'card' OR id > 0", name="paid"),
        Index("cash_orders", "id", postgresql_where=text("payment = 'cash'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    payment: Mapped[str] = mapped_column(Enum("cash", "card", name="payment"), server_default="cash")
