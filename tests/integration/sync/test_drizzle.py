"""Target drizzle against real databases, judged by TypeScript, drizzle-kit and drizzle-orm."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.postgres.catalog import read_catalog
from seachange.postgres.catalog_diff import diff
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.sync import sync
from seachange.sync.model import Column, Index, Schema
from seachange.sync.reading import read_schema
from tests.integration.sync.databases import filled_database
from tests.oracles import node, run_node
from tests.project import REPOSITORY
from tests.schemas import CLINIC, NASTY, SYNC

_STRUCTURE = (REPOSITORY / "app" / "schema" / "structure.sql").read_text(encoding="utf-8")
# psql's own commands are nothing for the server.
_APP = "".join(line for line in _STRUCTURE.splitlines(keepends=True) if not line.startswith("\\"))
_SCHEMAS = {"app": _APP, "clinic": CLINIC, "nasty": NASTY, "sync": SYNC}
# drizzle-kit dies of quotes in names, of schemas whose names need quotes, and of a column that JavaScript takes for a prototype.
_PLAIN = {"Back Office": "back_office", "Odd Schema": "odd", '""': "", "__proto__": "proto"}
_OPTIONS: Mapping[str, Mapping[str, object]] = {
    **{name: {} for name in _SCHEMAS},
    "preserved": {"casing": "preserve", "bigint": "bigint", "partitions": "omit"},
    "plain_nasty": {},
    "plain_sync": {},
}
_CONSUMER = """
import { drizzle } from "drizzle-orm/node-postgres";
import * as relations from "./relations";
import * as schema from "./schema";

const db = drizzle("postgresql://", { schema: { ...schema, ...relations } });

export async function names(): Promise<string[]> {
  const found = await db.query.departments.findMany({ with: { head: true, employeesByDepartment: { with: { manager: true } } } });
  const chief: string | undefined = found[0]?.head?.name;
  const name: string = found[0].employeesByDepartment[0].name;
  // @ts-expect-error: not everybody has a manager
  found[0].employeesByDepartment[0].manager.name;
  return [chief ?? "", name];
}

export const nothing: schema.DefaultsInsert = {};
export const matrix: schema.EverythingSelect["matrix"] = [[1, 2], [3]];
export const marks: schema.EverythingInsert["marks"] = ["a"];
// @ts-expect-error: the database gives it
export const identity: schema.EverythingInsert = { id: 1 };
// @ts-expect-error: there is no such label
export const label: schema.EverythingInsert = { feeling: "so what" };
// @ts-expect-error: a row of this table has a name
export const product: schema.ProductsInsert = { sku: "12345678", price: "1.00" };
"""
# The types of the others are among those of these.
_COMPILED = ("app", "nasty", "preserved", "sync")
_COMPILER = {
    "compilerOptions": {
        "strict": True,
        "target": "es2022",
        "module": "node16",
        "types": ["node"],
        "skipLibCheck": True,
        "outDir": "compiled",
        "exactOptionalPropertyTypes": True,
    },
    "include": [f"{name}/*.ts" for name in _COMPILED],
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Judgement:
    """The statements of drizzle-kit: against the database as it pulled it, and against nothing."""

    proposed: Sequence[str]
    created: Sequence[str]


def _plain(text: str) -> str:
    for found, plain in _PLAIN.items():
        text = text.replace(found, plain)
    return text


@pytest.fixture(scope="module")
def databases(server: Server) -> Iterator[Mapping[str, Database]]:
    """A database of each schema."""
    with contextlib.ExitStack() as stack:
        texts = {**_SCHEMAS, **{f"plain_{name}": _plain(_SCHEMAS[name]) for name in ("nasty", "sync")}}
        found = {name: stack.enter_context(filled_database(server, text)) for name, text in texts.items()}
        yield {**found, "preserved": found["sync"]}


@pytest.fixture(scope="module")
def written(databases: Mapping[str, Database], settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the target writes of each."""
    root = tmp_path_factory.mktemp("drizzle")
    for name, options in _OPTIONS.items():
        given = (("drizzle", tuple(options.items())),) if options else ()
        project = dataclasses.replace(settings, root=root, sync_paths=(("drizzle", name),), sync_options=given)
        sync(databases[name], settings=project, targets=("drizzle",))
    (root / "sync" / "consumer.ts").write_text(_CONSUMER)
    return root


