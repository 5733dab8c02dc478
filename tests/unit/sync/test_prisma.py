"""schema.prisma without a server: what people wrote stays, and what cannot be read is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from seachange.errors import TargetFailedError
from seachange.sync.model import Column, Enum, ForeignKey, Index, IndexPart, Key, Schema, Table, Type, View
from seachange.sync.targets.prisma import schema_prisma
from seachange.sync.targets.prisma._defaults import default_value, without_public
from seachange.sync.targets.prisma._names import constraint_name, identifier, quoted
from seachange.sync.targets.prisma._types import FieldType

_PATH = Path("schema.prisma")


def _type(name: str, **more: object) -> Type:
    return Type(**{"text": name, "schema": "pg_catalog", "name": name, **more})  # type: ignore[arg-type]


def _column(name: str, kind: str = "int4", **more: object) -> Column:
    return Column(**{"name": name, "type": _type(kind), "not_null": True, **more})  # type: ignore[arg-type]


_COLOUR = Type(text="public.colour", schema="public", name="colour", kind="enum")
_USERS = Table(
    schema="public",
    name="users",
    columns=(
        _column("id", identity="always"),
        _column("e mail", "text"),
        _column("token", "text"),
        _column("colour", type=_COLOUR, default="'dark blue'::public.colour"),
    ),
    primary_key=Key(name="users_pkey", columns=("id",)),
)
_POSTS = Table(
    schema="public",
    name="posts",
    columns=(_column("id"), _column("user_id", not_null=False), _column("title", "text")),
    primary_key=Key(name="posts_pkey", columns=("id",)),
    foreign_keys=(
        ForeignKey(
            name="posts_user_id_fkey",
            columns=("user_id",),
            references_schema="public",
            references_table="users",
            references_columns=("id",),
        ),
    ),
    indexes=(
        Index(
            name="by_title",
            method="btree",
            parts=(IndexPart(column="title"), IndexPart(column="id", descending=True, nulls_first=True)),
        ),
    ),
)
_VIEW = View(schema="public", name="recent", columns=(_column("id", not_null=False),))
_SCHEMA = Schema(
    fingerprint="abc",
    schemas=("public",),
    tables=(_POSTS, _USERS),
    views=(_VIEW,),
    enums=(Enum(schema="public", name="colour", labels=("red", "dark blue")),),
)

_FRESH = """// Written by Seachange from the database; `invoke db.sync --target prisma` writes it anew.
// revision: none
// catalogue: abc

generator client {
  provider        = "prisma-client"
  output          = "../generated/prisma"
  previewFeatures = ["views"]
}

datasource db {
  provider = "postgresql"
  schemas  = ["public"]
}

model posts {
  id      Int    @id
  user_id Int?
  title   String
  users   users? @relation(fields: [user_id], references: [id], onDelete: NoAction, onUpdate: NoAction)

  @@index([title, id(sort: Desc)], map: "by_title")
  @@schema("public")
}

model users {
  id     Int     @id @default(autoincrement())
  e_mail String  @map("e mail")
  token  String
  colour colour  @default(dark_blue)
  posts  posts[]

  @@schema("public")
}

view recent {
  id Int?

  @@schema("public")
}

enum colour {
  red
  dark_blue @map("dark blue")

  @@schema("public")
}
"""

_CHANGED = """// Written by Seachange from the database; `invoke db.sync --target prisma` writes it anew.
// revision: none
// catalogue: abc

// Ours, not Prisma's.

/// What colours there are.
enum Colour {
  RED  @map("red") // signal
  // the usual one
  DARK @map("dark blue")

  @@map("colour")
}

generator zod {
  provider = "zod-prisma-types" // for the forms
}

datasource source {
  provider = "postgresql"
}

/// People.
model User {
  /// never shown
  id      Int    @id @default(autoincrement())
  email   String @map("e mail") @ignore
  token   String @default(uuid(7))
  colour  Colour @default(DARK)
  // newest first
  written Post[] @relation("author") @ignore // theirs

  @@map("users")
}

model Post {
  id       Int    @id
  authorId Int?   @map("user_id")
  title    String
  author   User?  @relation("author", fields: [authorId], references: [id], onDelete: NoAction, onUpdate: NoAction)

  // for the search
  @@index([title, id(sort: Desc)], name: "search", map: "by_title")
  @@map("posts")
  @@ignore
}

