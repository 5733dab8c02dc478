from __future__ import annotations

import datetime
import enum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, deferred, mapped_column, registry, relationship

SCHEMA = "clinic"


class Base(DeclarativeBase):
    metadata = sa.MetaData(schema=SCHEMA)


class Species(enum.Enum):
    dog = "dog"
    cat = "cat"
    ferret = "ferret"


class Owner(Base):
    __tablename__ = "owners"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(80))
    email: Mapped[str | None] = mapped_column(sa.String(120))
    phone: Mapped[str | None] = mapped_column(sa.String(20))
    pets: Mapped[list[Pet]] = relationship(back_populates="owner")

    @hybrid_property
    def reachable(self) -> bool:
        return self.email is not None

    @reachable.inplace.expression
    @classmethod
    def _reachable(cls) -> sa.ColumnElement[bool]:
        return cls.email.is_not(None)


pet_friends = sa.Table(
    "pet_friends",
    Base.metadata,
    sa.Column("pet_id", sa.ForeignKey("clinic.pets.id"), primary_key=True),
    sa.Column("friend_id", sa.ForeignKey("clinic.pets.id"), primary_key=True),
)


class Pet(Base):
    __tablename__ = "pets"
    __table_args__ = (sa.CheckConstraint("weight > 0", name="ck_pets_weight"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(sa.ForeignKey("clinic.owners.id"))
    name: Mapped[str] = mapped_column(sa.String(50))
    species: Mapped[Species] = mapped_column(sa.Enum(Species, name="species", schema=SCHEMA))
    weight: Mapped[int | None]
    tags: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), server_default="{}")
    details: Mapped[dict] = mapped_column(JSONB, server_default="{}")
    history: Mapped[str | None] = deferred(mapped_column(sa.Text))
    created_at: Mapped[datetime.datetime] = mapped_column(server_default=sa.func.now(), onupdate=sa.func.now())
    owner: Mapped[Owner] = relationship(back_populates="pets", lazy="joined")
    friends: Mapped[list[Pet]] = relationship(
        secondary=pet_friends,
        primaryjoin=lambda: Pet.id == pet_friends.c.pet_id,
        secondaryjoin=lambda: Pet.id == pet_friends.c.friend_id,
    )


Owner.pet_count = column_property(
    sa.select(sa.func.count(Pet.id)).where(Pet.owner_id == Owner.id).correlate_except(Pet).scalar_subquery()
)


class Employee(Base):
    __tablename__ = "staff"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "employee", "with_polymorphic": "*"}

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(20))
    name: Mapped[str] = mapped_column(sa.String(80))


class Vet(Employee):
    __tablename__ = "vets"
    __mapper_args__ = {"polymorphic_identity": "vet"}

    id: Mapped[int] = mapped_column(sa.ForeignKey("clinic.staff.id"), primary_key=True)
    licence: Mapped[str] = mapped_column(sa.String(20))


class Nurse(Employee):
    __mapper_args__ = {"polymorphic_identity": "nurse"}

    ward: Mapped[str | None] = mapped_column(sa.String(20))


class Visit:
    """Mapped imperatively."""


visits = sa.Table(
    "visits",
    Base.metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("pet_id", sa.ForeignKey("clinic.pets.id"), nullable=False),
    sa.Column("fee", sa.Numeric(8, 2), nullable=False),
    sa.Column("vat", sa.Numeric(8, 2), sa.Computed("fee * 0.2", persisted=True)),
)
registry(metadata=Base.metadata).map_imperatively(Visit, visits, properties={"pet": relationship(Pet)})
