"""The reference history on a database, by Alembic's own commands, and what the database then looks like."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from seachange.postgres.connection import Database, connect, engine
from tests.project import REPOSITORY

REVISIONS = (
    "1749000000000",
    "1749000001000",
    "1749000002000",
    "1749000003000",
    "1749000004000",
    "1749000005000",
    "1750032503315",
    "1750033552868",
    "1750036733746",
    "1750038234648",
    "1750112631639",
    "1750120000000",
    "1750200000000",
)

PEOPLE = """
    INSERT INTO users (id, email, password_hash, first_name, last_name)
    VALUES (1, 'ana@vetai.example', '!', 'Ana', 'Ruiz'), (2, 'leo@vetai.example', '!', 'Leo', 'Vidal');
    INSERT INTO clients (id, user_id) VALUES (1, 1);
    INSERT INTO veterinarians (id, user_id, license_number) VALUES (1, 2, 'COL-1');
    INSERT INTO pets (id, client_id, name, species) VALUES (1, 1, 'Luna', 'cat'), (2, 1, 'Rex', 'dog');
    SELECT setval('pets_id_seq', 10)
"""

# One line for each fact. NOT VALID is left out: a foreign key that was proven once stays proven on the way down.
_FACTS = """
SELECT 'table ' || relname || coalesce(' comment ' || obj_description(pg_class.oid, 'pg_class'), '') FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
UNION ALL
SELECT 'column ' || relname || '.' || attname || ' ' || format_type(atttypid, atttypmod)
    || CASE WHEN attnotnull THEN ' not null' ELSE '' END
    || coalesce(' default ' || pg_get_expr(adbin, adrelid), '')
    || ' identity ' || attidentity::text || ' generated ' || attgenerated::text
    || coalesce(' comment ' || col_description(attrelid, attnum), '')
FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version' AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'constraint ' || conrelid::regclass::text || ' ' || conname || ' ' || replace(pg_get_constraintdef(oid), ' NOT VALID', '')
FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid <> 'alembic_version'::regclass AND (contype <> 'n' OR :not_null_names)
UNION ALL
SELECT 'index ' || pg_get_indexdef(indexrelid) || ' valid ' || indisvalid FROM pg_index
JOIN pg_class ON pg_class.oid = indrelid
WHERE relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
UNION ALL
SELECT 'enum ' || typname || ' ' || string_agg(enumlabel, ', ' ORDER BY enumsortorder) FROM pg_enum
JOIN pg_type ON pg_type.oid = enumtypid
GROUP BY typname
UNION ALL
SELECT 'sequence ' || seqrelid::regclass::text || ' ' || seqtypid::regtype::text || ' ' || seqstart || ' ' || seqincrement
FROM pg_sequence
UNION ALL
SELECT 'function ' || oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""


def before(revision: str) -> str:
    """Return the revision that ``revision`` follows."""
    return REVISIONS[REVISIONS.index(revision) - 1]


@contextlib.contextmanager
def opened(database: Database) -> Iterator[Connection]:
    """Connect to ``database``; what is done is committed at the end."""
    source = engine(database)
    try:
        with source.begin() as connection:
            yield connection
    finally:
        source.dispose()


@contextlib.contextmanager
def configured(database: Database) -> Iterator[tuple[Config, io.StringIO]]:
    """Return Alembic's configuration of this repository, with a connection handed to env.py, and what Alembic prints."""
    printed = io.StringIO()
    source = engine(database)
    try:
        with source.connect() as connection:
            config = Config(toml_file=REPOSITORY / "pyproject.toml", stdout=printed)
            config.attributes["connection"] = connection
            yield config, printed
    finally:
        source.dispose()


def upgrade(database: Database, target: str = "head") -> None:
    """Run the history up to ``target``."""
    with configured(database) as (config, _):
        command.upgrade(config, target)


def downgrade(database: Database, target: str) -> None:
    """Run the history down to ``target``."""
    with configured(database) as (config, _):
        command.downgrade(config, target)


def facts(database: Database, *, not_null_names: bool = False) -> list[str]:
    """Return what the catalogue says of the schema, one line a fact.

    :param not_null_names: also the names of NOT NULL constraints, which exist since PostgreSQL 18.
    """
    with opened(database) as connection:
        connection.execute(sa.text("CREATE TABLE IF NOT EXISTS alembic_version (version_num varchar(32) NOT NULL)"))
        found = connection.scalars(sa.text(_FACTS), {"not_null_names": not_null_names}).all()
        connection.rollback()
    return sorted(found)


def run(database: Database, *statements: str) -> None:
    """Run statements in one transaction."""
    with connect(database) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    """Return the rows of ``query``."""
    with connect(database, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def there_and_back(database: Database, revision: str, query: str, *, below: str) -> tuple[list[tuple[object, ...]], ...]:
    """Run ``revision`` up, down and up; return what ``query`` finds at it twice, and ``below`` finds under it."""
    upgrade(database, revision)
    first = rows(database, query)
    downgrade(database, before(revision))
    under = rows(database, below)
    upgrade(database, revision)
    return first, under, rows(database, query)
