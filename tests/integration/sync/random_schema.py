"""Small schemas drawn by a seed, of what Prisma and PostgreSQL both know."""

from __future__ import annotations

import random

__all__ = ["random_schema"]

_TYPES = {
    "smallint": ("1", "-3"),
    "integer": ("7", "'8'", "(1 + 2)"),
    "bigint": ("9", "5000000000"),
    "numeric": ("1.50", "-2", "0"),
    "numeric(8, 3)": ("0.125",),
    "double precision": ("0.5", "3"),
    "real": ("1.5",),
    "boolean": ("true", "false", "(NOT true)"),
    "text": ("'it''s'", "''", "upper('x')", "E'a\\nb\\\\c'", "'\"q\"'"),
    "varchar(20)": ("'x'",),
    "varchar": ("'x y'",),
    "char(4)": ("'ab'",),
    "date": ("current_date", "'2024-02-29'", "now()"),
    "time": ("'12:00'",),
    "timestamp": ("now()", "current_timestamp"),
    "timestamp(3)": ("now()",),
    "timestamptz": ("now()", "'2024-01-01 00:00:00+00'"),
    "timestamptz(0)": ("current_timestamp(0)",),
    "interval": ("'1 day'",),
    "uuid": ("gen_random_uuid()",),
    "json": ("'{}'",),
    "jsonb": ("'{\"a\": [1]}'", "'[]'"),
    "bytea": ("'\\xdeadbeef'",),
    "inet": ("'127.0.0.1'",),
    "bit(3)": ("B'101'",),
    "bit varying(5)": ("B'1'",),
    "money": ("5",),
    "tsvector": ("''",),
    "int4range": ("'[1,5)'",),
    "xml": (),
    "colour": ("'red'", "'dark blue'"),
    "integer[]": ("'{}'", "'{1,2}'", "ARRAY[3, 4]"),
    "text[]": ("'{}'", "ARRAY['a', 'b c']", "'{\"x y\",z}'"),
    "boolean[]": ("'{t,f}'",),
    "colour[]": ("'{}'", "'{red}'"),
    "varchar(9)[]": (),
    "timestamptz[]": (),
    "numeric(5, 2)[]": ("'{1.25,-2}'",),
    "percent": ("50",),
}
_NAMES = (
    "id",
    "name",
    "Name",
    "two words",
    "größe",
    "_lead",
    "9lives",
    "class",
    "order",
    "type",
    "a-b",
    "x" * 40,
    "model",
    "user_id",
)
_KEYS = ("integer", "bigint", "text", "uuid")
_METHODS = {
    "jsonb": "gin",
    "text[]": "gin",
    "int4range": "gist",
    "integer": "brin",
    "text": "hash",
    "inet": "gist",
    "tsvector": "gin",
}
_CLASSES = {"jsonb": " jsonb_path_ops", "inet": " inet_ops"}
_ACTIONS = ("", " ON DELETE CASCADE", " ON DELETE SET NULL", " ON DELETE RESTRICT ON UPDATE CASCADE", " ON UPDATE RESTRICT")


def random_schema(seed: int) -> str:
    """Return statements that make a few tables that refer to each other.

    :param seed: the same one gives the same statements.
    """
    draw = random.Random(seed)
    lines = [
        "CREATE TYPE colour AS ENUM ('red', 'dark blue', 'x-1')",
        "CREATE DOMAIN percent AS integer CHECK (VALUE BETWEEN 0 AND 100)",
    ]
    made: list[tuple[str, list[str]]] = []
    for number in range(draw.randint(4, 6)):
        lines += _table(draw, f"{draw.choice(('t', 'Tab', 'some table', '_t'))}{number}", made)
    return ";\n".join(lines)


def _table(draw: random.Random, table: str, made: list[tuple[str, list[str]]]) -> list[str]:
    names = draw.sample(_NAMES, draw.randint(3, 9))
    kinds = {name: draw.choice(list(_TYPES)) for name in names}
    keys = names[: draw.choice((0, 1, 1, 1, 1, 2))]
    kinds |= {name: draw.choice(_KEYS) for name in keys}
    columns = [f'"{name}" {_column(draw, kinds[name], key=name in keys)}' for name in names]
    after = []
    if keys:
        quoted = ", ".join(f'"{name}"' for name in keys)
        named = draw.choice(("", f'CONSTRAINT "pk {table}" '))
        columns.append(f"{named}PRIMARY KEY ({quoted})")
    for place, (other, types) in enumerate(draw.sample(made, min(len(made), draw.randint(0, 3)))):
        column = [f'"fk {place} {part}" {kind} {draw.choice(("", "NOT NULL"))}' for part, kind in enumerate(types)]
        own = ", ".join(f'"fk {place} {part}"' for part in range(len(types)))
        action = draw.choice(_ACTIONS)
        columns += [*column, f'FOREIGN KEY ({own}) REFERENCES "{other}"{action}']
        if draw.random() < 0.3:
            columns.append(f"UNIQUE ({own})")
    after += _indexes(draw, table, kinds)
    if keys:
        made.append((table, [kinds[name] for name in keys]))
    return [f'CREATE TABLE "{table}" ({", ".join(columns)})', *after]


def _column(draw: random.Random, kind: str, *, key: bool) -> str:
    if key and kind in ("integer", "bigint") and draw.random() < 0.6:
        return draw.choice((f"{kind} GENERATED ALWAYS AS IDENTITY", "serial" if kind == "integer" else "bigserial"))
    defaults = _TYPES[kind]
    text = f"{kind} DEFAULT {draw.choice(defaults)}" if defaults and draw.random() < 0.5 else kind
    return f"{text} NOT NULL" if key or draw.random() < 0.4 else text


def _indexes(draw: random.Random, table: str, kinds: dict[str, str]) -> list[str]:
    found = []
    for number, (name, kind) in enumerate(kinds.items()):
        chance = draw.random()
        if kind in _METHODS and chance < 0.2:
            operators = draw.choice(("", _CLASSES.get(kind, ""))) or ("" if kind != "inet" else " inet_ops")
            found.append(f'CREATE INDEX ON "{table}" USING {_METHODS[kind]} ("{name}"{operators})')
        elif kind in _KEYS and chance < 0.5:
            unique = draw.choice(("", "UNIQUE "))
            order = draw.choice(("", " DESC", " DESC NULLS LAST"))
            where = draw.choice(("", "", f' WHERE "{name}" IS NOT NULL'))
            found.append(f'CREATE {unique}INDEX "i {table} {number}" ON "{table}" ("{name}"{order}){where}')
    return found
