"""A revision as two files of SQL, as a throwaway server received it from the revision that was generated."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.config import Settings
from seachange.errors import MigrationFailedError, RevisionRejectedError
from seachange.revisions._capture import Capture
from seachange.revisions._draft import Draft
from seachange.revisions._fixed import fixed_text
from seachange.revisions._formatting import format_string
from seachange.revisions.history import read_history
from seachange.revisions.runner import downgrade, upgrade

if TYPE_CHECKING:
    from seachange.plan import Statement
    from seachange.postgres.connection import Database

__all__ = ["Pair", "capture_pair"]

_MARK = "\n-- statement"
_WIDTH = 88


class Pair:
    """The SQL of both directions of one draft."""

    def __init__(self, draft: Draft, *, up: Iterable[Statement], down: Iterable[Statement]) -> None:
        self._draft = draft
        self._up = tuple(up)
        self._down = tuple(down)

    def files(self, path: Path) -> dict[Path, str]:
        """Return the texts by path: both files of SQL, and last the revision that runs them.

        :param path: where the revision stands.
        """
        up, down = (path.with_name(f"{self._draft.identity.path.stem}.{word}.sql") for word in ("up", "down"))
        title = self._draft.identity.title
        said = f"The SQL stands in {up.name} and {down.name}"
        paragraphs = [title, *(textwrap.fill(f"{note}.", _WIDTH) for note in (*self._draft.warnings, said))]
        values = {
            "docstring": "\n\n".join(paragraphs).replace("\\", "\\\\").replace('"""', '\\"""'),
            "up": format_string(up.name),
            "down": format_string(down.name),
        }
        return {
            up: _script(f"{title}: upgrade to {self._draft.identity.revision}", self._up),
            down: _script(f"{title}: downgrade from {self._draft.identity.revision}", self._down),
            path: fixed_text("_pair.txt", self._draft.identity, values),
        }


def capture_pair(settings: Settings, draft: Draft, folder: Path, *, database: Database) -> Pair:
    """Return the SQL that the draft sends, learnt by running it up and down.

    :param settings: the project's settings.
    :param draft: the revision; its file stands in ``folder``.
    :param folder: where it is found.
    :param database: a throwaway database at its parent.
    :raises RevisionRejectedError: it fails, or its SQL cannot stand in a file.
    """
    found = [_captured(settings, draft, folder, database=database, direction=each) for each in ("upgrade", "downgrade")]
    return Pair(draft, up=found[0], down=found[1])


def _captured(settings: Settings, draft: Draft, folder: Path, *, database: Database, direction: str) -> tuple[Statement, ...]:
    captured, identity = Capture(root=settings.root), draft.identity
    up = direction == "upgrade"
    move, target = (upgrade, identity.revision) if up else (downgrade, identity.down_revision or "base")
    history = read_history(settings, extra_locations=(folder,))
    try:
        move(
            database,
            settings,
            target=target,
            history=history,
            extra_locations=(folder,),
            on_revision=captured.begin,
            listen=captured.listening,
        )
    except MigrationFailedError as exc:
        raise RevisionRejectedError(
            f"the new revision {identity.revision} was not kept, its {direction} fails {exc.reason}", hint="change the models"
        ) from exc
    statements = captured.found[identity.revision].statements
    for statement in statements:
        if statement.count > 1 or _MARK in statement.sql:
            raise RevisionRejectedError(
                f"the new revision {identity.revision} cannot be written as SQL: {statement.sql[:200]}",
                hint="generate it without --sql",
            )
    return statements


def _script(title: str, statements: Iterable[Statement]) -> str:
    head = f"-- {title}.\n-- Each statement follows a line that begins with `-- statement`.\n"
    parts = [f"{_MARK}{'' if each.transaction else ', autocommit'}\n{_laid_out(each.sql)};\n" for each in statements]
    return "".join([head, *parts])


def _laid_out(sql: str) -> str:
    """Return SQL as SQLAlchemy writes it, indented by spaces; nothing else is touched, since it may stand in a text."""
    text = sql.strip().rstrip(";").rstrip()
    for old, new in ((", \n\t", ",\n    "), (" (\n\t", " (\n    "), ("\n\n)", "\n)")):
        text = text.replace(old, new)
    return text
