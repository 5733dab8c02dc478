"""Random revision graphs as files: Alembic reads the same order out of them, and a rebase leaves one head and no applied file."""

from __future__ import annotations

import datetime
import tempfile
from pathlib import Path

from hypothesis import given, settings

from seachange.revisions.changes import written
from seachange.revisions.history import read_history
from seachange.revisions.rebase import plan_rebase
from seachange.revisions.validate import validate
from tests.unit.revisions.graphs import Node, alembic_of, grown, histories, write

NOW = datetime.datetime(2026, 5, 4, 3, 2, 1, tzinfo=datetime.UTC)


@settings(deadline=None, max_examples=60)
@given(histories())
def test_heads_bases_ancestors_and_order_are_those_of_alembic(nodes: tuple[Node, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = write(Path(folder), nodes)
        history, script = read_history(project), alembic_of(project)

        assert set(history.heads) == set(script.get_heads())
        assert set(history.bases) == set(script.get_bases())
        order = [revision.revision for revision in history.revisions]
        assert sorted(order) == sorted(node.name for node in nodes)
        for name in order:
            needed = {each.revision for each in script.revision_map._get_ancestor_nodes([script.get_revision(name)])}
            assert needed == {each.revision for each in history.ancestors([name])}
            assert all(order.index(each) <= order.index(name) for each in script.get_revision(name)._all_down_revisions)


@settings(deadline=None, max_examples=60)
@given(grown())
def test_a_rebase_leaves_one_head_a_valid_history_and_every_published_file_as_it_was(
    drawn: tuple[tuple[Node, ...], tuple[Node, ...]],
) -> None:
    published, mine = drawn
    with tempfile.TemporaryDirectory() as folder:
        project = write(Path(folder), (*published, *mine))
        before = read_history(project)
        contents = {revision.path: revision.path.read_bytes() for revision in before.revisions}
        (head,) = {node.name for node in published} - {name for node in published for name in node.down}

        plan = plan_rebase(before, moved=[node.name for node in mine], now=NOW)
        with written(plan.changes):
            pass
        after = read_history(project)

        assert plan.onto == head
        assert len(after.heads) == 1
        assert [finding for finding in validate(after) if finding.severity == "error"] == []
        for node in published:
            path = before.by_id[node.name].path
            assert path.read_bytes() == contents[path]
        line = [revision.revision for revision in after.descendants([head])][1:]
        new = {move.revision: move.new_revision for move in plan.moves}
        assert line == [new.get(each.revision, each.revision) for each in before.revisions if each.revision in _names(mine)]
        assert alembic_of(project).get_heads() == list(after.heads)
        assert len(list(Path(folder).rglob("*.py"))) == len(contents) + 1


def _names(nodes: tuple[Node, ...]) -> set[str]:
    return {node.name for node in nodes}
