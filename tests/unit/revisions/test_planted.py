"""Faults planted into random histories: validate finds every one, and nothing in a sound history."""

from __future__ import annotations

import dataclasses
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seachange.config import Settings
from seachange.revisions.history import read_history
from seachange.revisions.validate import validate
from tests.graphs import Node, write_project

Found = set[tuple[str, str]]


@st.composite
def histories(draw: st.DrawFn) -> list[Node]:
    """Random histories of one base and one head, with branches and merges."""
    nodes: list[Node] = []
    heads: list[str] = []
    for number in range(draw(st.integers(3, 7))):
        known = [node.revision for node in nodes]
        chosen = draw(st.lists(st.sampled_from(known), min_size=1, max_size=2, unique=True)) if known else []
        nodes.append(Node(revision=f"{number:02x}" * 6, down=tuple(chosen), number=number))
        heads = [head for head in heads if head not in chosen] + [nodes[-1].revision]
    last = len(nodes)
    return [*nodes, Node(revision=f"{last:02x}" * 6, down=tuple(heads), number=last)]


def found(root: Path, nodes: list[Node], *, change: Callable[[Path], None] = lambda _: None) -> Found:
    """Return the code of each finding with the id that its file is named after."""
    folder = root / "project"
    shutil.rmtree(folder, ignore_errors=True)
    change(write_project(folder, nodes))
    (folder / "shop.py").write_text("")
    history = read_history(Settings(root=folder, models="shop:Base"))
    return {(finding.code, Path(finding.file).name[:12]) for finding in validate(history)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for one project after the other."""
    return tmp_path_factory.mktemp("planted")


UPGRADE = {
    "sql-syntax": 'op.execute("SELEC 1")',
    "unbound-parameter": """op.execute("SELECT '\\"a\\":b'")""",
    "copy-in-text": 'op.execute("COPY t FROM STDIN")',
    "psql-command": r'op.execute("SELECT 1;\n\\i other.sql")',
    "needs-autocommit": 'op.create_index("i", "t", ["a"], postgresql_concurrently=True)',
    "runs-alone": 'with op.get_context().autocommit_block():\n        op.execute("VACUUM a; VACUUM b")',
    "raw-transaction": 'op.execute("COMMIT")',
    "connection-commit": "op.get_bind().commit()",
    "sql-not-checkable": 'op.execute(open("x.sql").read())',
    "imports-models": "from shop import Client",
    "imports-project-code": "import tasks",
    "relative-import": "from .other import name",
    "syntax-error": "op.execute(",
}


def plant(node: Node, code: str, *, down: bool) -> Node:
    """Return the revision with one line of code that is wrong."""
    line = UPGRADE[code]
    return dataclasses.replace(node, downgrade=line) if down else dataclasses.replace(node, upgrade=line)


def _without(text: str, name: str) -> str:
    before, _, after = text.partition(f"def {name}(")
    body = after.partition("\n\n\ndef ")
    return f"{before}def {name}() -> None:\n    pass\n{body[1]}{body[2]}"


# What is done to the file of a revision, by the code that it is found by.
EDITS: dict[str, Callable[[str], str]] = {
    "empty-upgrade": lambda text: _without(text, "upgrade"),
    "empty-downgrade": lambda text: _without(text, "downgrade"),
    "missing-upgrade": lambda text: text.replace("def upgrade(", "def up("),
    "missing-downgrade": lambda text: text.replace("def downgrade(", "def down("),
    "computed-header": lambda text: text.replace('revision: str = "', 'revision: str = str() + "', 1),
    "no-revision": lambda text: text.replace("revision: str = ", "number: str = ", 1),
    "illegal-revision-id": lambda text: text.replace('revision: str = "', 'revision: str = "x-', 1),
}


@settings(max_examples=25, deadline=None)
@given(nodes=histories())
def test_a_sound_history_has_no_finding(root: Path, nodes: list[Node]) -> None:
    assert found(root, nodes) == set()


@settings(max_examples=60, deadline=None)
@given(nodes=histories(), data=st.data())
def test_every_planted_line_is_found_in_its_file(root: Path, nodes: list[Node], data: st.DataObject) -> None:
    codes = data.draw(st.lists(st.sampled_from(sorted(UPGRADE)), min_size=1, max_size=len(nodes)))
    planted = {(code, node.revision) for code, node in zip(codes, nodes, strict=False)}
    changed = [plant(node, code, down=data.draw(st.booleans())) for code, node in zip(codes, nodes, strict=False)]

    seen = found(root, [*changed, *nodes[len(changed) :]])

    assert planted <= seen
    if "syntax-error" not in codes:
        assert seen == planted


def _second_head(nodes: list[Node], at: int) -> list[Node]:
    parent = nodes[min(at, len(nodes) - 2)]
    return [*nodes, Node(revision="e" * 12, down=(parent.revision,), number=90)]


def _second_base(nodes: list[Node], at: int) -> list[Node]:
    base = Node(revision="e" * 12, number=90)
    at = max(at, 1)
    return [*nodes[:at], dataclasses.replace(nodes[at], down=(*nodes[at].down, base.revision)), *nodes[at + 1 :], base]


def _missing(nodes: list[Node], at: int) -> list[Node]:
    return [*nodes[:at], dataclasses.replace(nodes[at], down=(*nodes[at].down, "d" * 12)), *nodes[at + 1 :]]


def _missing_dependency(nodes: list[Node], at: int) -> list[Node]:
    return [*nodes[:at], dataclasses.replace(nodes[at], depends_on=("x@head",)), *nodes[at + 1 :]]


def _partial(nodes: list[Node], at: int) -> list[Node]:
    at = max(at, 1)
    down = (nodes[at].down[0][:8], *nodes[at].down[1:])
    return [*nodes[:at], dataclasses.replace(nodes[at], down=down), *nodes[at + 1 :]]


def _circle(nodes: list[Node], at: int) -> list[Node]:
    # The head comes after every other revision.
    return [*nodes[:at], dataclasses.replace(nodes[at], down=(nodes[-1].revision,)), *nodes[at + 1 :]]


def _circle_by_dependency(nodes: list[Node], at: int) -> list[Node]:
    return [*nodes[:at], dataclasses.replace(nodes[at], depends_on=(nodes[-1].revision,)), *nodes[at + 1 :]]


def _same_label(nodes: list[Node], at: int) -> list[Node]:
    at = max(at, 1)
    first = dataclasses.replace(nodes[0], labels=("one",))
    return [first, *nodes[1:at], dataclasses.replace(nodes[at], labels=("one",)), *nodes[at + 1 :]]


def _label_of_an_id(nodes: list[Node], at: int) -> list[Node]:
    return [*nodes[:at], dataclasses.replace(nodes[at], labels=(nodes[-1].revision,)), *nodes[at + 1 :]]


def _illegal(nodes: list[Node], at: int) -> list[Node]:
    del at
    return [*nodes[:-1], dataclasses.replace(nodes[-1], revision="a-b")]


def _twice(nodes: list[Node], at: int) -> list[Node]:
    copy = dataclasses.replace(nodes[at], number=80)
    return [*nodes, copy]


def _same_time(nodes: list[Node], at: int) -> list[Node]:
    at = max(at, 1)
    return [*nodes[:at], dataclasses.replace(nodes[at], number=nodes[at - 1].number), *nodes[at + 1 :]]


def _earlier(nodes: list[Node], at: int) -> list[Node]:
    return [dataclasses.replace(nodes[0], number=50), *nodes[1:]]


GRAPHS = [
    pytest.param(_second_head, "several-heads", id="a second head"),
    pytest.param(_second_base, "several-bases", id="a second base"),
    pytest.param(_missing, "missing-down-revision", id="a missing parent"),
    pytest.param(_missing_dependency, "missing-down-revision", id="a missing dependency"),
    pytest.param(_partial, "missing-down-revision", id="a partial id"),
    pytest.param(_circle, "cyclic-down-revision", id="a circle"),
    pytest.param(_circle_by_dependency, "cyclic-down-revision", id="a circle by depends_on"),
    pytest.param(_same_label, "duplicate-branch-label", id="a label twice"),
    pytest.param(_label_of_an_id, "duplicate-branch-label", id="a label that is an id"),
    pytest.param(_illegal, "illegal-revision-id", id="an id that Alembic refuses"),
    pytest.param(_twice, "duplicate-revision", id="an id twice"),
    pytest.param(_same_time, "duplicate-timestamp", id="a time twice"),
    pytest.param(_earlier, "decreasing-timestamp", id="older than its parent"),
]


@pytest.mark.parametrize(("change", "code"), GRAPHS)
@settings(max_examples=12, deadline=None)
@given(nodes=histories(), data=st.data())
def test_every_fault_of_the_graph_is_found_among_others(
    root: Path, change: Callable[[list[Node], int], list[Node]], code: str, nodes: list[Node], data: st.DataObject
) -> None:
    changed = change(nodes, data.draw(st.integers(0, len(nodes) - 1)))
    other = data.draw(st.sampled_from(sorted(set(UPGRADE) - {"syntax-error"})))
    at = data.draw(st.integers(0, len(nodes) - 1))
    changed[at] = plant(changed[at], other, down=data.draw(st.booleans()))

    seen = found(root, changed)

    assert {code, other} <= {each for each, _ in seen}


@pytest.mark.parametrize("code", sorted(EDITS))
@settings(max_examples=6, deadline=None)
@given(nodes=histories(), data=st.data())
def test_every_fault_of_a_file_is_found_in_it(root: Path, code: str, nodes: list[Node], data: st.DataObject) -> None:
    at = data.draw(st.sampled_from(nodes)).revision

    def edit(versions: Path) -> None:
        (path,) = versions.glob(f"{at}_*")
        path.write_text(EDITS[code](path.read_text()))

    merges = {node.revision for node in nodes if len(node.down) > 1}
    assert (code, at) in found(root, nodes, change=edit) or (code == "empty-upgrade" and at in merges)


@settings(max_examples=6, deadline=None)
@given(nodes=histories(), data=st.data())
def test_every_file_name_that_contradicts_is_found(root: Path, nodes: list[Node], data: st.DataObject) -> None:
    at = data.draw(st.sampled_from(nodes)).revision

    def rename(versions: Path) -> None:
        (path,) = versions.glob(f"{at}_*")
        path.rename(versions / f"{'f' * 12}_other.py")

    assert found(root, nodes, change=rename) == {("file-name-contradicts", "f" * 12)}


def _alembic_refuses(root: Path) -> bool:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(toml_file=root / "pyproject.toml")
    config.set_main_option("script_location", str(root / "migrations"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return len(ScriptDirectory.from_config(config).get_heads()) > 1
        except Exception:  # noqa: BLE001
            return True


@pytest.mark.parametrize(
    ("change", "code"),
    [each for each in GRAPHS if each.values[1] not in ("several-bases", "duplicate-timestamp", "decreasing-timestamp")],
)
@settings(max_examples=5, deadline=None)
@given(nodes=histories(), data=st.data())
def test_what_is_an_error_of_the_graph_is_one_for_alembic(
    root: Path, change: Callable[[list[Node], int], list[Node]], code: str, nodes: list[Node], data: st.DataObject
) -> None:
    changed = change(nodes, data.draw(st.integers(0, len(nodes) - 1)))

    assert code in {each for each, _ in found(root, changed)}
    assert _alembic_refuses(root / "project")


@settings(max_examples=15, deadline=None)
@given(nodes=histories())
def test_what_is_sound_is_sound_for_alembic(root: Path, nodes: list[Node]) -> None:
    assert found(root, nodes) == set()
    assert not _alembic_refuses(root / "project")