@pytest.fixture(scope="module")
def compiled(written: Path, oracles: Path) -> tuple[Path, str]:
    """The folder with the compiled files, and what TypeScript said."""
    (written / "node_modules").symlink_to(oracles)
    (written / "package.json").write_text('{"type": "commonjs"}')
    (written / "tsconfig.json").write_text(json.dumps(_COMPILER))
    command = [node(), str(oracles / "typescript" / "bin" / "tsc"), "--project", str(written), "--pretty", "false"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return written / "compiled", done.stdout + done.stderr


@pytest.fixture(scope="module")
def judged(compiled: tuple[Path, str], databases: Mapping[str, Database]) -> Mapping[str, _Judgement]:
    """What drizzle-kit says of the schemas that it can read."""
    folder, _ = compiled
    cases = {}
    for name in ("app", "clinic", "plain_nasty", "plain_sync"):
        with contextlib.closing(connect(databases[name])) as connection:
            schema, _ = read_schema(connection)
        overlooked = [table.name for table in schema.tables if table.partition_key]
        cases[name] = {
            "url": databases[name].url(),
            "schemas": list(schema.schemas),
            "tables": [f"!{table}" for table in ("alembic_version", *overlooked)],
            "omit": overlooked,
        }
    found = json.loads(run_node("drizzle_kit.mjs", input=json.dumps({"folder": str(folder.parent), "cases": cases})))
    return {name: _Judgement(**one) for name, one in found.items()}


def test_the_files_of_every_schema_are_clean_under_strict(compiled: tuple[Path, str]) -> None:
    folder, said = compiled
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.js"))

    assert said == ""
    assert set(files) == {f"{name}/{file}.js" for name in _COMPILED for file in ("relations", "schema")} | {"sync/consumer.js"}


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in _OPTIONS])
def test_no_type_is_unknown(written: Path, name: str) -> None:
    text = (written / name / "schema.ts").read_text(encoding="utf-8")

    assert "unknown(" not in text


def test_the_same_database_gives_the_same_files(written: Path, databases: Mapping[str, Database], settings: Settings) -> None:
    project = dataclasses.replace(settings, root=written, sync_paths=(("drizzle", "nasty"),))
    files = sync(databases["nasty"], settings=project, targets=("drizzle",), check=True).files

    assert [(file.path.name, file.status) for file in files] == [("relations.ts", "unchanged"), ("schema.ts", "unchanged")]


def _misread(schema: Schema) -> Iterator[str]:
    """Yield the names of what drizzle-kit 0.31 pulls wrongly, so that it takes the truth for a change."""
    for table in schema.tables:
        keys = [key for key in (table.primary_key, *table.unique_keys) if key]
        # The columns come in any order, and NULLS NOT DISTINCT not at all.
        yield from (key.name for key in keys if len(key.columns) > 1 or key.nulls_not_distinct)
        for reference in table.foreign_keys:
            # So do those of a foreign key, which is there once more for each partition that it leads to.
            names = [reference.name] if len(reference.columns) > 1 else []
            yield from (name + end for name in names for end in ("", *(f"_{number}" for number in range(1, 6))))
        yield from (check.name for check in table.checks if not check.validated or not check.enforced)
        yield from (index.name for index in table.indexes if _is_misread(index))
        # All but the first lose what they say.
        yield from (policy.name for policy in table.policies if len(table.policies) > 1)
        for column in table.columns:
            if _is_type_misread(schema, column) or _is_default_misread(column):
                yield f"{table.name}.{column.name}"
        # The table is overlooked, its sequence is not.
        yield from (f"{table.name}_{column.name}_seq" for column in table.columns if table.partition_key and column.identity)


def _is_misread(index: Index) -> bool:
    classes = {part.operator_class or part.default_operator_class for part in index.parts}
    expressions = any(part.expression or part.collation for part in index.parts)
    return expressions or bool(index.include) or len(classes) > 1 or index.nulls_not_distinct


def _is_type_misread(schema: Schema, column: Column) -> bool:
    # Of a domain over a type of an extension that type is told, of an array of enums not its schema, and "char" is no char.
    base = schema.base_type(column.type)
    domain = column.type.kind == "domain" and (bool(base.extension) or column.type.schema != "public")
    return domain or (column.type.array and column.type.schema not in ("public", "pg_catalog")) or column.type.name == "char"


def _is_default_misread(column: Column) -> bool:
    return bool(column.default) and (column.type.array or (column.type.name == "jsonb" and "''" in column.default))


_SUBJECT = re.compile(r'(?:TABLE "(?P<table>[^"]+)"|TABLE "[^"]+"\."(?P<other>[^"]+)") ALTER COLUMN "(?P<column>[^"]+)"')
_NAMED = re.compile(r'(?:CONSTRAINT|INDEX|POLICY|SEQUENCE) (?:"[^"]+"\.)?"([^"]+)"')


def _subject(statement: str) -> str:
    column = _SUBJECT.search(statement)
    if column:
        return f"{column['table'] or column['other']}.{column['column']}"
    named = _NAMED.search(statement)
    return named[1] if named else statement