model gone {
  id Int @id
}
"""


def _written(present: str = "", schema: Schema = _SCHEMA) -> str:
    return schema_prisma(schema, present=present, path=_PATH)


def test_a_new_file_has_settings_models_views_and_enums() -> None:
    assert _written() == _FRESH


def test_a_file_that_is_up_to_date_stays_as_it_is() -> None:
    assert _written(_FRESH) == _FRESH


def test_names_relations_comments_settings_and_order_of_the_file_are_kept_and_what_is_gone_goes() -> None:
    first = _written(_CHANGED)

    assert first == _CHANGED.partition("\nmodel gone")[0]
    assert _written(first) == first


def test_a_new_table_goes_behind_the_models_and_a_new_schema_into_the_settings() -> None:
    more = Table(schema="audit", name="log", columns=(_column("id"),), primary_key=Key(name="log_pkey", columns=("id",)))
    schema = Schema(fingerprint="abc", schemas=("audit", "public"), tables=(more, _POSTS, _USERS), enums=_SCHEMA.enums)
    text = _written(_CHANGED, schema)

    assert 'datasource source {\n  provider = "postgresql"\n  schemas  = ["audit", "public"]\n}' in text
    assert text.index("model Post") < text.index("model log") < len(text)
    assert text.count('@@schema("public")') == 3
    assert _written(text, schema) == text


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        pytest.param("model a {\n  id Int @id\n", 1, "model a has no closing brace", id="no end"),
        pytest.param("\nmodl a {\n}\n", 2, "'modl a {' begins no block of a Prisma schema", id="unknown word"),
        pytest.param("model a {\n  id\n}\n", 2, "'id' is no field with a type", id="no type"),
        pytest.param("model a {\n  id Int @id what\n}\n", 2, "'what' is not expected here", id="stray word"),
        pytest.param("model a {\n  id Int @default(now()\n}\n", 2, "a bracket is not closed", id="bracket"),
        pytest.param("enum a {\n  $x\n}\n", 2, "'$x' is no value", id="value"),
        pytest.param("/* never\nends", 1, "the comment that begins here has no end", id="comment"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_with_its_line(text: str, line: int, problem: str) -> None:
    with pytest.raises(TargetFailedError) as caught:
        _written(text)

    assert str(caught.value) == f"schema.prisma, line {line}: {problem}"
    assert caught.value.hint.startswith(f"mend line {line} ")


@pytest.mark.parametrize(
    ("expression", "family", "array", "expected"),
    [
        pytest.param("nextval('public.a_seq'::regclass)", "Int", False, "autoincrement()", id="sequence"),
        pytest.param("'-7'::integer", "Int", False, "-7", id="negative number"),
        pytest.param("1.50", "Decimal", False, "1.50", id="decimal"),
        pytest.param("'1e-07'::double precision", "Float", False, "dbgenerated(\"'1e-07'::double precision\")", id="exponent"),
        pytest.param("E'a\\\\b''c\n'::text", "String", False, '"a\\\\b\'c\\n"', id="escapes"),
        pytest.param("upper('x'::text)", "String", False, "dbgenerated(\"upper('x'::text)\")", id="function"),
        pytest.param("'\\x0102'::bytea", "Bytes", False, '"AQI="', id="bytes"),
        pytest.param("CURRENT_TIMESTAMP", "DateTime", False, "now()", id="now"),
        pytest.param("CURRENT_TIMESTAMP(3)", "DateTime", False, 'dbgenerated("CURRENT_TIMESTAMP(3)")', id="now with precision"),
        pytest.param("NULL::text", "String", False, "", id="null"),
        pytest.param("'{1,2}'::integer[]", "Int", True, "[1, 2]", id="list"),
        pytest.param("ARRAY['a'::text, 'b, c'::text]", "String", True, '["a", "b, c"]', id="constructed list"),
        pytest.param("ARRAY[]::text[]", "String", True, "[]", id="empty list"),
        pytest.param("'{a,NULL}'::text[]", "String", True, "dbgenerated(\"'{a,NULL}'::text[]\")", id="null in a list"),
        pytest.param("ARRAY[now()]", "DateTime", True, 'dbgenerated("ARRAY[now()]")', id="function in a list"),
    ],
)
def test_defaults_are_told_as_literals_where_prisma_has_them(expression: str, family: str, array: bool, expected: str) -> None:  # noqa: FBT001 - a table of cases
    kind = FieldType(family=family, name=family, array=array)  # type: ignore[arg-type]

    assert default_value(_column("x", default=expression), kind, {}) == expected


def test_expressions_are_as_prisma_reads_them_with_public_in_its_search_path() -> None:
    expression = """public.f('public.x', "public".y, 'public.s'::regclass, other.public.z, E'\\'public.q')"""

    assert without_public(expression) == """f('public.x', "public".y, 's'::regclass, other.public.z, E'\\'public.q')"""


def test_names_are_made_as_prisma_makes_them() -> None:
    assert [identifier(name) for name in ("1st", "größe", "__private", "a b", "日本")] == ["st", "gr__e", "private", "a_b", ""]
    assert constraint_name("t" * 60, ["column"], "key") == "t" * 59 + "_key"
    assert quoted('a"b\\c\n\x01') == '"a\\"b\\\\c\\n\\u0001"'


def test_colliding_and_unusable_names_are_told_apart() -> None:
    names = ("a b", "a-b", "a_b", "日本", "String", "class")
    tables = tuple(
        Table(
            schema="public",
            name=name,
            columns=(_column("x y"), _column("x-y")),
            primary_key=Key(name=f"{name}_pkey", columns=("x y",)),
        )
        for name in names
    )
    text = _written(schema=Schema(fingerprint="f", schemas=("public",), tables=tables))

    models = [line.split()[1] for line in text.splitlines() if line.startswith("model ")]
    assert models == ["public_a_b", "public_a_b_2", "public_a_b_3", "public___", "RenamedString", "Renamedclass"]
    assert text.count('x_y   Int @id @map("x y")\n  x_y_2 Int @map("x-y")') == 6


def test_an_enum_of_digits_has_values() -> None:
    text = _written(schema=Schema(fingerprint="f", enums=(Enum(schema="public", name="grade", labels=("1", "2")),)))

    assert 'enum grade {\n  value_1 @map("1")\n  value_2 @map("2")\n' in text
    assert _written(text, Schema(fingerprint="f", enums=(Enum(schema="public", name="grade", labels=("1", "2")),))) == text


def test_a_foreign_key_to_a_table_outside_of_the_selection_is_left_out() -> None:
    text = _written(schema=Schema(fingerprint="f", schemas=("public",), tables=(_POSTS,)))

    assert "@relation" not in text
    assert "user_id Int?" in text
