"""Models of SQLAlchemy and SQLModel from real servers; what is generated is imported in processes of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from seachange.config import Settings
from seachange.errors import ConfigError
from seachange.postgres.catalog import diff, read_catalog
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.sync import SyncedFile, sync
from seachange.testing.fixtures import fresh_database
from tests.integration.sync.databases import filled_database
from tests.schemas import NASTY, SYNC

pytest.importorskip("sqlacodegen")

_TARGETS = ("models", "dataclasses", "sqlmodel")

# Makes the tables of the models in the file MODELS, in the database URL.
_CREATE = """
import os, runpy, sqlalchemy
names = runpy.run_path(os.environ["MODELS"], run_name="generated")
metadata = names["SQLModel" if "SQLModel" in names else "Base"].metadata
with sqlalchemy.create_engine(os.environ["URL"]).begin() as connection:
    metadata.create_all(connection)
"""
_APP = """
import os, sqlalchemy
from app.models import Base
engine = sqlalchemy.create_engine(os.environ["URL"])
"""
_COMPARE = f"""{_APP}
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
with engine.connect() as connection:
    context = MigrationContext.configure(connection, opts={{"compare_type": True, "compare_server_default": True}})
    print(compare_metadata(context, Base.metadata))
"""
_TRIAL = """
import sys
from seachange.errors import TargetFailedError
from seachange.sync.targets.models._gate import try_models
from seachange.sync.targets.models._job import Job
try:
    try_models(sys.argv[1], None, Job(target="models", tables=(), header=(), snapshot=""))
except TargetFailedError as exc:
    print(exc.message)
"""
# What tables need that models do not make.
_FIRST = re.compile(r"^CREATE (?:EXTENSION|SCHEMA)[^;]*;|^CREATE TYPE \S+ AS (?:RANGE )?\([^;]*;", re.M)

# Objects that models do not describe at all.
_NOT_OF_MODELS = re.compile(
    r"(function|view) .* is missing.*|sequence billing\.numbers is missing.*|"
    r"schema .*: comment .*|(domain|enum|type) \S+: comment .*|"
    r"table \S+_(2024|2025|2025_even|2025_odd|rest) is missing.*|"
    r".*: (trigger|policy|rule|statistics object) .* is missing.*|.*under row security.*"
)
# What SQLAlchemy has no words for, or Alembic could not compare.
_REMAINING = {
    "nasty": """
domain public.positive: constraint above_zero CHECK ((VALUE > 0)) is missing in the database
domain public.positive: constraint positive_check CHECK ((VALUE > 0)) is in the database, but not expected
table public.clients: column raw: storage is not set in the database, expected external
table public.clients: column visits: default is 1 in the database, expected not set
table public.clients: column visits is not null in the database, expected nullable
table public.clients: index clients_tags: comment is not set in the database, expected for the search
table public.derived: inherits is not set in the database, expected public.base
table public.pets: replica identity is not set in the database, expected full
table public.pets: constraint later is validated in the database, expected not validated
table public.scratch: options is not set in the database, expected fillfactor=70
""",
    "sync": """
