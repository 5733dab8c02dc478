"""Random revision graphs, written as the files of a project."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from hypothesis import strategies as st

from seachange.config import Settings

__all__ = ["Node", "alembic_of", "grown", "histories", "write"]

BEGIN_MS = 1_700_000_000_000

TEXT = '''"""Title of {name}

Revision ID: {name}
Revises: {revises}
Create Date: {created}

"""
revision = {quote}{name}{quote}
down_revision: str | tuple[str, ...] | None = {down}
branch_labels = None
depends_on = {depends}


def upgrade() -> None:
    run("up")


def downgrade() -> None:
    run("down")
'''


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """One revision; ``when`` is its time in seconds after the beginning."""

    name: str
    down: tuple[str, ...]
    depends: tuple[str, ...] = ()
    when: int = 0
    quote: str = '"'

    @property
    def text(self) -> str:
        """The file's content."""
        down: str = repr(self.down) if len(self.down) > 1 else repr(self.down[0]) if self.down else "None"
        created = datetime.datetime.fromtimestamp(BEGIN_MS // 1000 + self.when, datetime.UTC)
        depends = repr(self.depends) if self.depends else "None"
        revises = ", ".join(self.down)
        return TEXT.format(name=self.name, revises=revises, down=down, depends=depends, created=created, quote=self.quote)


@st.composite
def histories(draw: st.DrawFn, *, most: int = 12) -> tuple[Node, ...]:
    """Draw a graph with several bases and heads, merges and dependencies; times may contradict the links."""
    nodes: list[Node] = []
    for index in range(draw(st.integers(1, most))):
        earlier = [node.name for node in nodes]
        down = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else []
        depends = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=2)) if earlier else []
        when = draw(st.integers(0, 5))
        nodes.append(Node(name=f"{index:x}".rjust(12, "a"), down=tuple(down), depends=tuple(depends), when=when))
    return tuple(nodes)


@st.composite
def grown(draw: st.DrawFn) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """Draw a published history with one head, and revisions that were added to it anywhere."""
    stamped = draw(st.booleans())
    published: list[Node] = []
    mine: list[Node] = []

    def add(to: list[Node], down: Iterable[str]) -> None:
        index = len(published) + len(mine)
        name = str(BEGIN_MS + 1000 * index) if stamped else f"{index:x}".rjust(12, "b")
        quote = draw(st.sampled_from(["'", '"']))
        to.append(Node(name=name, down=tuple(down), when=index, quote=quote))

    for _ in range(draw(st.integers(1, 6))):
        add(
            published,
            draw(st.lists(st.sampled_from([node.name for node in published]), min_size=1, max_size=1)) if published else [],
        )
    heads = {node.name for node in published} - {name for node in published for name in node.down}
    if len(heads) > 1:
        add(published, sorted(heads))
    for _ in range(draw(st.integers(1, 5))):
        names = [node.name for node in (*published, *mine)]
        add(mine, draw(st.lists(st.sampled_from(names), unique=True, min_size=1, max_size=2)))
    return tuple(published), tuple(mine)


def write(root: Path, nodes: Iterable[Node]) -> Settings:
    """Write a project with these revisions, each in a file that is named after it, in two locations."""
    (root / "pyproject.toml").write_text(
        '[tool.alembic]\nscript_location = "%(here)s/migrations"\n'
        'version_locations = ["%(here)s/migrations/even", "%(here)s/migrations/odd"]\n'
    )
    for folder in ("even", "odd"):
        (root / "migrations" / folder).mkdir(parents=True)
    (root / "migrations" / "env.py").write_text("")
    for index, node in enumerate(nodes):
        path = root / "migrations" / ("odd" if index % 2 else "even") / f"{node.name}_title.py"
        path.write_text(node.text)
    return Settings(root=root)


def alembic_of(settings: Settings) -> ScriptDirectory:
    """Return Alembic's own reading of the same files."""
    config = Config()
    migrations = settings.root / "migrations"
    config.set_main_option("script_location", str(migrations))
    for name in ("path_separator", "version_path_separator"):  # its name before Alembic 1.16
        config.set_main_option(name, "newline")
    config.set_main_option("version_locations", f"{migrations / 'even'}\n{migrations / 'odd'}")
    return ScriptDirectory.from_config(config)
