"""What a target is: a name, a place, and a function that makes texts of the schema."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from seachange.config import Settings
from seachange.postgres.catalog import Catalog
from seachange.postgres.connection import Database, Session
from seachange.sync.model import Schema

__all__ = ["Artefact", "Request", "Target", "header"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Artefact:
    """One text of a target.

    ``name`` is its path in the target's folder, empty for a target that is one file; further files of such a target are named
    from the folder that the file is in. Lines that ``volatile`` matches as a whole may differ without making the file stale:
    amounts, which change without a migration. ``skipped`` is why this one cannot be made here, with ``hint``; it stays as it is.
    """

    text: str
    name: str = ""
    volatile: re.Pattern[str] | None = None
    skipped: str = ""
    hint: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What a target is asked to do, and with what.

    ``path`` is the file or folder that the target goes to, ``options`` its own from ``sync_options``. ``session`` is in a
    read-only transaction that sees the moment the schema was read, named ``snapshot`` for other sessions; what may fail in it
    belongs in ``session.transaction()``. ``compared`` finds the files that the models which Alembic compares come from.
    """

    target: str
    path: Path
    settings: Settings
    database: Database
    session: Session
    snapshot: str
    catalog: Catalog
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    compared: Callable[[], Collection[Path]] = tuple

    def present(self, name: str = "") -> str | None:
        """Return the text that is there now, of a target that keeps what people wrote into it.

        :param name: as of an artefact.
        """
        try:
            return (self.path / name if name else self.path).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    @property
    def beside(self) -> Path:
        """The folder for further files of a target that is one file: named like the file, without its ending."""
        return self.path.with_suffix("") if self.path.suffix else self.path.with_name(f"{self.path.name}.pages")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """A kind of artefact, as built in or offered by a package under the entry point group ``seachange.sync``.

    :param name: as in settings and on the command line.
    :param summary: what it makes, in a few words.
    :param path: where it goes below ``sync_dir``; a folder ends with a slash, and files of Seachange in it that are not made
        any more are removed.
    :param emit: makes the texts, in the order of their names, the same for the same schema; raises TargetFailedError.
    :param options: its options with what they are for.
    :param beside: whether a target that is one file has further ones in ``Request.beside``; those that are not made any more are
        removed.
    :param client: whether the texts are client code, which db.generate writes as well.
    :param generate: runs a generator over what was written, for db.generate, when the session is closed; returns what it did, or
        raises TargetFailedError.
    """

    name: str
    summary: str
    path: str
    emit: Callable[[Schema, Request], Iterable[Artefact]]
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    beside: bool = False
    client: bool = False
    generate: Callable[[Request], Iterable[str]] | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it is several files."""
        return self.path.endswith("/")


def header(schema: Schema, *, target: str, command: str = "db.sync") -> tuple[str, ...]:
    """Return the lines that every artefact begins with, for a comment.

    :param schema: the schema.
    :param target: name of the target.
    :param command: the task that writes it.
    """
    return (
        f"Written by Seachange from the database; `invoke {command} --target {target}` writes it anew.",
        f"revision: {schema.revision or 'none'}",
        f"catalogue: {schema.fingerprint}",
    )
