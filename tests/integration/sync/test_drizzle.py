"""Target drizzle against real databases, judged by TypeScript, drizzle-kit and drizzle-orm."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.sync import sync
from seachange.testing.fixtures import fresh_database
from tests.oracles import node
from tests.project import REPOSITORY
from tests.schemas import CLINIC, NASTY

_STRUCTURE = (REPOSITORY / "app" / "schema" / "structure.sql").read_text(encoding="utf-8")
# psql's own commands are nothing for the server.
_APP = "".join(line for line in _STRUCTURE.splitlines(keepends=True) if not line.startswith("\\"))
_SCHEMAS = {"app": _APP, "clinic": CLINIC, "nasty": NASTY}
_OPTIONS: Mapping[str, Mapping[str, object]] = {
    "app": {},
    "clinic": {},
    "nasty": {},
    "preserved": {"casing": "preserve", "bigint": "bigint", "partitions": "omit"},
}
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
    "include": ["*/*.ts"],
}


@pytest.fixture(scope="module")
def databases(server: Server) -> Iterator[Mapping[str, Database]]:
    """A database of each schema."""
    with contextlib.ExitStack() as stack:
        found = {name: stack.enter_context(fresh_database(server)) for name in _SCHEMAS}
        for name, database in found.items():
            with contextlib.closing(connect(database, autocommit=True)) as connection:
                connection.execute(_SCHEMAS[name].encode())
        yield {**found, "preserved": found["nasty"]}


@pytest.fixture(scope="module")
def written(databases: Mapping[str, Database], settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the target writes of each."""
    root = tmp_path_factory.mktemp("drizzle")
    for name, options in _OPTIONS.items():
        given = (("drizzle", tuple(options.items())),) if options else ()
        project = dataclasses.replace(settings, root=root, sync_paths=(("drizzle", name),), sync_options=given)
        sync(databases[name], settings=project, targets=("drizzle",))
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


def test_the_files_of_every_schema_are_clean_under_strict(compiled: tuple[Path, str]) -> None:
    folder, said = compiled
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.js"))

    assert said == ""
    assert files == [f"{name}/{file}.js" for name in sorted(_OPTIONS) for file in ("relations", "schema")]


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in _OPTIONS])
def test_no_type_is_unknown(written: Path, name: str) -> None:
    text = (written / name / "schema.ts").read_text(encoding="utf-8")

    assert "unknown(" not in text


def test_the_same_database_gives_the_same_files(written: Path, databases: Mapping[str, Database], settings: Settings) -> None:
    project = dataclasses.replace(settings, root=written, sync_paths=(("drizzle", "nasty"),))
    files = sync(databases["nasty"], settings=project, targets=("drizzle",), check=True).files

    assert [(file.path.name, file.status) for file in files] == [("relations.ts", "unchanged"), ("schema.ts", "unchanged")]