def test_drizzle_kit_proposes_nothing_for_ordinary_tables(judged: Mapping[str, _Judgement]) -> None:
    assert judged["clinic"].proposed == []


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in ("app", "plain_nasty", "plain_sync")])
def test_drizzle_kit_proposes_nothing_but_what_it_misread_itself(
    judged: Mapping[str, _Judgement], databases: Mapping[str, Database], name: str
) -> None:
    with contextlib.closing(connect(databases[name])) as connection:
        schema, _ = read_schema(connection)
    proposed = [statement for statement in judged[name].proposed if _subject(statement) not in set(_misread(schema))]

    assert proposed == []


def _losses(name: str) -> list[str]:
    text = (Path(__file__).parent / "drizzle_losses.txt").read_text(encoding="utf-8")
    found = re.search(rf"^\[{name}\]\n(.*?)(?=^\[|\Z)", text, re.DOTALL | re.MULTILINE)
    return found[1].strip().split("\n") if found else []


_PRELUDE = re.compile(
    r"(?:\A|\n)(CREATE (?:EXTENSION|SCHEMA|DOMAIN|FUNCTION|PROCEDURE|AGGREGATE)\b.*|CREATE TYPE \S+ AS (?:\(|RANGE).*)\Z",
    re.DOTALL,
)


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in ("app", "clinic", "plain_nasty", "plain_sync")])
def test_what_drizzle_kit_creates_differs_only_where_drizzle_has_no_words(
    judged: Mapping[str, _Judgement], databases: Mapping[str, Database], database: Database, name: str
) -> None:
    statements = _plain(_SCHEMAS[name.removeprefix("plain_")]).split(";\n")
    prelude = [found[1] for found in map(_PRELUDE.search, statements) if found]
    with contextlib.closing(connect(database, autocommit=True)) as connection:
        for statement in prelude:
            connection.execute(statement.encode())
        for statement in judged[name].created:
            connection.execute(statement.replace("CREATE SCHEMA", "CREATE SCHEMA IF NOT EXISTS").encode())
        created = read_catalog(connection)
    with contextlib.closing(connect(databases[name])) as connection:
        expected = read_catalog(connection, exclude_tables=("alembic_version",))
    keys = {f"constraint {key.name}" for table in expected.tables for key in [table.primary_key] if key and len(key.columns) == 1}
    keys |= {f"constraint {table.name}_pkey" for table in expected.tables}
    found = [
        " ".join(filter(None, (one.kind, f"{one.object}:", one.part, one.attribute)))
        for one in diff(expected, created)
        if one.attribute != "comment" and not (one.part in keys and one.kind != "changed")
    ]

    assert found == _losses(name)


_PICTURE = {"type": "Buffer", "data": list(b"pic")}
_FOUND = {
    # Not every server is built with XML.
    "missing": ["markup"],
    "different": {},
    "again": [],
    "changed": [{"type": "Buffer", "data": [122]}, None, 8],
    "company": {
        "name": "care",
        "head": {"name": "Ana"},
        "employeesByDepartment": [
            {"name": "Ana", "email": "ana@example.com", "manager": None},
            {"name": "Leo", "email": "leo@example.com", "manager": {"name": "Ana"}},
        ],
    },
    "tagged": [
        {
            "name": "ball",
            "gross": "11.90",
            "price": "10.00",
            "productTags": [{"tagNameTags": {"name": "red"}}, {"tagNameTags": {"name": "round"}}],
        }
    ],
    "profile": {"name": "Cy", "customerProfiles": {"customerId": None, "biography": None, "picture": _PICTURE}},
    "views": [["2024-06-01 00:00:00+00"], [[1, "Cy"]]],
    "named": {"id": 1, "id2": 2, "twoWords": "a", "twoWords2": "b", "label": "*/"},
    "sum": 1,
}
_FILLED = {
    "byDefault": 10,
    "ticket": 1000,
    "quoted": 'it\'s "quoted" \\ and `${ticked}` %s',
    "belowZero": -1,
    "exact": "-1.50",
    "oddFeeling": 'it\'s "complicated"',
    "feelings": [],
    "twoFeelings": ["happy", "happy"],
    "tags": ["a", 'b"c', "d,e", "f'g"],
    "numbers": [1, -2],
    "document": {"a": [1, "x'y", None]},
    "raw": {"type": "Buffer", "data": [222, 173, 190, 239]},
    "several": 1,
    "contact": "nobody@example.com",
}


def test_rows_of_every_type_and_their_relations_pass_through_drizzle_orm(
    compiled: tuple[Path, str], databases: Mapping[str, Database]
) -> None:
    found = json.loads(run_node("drizzle_rows.mjs", str(compiled[0] / "sync"), databases["sync"].url()))
    defaults = found.pop("defaults")
    known = {name: defaults[name] for name in _FILLED}

    assert found == _FOUND
    assert known == _FILLED
    assert [name for name, value in defaults.items() if value is None] == ["nothing"]