domain public.positive: constraint above_zero CHECK ((VALUE > 0)) is missing in the database
domain public.positive: constraint positive_check CHECK ((VALUE > 0)) is in the database, but not expected
sequence public.defaults_big_id_seq: owned by is not set in the database, expected public.defaults.big_id
sequence public.defaults_small_id_seq: owned by is not set in the database, expected public.defaults.small_id
table names."Mixed Case": constraint later is validated in the database, expected not validated
table public.customers: index customers_name_c: definition is CREATE INDEX customers_name_c ON public.customers USING \
btree (name) in the database, expected CREATE INDEX customers_name_c ON public.customers USING btree (name COLLATE "C")
table public.defaults: column big_id: default is not set in the database, expected nextval('public.defaults_big_id_seq'::regclass)
table public.defaults: column several: default is 1 in the database, expected not set
table public.defaults: column several is not null in the database, expected nullable
table public.everything: column byte: type is varchar in the database, expected "char"
table public.everything: column count_: default is 1 in the database, expected not set
table public.everything: column count_ is not null in the database, expected nullable
table public.newer: constraint newer_positive is enforced in the database, expected not enforced
table public.newer: constraint newer_positive is validated in the database, expected not validated
table public.order_items: column quantity: default is 1 in the database, expected not set
table public.products: index products_tags: comment is not set in the database, expected for the "search" */
table public.scratch: options is not set in the database, expected fillfactor=70
""",
}
_SCRIPTS = {"nasty": NASTY, "sync": SYNC}


def _fill(database: Database, script: str) -> None:
    with contextlib.closing(connect(database)) as connection:
        connection.execute(script.encode())
        connection.commit()


def _run(program: str, *arguments: str, **variables: str) -> str:
    argv = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(argv, env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _url(database: Database) -> str:
    return database.url().replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture(scope="module")
def project(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return dataclasses.replace(settings, root=tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def sources(server: Server) -> Iterator[Mapping[str, Database]]:
    with filled_database(server, NASTY) as nasty, filled_database(server, SYNC) as full:
        yield {"nasty": nasty, "sync": full}


@pytest.fixture(scope="module")
def written(sources: Mapping[str, Database], project: Settings) -> Mapping[tuple[str, str], SyncedFile]:
    found = {}
    for name, target in [("nasty", "models"), *(("sync", target) for target in _TARGETS)]:
        settings = dataclasses.replace(project, root=project.root / name)
        (found[name, target],) = sync(sources[name], settings=settings, targets=[target]).files
    return found


_CASES = [pytest.param(("nasty", "models"), id="nasty"), *(pytest.param(("sync", target), id=target) for target in _TARGETS)]


@pytest.mark.parametrize("case", _CASES)
def test_every_schema_becomes_models_that_alembic_finds_no_difference_in(
    written: Mapping[tuple[str, str], SyncedFile], case: tuple[str, str]
) -> None:
    file = written[case]

    assert (file.status, file.reason) == ("written", "")
    assert file.path.read_text().startswith(f"# Written by Seachange from the database; `invoke db.sync --target {case[1]}`")


@pytest.mark.parametrize("case", _CASES)
def test_the_models_make_the_same_catalogue_in_an_empty_database(
    written: Mapping[tuple[str, str], SyncedFile], sources: Mapping[str, Database], server: Server, case: tuple[str, str]
) -> None:
    script = _SCRIPTS[case[0]]
    with filled_database(server, "".join(_FIRST.findall(script))) as made:
        _run(_CREATE, URL=_url(made), MODELS=str(written[case].path))
        with contextlib.closing(connect(sources[case[0]])) as expected, contextlib.closing(connect(made)) as actual:
            differences = [one.sentence for one in diff(read_catalog(expected), read_catalog(actual))]

    assert [one for one in differences if not _NOT_OF_MODELS.fullmatch(one)] == _REMAINING[case[0]].strip().splitlines()


def test_models_of_the_reference_application_agree_with_its_own(server: Server, project: Settings) -> None:
    with fresh_database(server) as source, fresh_database(server) as made:
        _run(f"{_APP}Base.metadata.create_all(engine)", URL=_url(source))
        (file,) = sync(source, settings=dataclasses.replace(project, root=project.root / "app"), targets=["models"]).files
        assert (file.status, file.reason) == ("written", "")
        _run(_CREATE, URL=_url(made), MODELS=str(file.path))
        differences = _run(_COMPARE, URL=_url(made))

    assert differences == "[]\n"


@pytest.fixture
def place(project: Settings, database: Database, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    _fill(database, "create table visits (id integer primary key)")
    return dataclasses.replace(project, root=tmp_path_factory.mktemp("place"), sync_dir="app")


def test_a_difference_that_alembic_sees_fails_the_target_and_leaves_the_file(database: Database, place: Settings) -> None:
    (first,) = sync(database, settings=place, targets=["models"]).files
    before = first.path.read_bytes()
    # Alembic reads the word after the colon as a parameter, on the side of the database only.
    _fill(database, "alter table visits add note text; create index visits_noon on visits ((note || ' :noon'))")
    (second,) = sync(database, settings=place, targets=["models"]).files

    assert second.status == "failed"
    assert second.reason == (
        "Alembic still finds differences between the generated models and the database: the models lack index visits_noon of "
        "table visits of the database; the database lacks index visits_noon of table visits of the models"
    )
    assert second.hint.startswith("the file stays as it was; leave the table out with sync_exclude")
    assert first.path.read_bytes() == before


def test_an_option_leaves_out_and_is_left_out_of_the_comparison(database: Database, place: Settings) -> None:
    _fill(database, "create index visits_twice on visits ((id * 2)); comment on table visits is 'who came'")
    options = (("models", (("noindexes", True), ("nocomments", True), ("base_class", "Model"))),)
    (file,) = sync(database, settings=dataclasses.replace(place, sync_options=options), targets=["models"]).files

    assert (file.status, file.reason) == ("written", "")
    assert file.path.read_text().split("\n", 4)[4] == (
        "from sqlalchemy import Integer\n"
        "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\n\n"
        "class Model(DeclarativeBase):\n    pass\n\n\n"
        "class Visits(Model):\n    __tablename__ = 'visits'\n\n"
        "    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)\n"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "import datetime\nimport nothing_of_the_kind\n",
            "the generated models cannot be imported, at `import nothing_of_the_kind`: ModuleNotFoundError: No module named "
            "'nothing_of_the_kind'\n",
            id="import",
        ),
        pytest.param(
            "import warnings\nwarnings.warn('beware')\n",
            "the generated models cannot be imported, at `warnings.warn('beware')`: UserWarning: beware\n",
            id="warning",
        ),
        pytest.param(
            "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship\n"
            "class Base(DeclarativeBase): pass\n"
            "class Visit(Base):\n    __tablename__ = 'visits'\n    id: Mapped[int] = mapped_column(primary_key=True)\n"
            "    pet: Mapped['Pet'] = relationship('Pet')\n",
            "the generated models cannot be configured as mappers: InvalidRequestError: ",
            id="mappers",
        ),
    ],
)
def test_what_cannot_be_used_is_told_with_its_line(text: str, message: str) -> None:
    assert _run(_TRIAL, text)[: len(message)] == message


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        pytest.param({"noindexes": "yes"}, "sync_options.models.noindexes is 'yes', neither true nor false", id="no-boolean"),
        pytest.param({"base_class": "a b"}, "sync_options.models.base_class is 'a b', no free name of a class", id="no-name"),
        pytest.param(
            {"base_class": "Optional"}, "sync_options.models.base_class is 'Optional', no free name of a class", id="taken"
        ),
    ],
)
def test_a_wrong_option_is_refused(database: Database, place: Settings, options: Mapping[str, object], reason: str) -> None:
    changed = dataclasses.replace(place, sync_options=(("models", tuple(options.items())),))
    with pytest.raises(ConfigError) as caught:
        sync(database, settings=changed, targets=["models"])

    assert caught.value.message == reason


@pytest.mark.parametrize(
    "module", ["app/sqlalchemy_models.py", "app/sqlalchemy_models/__init__.py", "src/app/sqlalchemy_models.py"]
)
def test_the_module_of_the_setting_is_never_written(database: Database, place: Settings, module: str) -> None:
    settings = dataclasses.replace(place, models="app.sqlalchemy_models:Base", sync_paths=(("models", module),))
    with pytest.raises(ConfigError, match=r"from which models = 'app\.sqlalchemy_models:Base' takes the tables that Alembic"):
        sync(database, settings=settings, targets=["models"])

    assert not (place.root / module).exists()


def test_a_file_of_somebody_else_is_never_written(database: Database, place: Settings) -> None:
    path = place.root / "app" / "dataclass_models.py"
    path.parent.mkdir()
    path.write_text("# mine\n")
    (file,) = sync(database, settings=place, targets=["dataclasses"]).files

    assert file.status == "failed"
    assert file.reason.endswith("which is there and was not written by Seachange")
    assert path.read_text() == "# mine\n"


@pytest.mark.parametrize(
    ("library", "target", "hint"),
    [
        pytest.param("sqlacodegen", "models", "pip install 'seachange[models]'", id="sqlacodegen"),
        pytest.param("sqlmodel", "sqlmodel", "pip install 'seachange[models]' sqlmodel", id="sqlmodel"),
    ],
)
def test_a_missing_library_is_named_with_its_remedy(
    database: Database, place: Settings, monkeypatch: pytest.MonkeyPatch, library: str, target: str, hint: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    (file,) = sync(database, settings=place, targets=[target]).files

    assert (file.status, file.reason) == ("failed", f"target {target} needs {library}, which is not installed")
    assert file.hint == hint


def test_tables_of_other_schemas_come_with_the_foreign_keys_to_them(database: Database, place: Settings) -> None:
    _fill(
        database,
        "create schema other; create table other.pets (id integer primary key);"
        "create table other.owners (id integer primary key);"
        "alter table visits add pet_id integer references other.pets",
    )
    (file,) = sync(database, settings=dataclasses.replace(place, sync_schemas=("public",)), targets=["sqlmodel"]).files

    assert (file.status, file.reason) == ("written", "")
    assert re.findall(r"^class (\w+)", file.path.read_text(), re.M) == ["Pets", "Visits"]


def test_constraints_over_the_same_columns_stand_in_the_order_of_their_names(database: Database, place: Settings) -> None:
    names = [f"only_{letter}" for letter in "fcaebd"]
    _fill(
        database,
        "create table days (place integer, day date);"
        + "".join(f"alter table days add constraint {name} unique (place, day);" for name in names)
        + "".join(f"alter table days add constraint day_{name} check (place > 0);" for name in names),
    )
    (file,) = sync(database, settings=place, targets=["models"]).files

    assert (file.status, file.reason) == ("written", "")
    found = re.findall(r"name='(\w+)'", file.path.read_text())
    assert found == [*(f"day_{name}" for name in sorted(names)), *sorted(names)]


def test_names_and_keys_that_sqlacodegen_trips_over_become_models(database: Database, place: Settings) -> None:
    _fill(
        database,
        """
        create table tenants (id integer primary key);
        create table people (tenant_id integer references tenants, id integer, since date, primary key (tenant_id, id));
        create table notes (tenant_id integer references tenants, id integer, author integer, editor integer, since date,
            primary key (tenant_id, id), foreign key (tenant_id, author) references people,
            foreign key (tenant_id, editor) references people);
        create table students (tenant_id integer, id integer, since date, primary key (tenant_id, id),
            foreign key (tenant_id, id) references people);
        create table x (id integer primary key, y_id integer);
        create table y (id integer primary key, x_id integer references x);
        alter table x add foreign key (y_id) references y;
        create type nothing as enum ();
        create domain nothing_else as nothing;
        create table odd (id smallserial primary key, " " integer, "__table__" text, model_x text, n nothing, m nothing_else,
            at text default ':noon', parent integer unique, up integer references odd (parent));
        """,
    )
    files = sync(database, settings=place, targets=_TARGETS).files

    assert [(file.status, file.reason) for file in files] == [("written", "")] * 3
