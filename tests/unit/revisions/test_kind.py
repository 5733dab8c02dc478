"""The kind of an env.py, and the models that it names, told from its source."""

from __future__ import annotations

from pathlib import Path

import pytest

from seachange.revisions.kind import Kind, read_kind
from tests.project import REPOSITORY

PROJECTS = REPOSITORY / "tests" / "projects"
HANDED = "takes config.attributes['connection']"
TENANT = "schema per tenant, or another search_path"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("generic_ini/alembic", Kind(traits=("sync",), models="generic_ini_models:Base"), id="the generic template"),
        pytest.param("async_asyncpg/migrations", Kind(traits=("async",), models="async_asyncpg_models:Base"), id="async"),
        pytest.param("linear/migrations", Kind(traits=(HANDED,), models="linear_models:Base"), id="handed a connection"),
        pytest.param("handed_over/migrations", Kind(traits=("sync", HANDED), models="handed_over_models:Base"), id="both"),
        pytest.param("offline_only/migrations", Kind(traits=("offline only",), models="offline_only_models:Base"), id="offline"),
        pytest.param("search_path/migrations", Kind(traits=("sync", TENANT), models="search_path_models:Base"), id="search_path"),
        pytest.param(
            "sync_psycopg2/migrations", Kind(traits=("sync",), models="shop.database:Base"), id="an engine of the application"
        ),
        pytest.param(
            "services/migrations",
            Kind(traits=("sync", HANDED), models="services_models:Base", variables=("DATABASE_URL",)),
            id="a variable",
        ),
    ],
)
def test_the_scenarios(name: str, expected: Kind) -> None:
    folder = PROJECTS / name

    assert read_kind(folder / "env.py", import_paths=[folder.parent]) == expected


def test_alembics_template_for_several_databases() -> None:
    import alembic

    file = Path(alembic.__file__).parent / "templates" / "multidb" / "env.py"

    assert read_kind(file, import_paths=[], databases="one, two").traits == ("sync", "several databases (one, two)")
    assert read_kind(file, import_paths=[]).models == ""


@pytest.mark.parametrize(
    ("source", "models", "beside"),
    [
        pytest.param("from shop.models import Base\ntarget_metadata = Base.metadata", "shop.models:Base", (), id="a base"),
        pytest.param("from shop.models import Base as B\ntarget_metadata = B.metadata", "shop.models:Base", (), id="renamed"),
        pytest.param("from shop import models\ntarget_metadata = models.Base.metadata", "shop.models:Base", (), id="a module"),
        pytest.param("import shop.models\ntarget_metadata = shop.models.Base.metadata", "shop.models:Base", (), id="dotted"),
        pytest.param("import shop.models as m\ntarget_metadata = m.metadata", "shop.models:metadata", (), id="a MetaData"),
        pytest.param(
            "from shop.models import metadata\ncontext.configure(target_metadata=metadata)",
            "shop.models:metadata",
            (),
            id="named",
        ),
        pytest.param(
            "from shop.models import Base\ntarget_metadata: MetaData = Base.metadata", "shop.models:Base", (), id="annotated"
        ),
        pytest.param(
            "from shop.models import Base\nfrom shop import other\ntarget_metadata = Base.metadata",
            "shop.models:Base",
            ("shop.other",),
            id="imported for its tables",
        ),
        pytest.param(
            "from shop.models import Base\nfrom shop.other import *\ntarget_metadata = Base.metadata",
            "shop.models:Base",
            ("shop.other",),
            id="a star",
        ),
        pytest.param(
            "from shop.models import Base\nfrom shop.other import url\ntarget_metadata = Base.metadata\nconnect(url)",
            "shop.models:Base",
            (),
            id="imported for a name",
        ),
        pytest.param(
            "from sqlmodel import SQLModel\nfrom shop import other\ntarget_metadata = SQLModel.metadata",
            "",
            ("shop.other",),
            id="a base of somebody else",
        ),
        pytest.param("target_metadata = [one.metadata, two.metadata]", "", (), id="a list"),
        pytest.param("target_metadata = None", "", (), id="none"),
    ],
)
def test_the_models(tmp_path: Path, source: str, models: str, beside: tuple[str, ...]) -> None:
    (tmp_path / "shop").mkdir()
    for name in ("__init__", "models", "other"):
        (tmp_path / "shop" / f"{name}.py").write_text("")
    (tmp_path / "env.py").write_text(source)

    found = read_kind(tmp_path / "env.py", import_paths=[tmp_path])

    assert (found.models, found.beside) == (models, beside)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param('os.environ["DB_URL"]', id="subscript"),
        pytest.param('environ.get("DB_URL", "x")', id="get"),
        pytest.param('os.getenv("DB_URL")', id="getenv"),
    ],
)
def test_the_variables(tmp_path: Path, source: str) -> None:
    (tmp_path / "env.py").write_text(f"url = {source}")

    assert read_kind(tmp_path / "env.py", import_paths=[]).variables == ("DB_URL",)


def test_a_file_that_does_not_compile_is_said(tmp_path: Path) -> None:
    (tmp_path / "env.py").write_text("def (")

    assert read_kind(tmp_path / "env.py", import_paths=[]).traits[0].startswith("unreadable: ")
