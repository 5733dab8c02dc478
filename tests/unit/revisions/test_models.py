"""Loading the models: every way to name them, and errors that say where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.errors import ModelsNotImportableError
from seachange.revisions.models import load_metadata
from tests.project import Project


def settings_of(path: Path, models: str) -> Settings:
    return Settings(root=path, models=models)


@pytest.mark.parametrize(
    "models",
    [
        pytest.param("linear_models:Base", id="a declarative base"),
        pytest.param("linear_models", id="Base is the default"),
        pytest.param("linear_models:METADATA", id="a MetaData"),
        pytest.param("linear_models:BOTH", id="a list"),
        pytest.param("", id="target_metadata of env.py"),
    ],
)
def test_models_are_named_in_several_ways(scenario: Callable[[str], Project], models: str) -> None:
    path = scenario("linear").path
    with (path / "linear_models.py").open("a") as file:
        file.write("\n\nMETADATA = Base.metadata\nBOTH = [Base, METADATA]\n")

    assert list(load_metadata(settings_of(path, models)).tables) == ["clients"]


def test_several_metadata_become_one(scenario: Callable[[str], Project]) -> None:
    path = scenario("linear").path
    (path / "shop.py").write_text(
        "from sqlalchemy import Column, Integer, MetaData, Table\nimport linear_models\nother = MetaData()\n"
        "Table('orders', other, Column('id', Integer))\nALL = [linear_models.Base, other]\n"
    )

    assert sorted(load_metadata(settings_of(path, "shop:ALL")).tables) == ["clients", "orders"]


def test_an_error_in_the_models_is_told_with_its_line(scenario: Callable[[str], Project]) -> None:
    with pytest.raises(ModelsNotImportableError) as caught:
        load_metadata(settings_of(scenario("models_broken").path, "models_broken_models:Base"))

    assert caught.value.message == (
        "models = 'models_broken_models:Base' cannot be imported, at models_broken_models.py:9: "
        "NameError: name 'Bsae' is not defined"
    )


@pytest.mark.parametrize(
    ("source", "models", "message", "hint"),
    [
        pytest.param("def f(:\n", "shop:Base", "at shop.py:1: SyntaxError", "python -c 'import shop'", id="syntax"),
        pytest.param(
            "import nothing_here", "shop:Base", "at shop.py:1: ModuleNotFoundError", "install nothing_here", id="import"
        ),
        pytest.param("", "nowhere:Base", "No module named 'nowhere'", "nowhere is neither below", id="module"),
        pytest.param("", "shop:Base", "has no attribute 'Base'", "a declarative base, a MetaData or a list", id="attribute"),
        pytest.param("Base = 3", "shop:Base", "is 3, neither a declarative base", "a declarative base", id="another thing"),
        pytest.param("import sys\nsys.exit(1)", "shop:Base", "at shop.py:2: SystemExit", "meets the same error", id="exit"),
    ],
)
def test_what_is_wrong_with_the_models_is_said(
    scenario: Callable[[str], Project], source: str, models: str, message: str, hint: str
) -> None:
    path = scenario("linear").path
    (path / "shop.py").write_text(source)

    with pytest.raises(ModelsNotImportableError) as caught:
        load_metadata(settings_of(path, models))

    assert message in caught.value.message
    assert hint in caught.value.hint


def test_what_the_models_print_does_not_reach_stdout(
    scenario: Callable[[str], Project], capsys: pytest.CaptureFixture[str]
) -> None:
    path = scenario("linear").path
    source = (path / "linear_models.py").read_text()
    (path / "linear_models.py").write_text(f"print('loading')\n{source}")

    load_metadata(settings_of(path, "linear_models:Base"))

    assert capsys.readouterr().out == ""
