import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    pass


def seed(connection: sa.Connection, scale: int) -> None:
    """Leave rows as years of use do: the same address twice, owners that are gone, prices that are words."""
    del scale
    connection.execute(
        sa.text(
            """
            insert into clients (id, email, phone, fax) values
                (1, 'ann@example.com', '1', '2'), (2, 'Ann@example.com', null, null), (3, 'ben@example.com', '3', null);
            insert into pets (id, client_id, name, weight, kind) values
                (1, 1, 'Rex', 12, 'dog'), (2, 7, 'Tom', 4, 'cat'), (3, 7, 'Bo', -1, 'cat'), (4, null, 'Ada', 1, 'parrot');
            insert into visits (id, pet_id, cost, note) values
                (1, 1, '12.50', 'vaccination'), (2, 2, 'free', 'ok'), (3, 3, '1e9', null);
            """
        )
    )
