"""The repository itself: files and folders, sizes, pins, and documents that must name what there is."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.project import REPOSITORY, tracked_files

_TRACKED = tracked_files()
_MODULES = tuple(name for name in _TRACKED if name.endswith(".py") and not name.startswith("tests/projects/"))
# Written by `invoke db.generate`, as long as the schema is; its own tests say that it is up to date.
_GENERATED = ("app/schema/client.py",)
_PRODUCT = tuple(name for name in _MODULES if name.startswith("seachange/"))

_TOP = {
    ".ci", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "app", "docs", "migrations", "noxfile.py",
    "pyproject.toml", "requirements", "scripts", "seachange", "tasks.py", "tests",
}  # fmt: skip


def _text(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def test_the_top_folder_holds_what_the_design_names() -> None:
    assert {name.split("/")[0] for name in _TRACKED} == _TOP


def test_the_architecture_document_pictures_every_part_of_the_product() -> None:
    parts = {name.split("/")[1] for name in _PRODUCT} - {"__init__.py"}
    document = _text("docs/architecture.md")

    assert [part for part in sorted(parts) if not re.search(rf"(?<![\w./]){re.escape(part)}/?(?![\w.])", document)] == []


def test_the_architecture_document_says_what_each_module_of_the_revisions_is_for() -> None:
    folder = "seachange/revisions/"
    modules = {name.removeprefix(folder).split("/")[0].removesuffix(".py") for name in _PRODUCT if name.startswith(folder)}
    section = _text("docs/architecture.md").partition("## Inside `seachange/revisions/`")[2].partition("\n## ")[0]

    assert sorted(re.findall(r"`(\w+)`", section)) == sorted(name for name in modules - {"__init__"} if "." not in name)


def test_no_module_is_named_after_nothing_in_particular() -> None:
    vague = {"utils.py", "util.py", "helpers.py", "helper.py", "manager.py", "common.py", "misc.py"}

    assert [name for name in _MODULES if Path(name).name.lstrip("_") in vague] == []


@pytest.mark.parametrize("name", [name for name in _MODULES if name not in _GENERATED])
def test_a_module_is_short_and_says_what_it_is_for(name: str) -> None:
    text = _text(name)
    tree = ast.parse(text)

    assert text.count("\n") <= 400
    assert [node.name for node in _functions(tree) if (node.end_lineno or 0) - node.lineno > 50] == []
    assert ast.get_docstring(tree) or not text


@pytest.mark.parametrize("name", [name for name in _PRODUCT if not Path(name).name.startswith("_")])
def test_a_public_module_lists_its_names_and_each_has_a_docstring(name: str) -> None:
    tree = ast.parse(_text(name))
    assigned = [
        target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets if isinstance(target, ast.Name)
    ]
    bare = [
        node.name
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]

    # What a module of tasks offers is found by Invoke, which looks for tasks and not for names.
    assert "__all__" in assigned or Path(name).parent.name == "tasks"
    assert bare == []


def test_nothing_outside_the_product_is_imported_by_it() -> None:
    foreign = re.compile(r"^\s*(?:from|import)\s+(?:app|migrations|tests|scripts)\b", re.MULTILINE)

    assert [name for name in _PRODUCT if foreign.search(_text(name))] == []


def test_the_pins_name_no_place_and_carry_a_hash_each() -> None:
    text = _text("requirements/dev.txt")

    assert re.findall(r".*(?:://|--index|--find-links|--extra-index).*", text) == []
    pinned = re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?==.*(?:\n    --hash=sha256:[0-9a-f]{64}.*)*", text, re.MULTILINE)
    assert [entry.splitlines()[0] for entry in pinned if "--hash" not in entry] == []
    assert len(pinned) == len(re.findall(r"^\S+==", text, re.MULTILINE))


def test_the_pins_satisfy_every_dependency_of_the_project() -> None:
    pins = {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", _text("requirements/dev.txt"), re.M)
    }
    project = tomllib.loads(_text("pyproject.toml"))
    extras = project["project"]["optional-dependencies"]
    wanted = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *extras["nox"],
        *extras["test"],
        *extras["web"],
    ]

    requirements = [Requirement(text) for text in wanted]
    assert [
        str(requirement)
        for requirement in requirements
        if not requirement.specifier.contains(pins.get(canonicalize_name(requirement.name), "0"))
    ] == []


def test_every_script_can_be_run_and_is_described() -> None:
    scripts = [name for name in _TRACKED if name.startswith("scripts/") and name != "scripts/README.md"]

    assert [name for name in [*scripts, ".ci/run"] if not (REPOSITORY / name).stat().st_mode & 0o111] == []
    assert [name for name in scripts if not re.search(rf"`[^`]*{name}\b", _text("scripts/README.md"))] == []


def test_every_scenario_is_used_by_a_test() -> None:
    scenarios = {name.split("/")[2] for name in _TRACKED if name.startswith("tests/projects/")}
    tests = "\n".join(_text(name) for name in _MODULES if name.startswith("tests/"))

    assert [scenario for scenario in sorted(scenarios) if f'"{scenario}"' not in tests] == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    personal = re.compile(rf"/(?:home|Users)/(?!you/)\w+/|https?://[^\s\"']+/simple\b|{re.escape(str(REPOSITORY))}")
    texts = [
        name
        for name in _TRACKED
        if (REPOSITORY / name).suffix in (".py", ".md", ".toml", ".txt", ".sh", "") and name != "LICENSE"
    ]

    assert [name for name in texts if personal.search(_text(name))] == []
