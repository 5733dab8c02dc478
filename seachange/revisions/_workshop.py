"""Where a new revision is made before it stands among the others, and how it gets there."""

from __future__ import annotations

import contextlib
import glob
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from seachange.config import Settings
from seachange.errors import HistoryInvalidError, NotWritableError
from seachange.revisions._targets import require_order
from seachange.revisions.history import History

__all__ = ["keep", "require_one_head", "siblings", "workshop"]


def require_one_head(history: History) -> None:
    """Refuse a history that a new revision cannot follow.

    :raises HistoryInvalidError: it has several heads, or is no order.
    """
    require_order(history)
    if len(history.heads) > 1:
        raise HistoryInvalidError(
            f"the history has {len(history.heads)} heads: {', '.join(history.heads)}; a new revision can follow only one",
            hint="put yours after the other: `invoke migration.rebase`; or join them: `invoke migration.merge`",
        )


@contextlib.contextmanager
def workshop(settings: Settings) -> Iterator[Path]:
    """Return a folder for files on trial; gone afterwards, whatever happens.

    :raises NotWritableError: it cannot be made.
    """
    try:
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="trial-", dir=settings.state_dir))
    except OSError as exc:
        raise NotWritableError(f"{settings.state_dir} cannot be written: {exc.strerror}", hint="check its permissions") from exc
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def siblings(path: Path) -> list[Path]:
    """Return the files of a revision, itself last: those beside it that are called after it."""
    return [*sorted(path.parent.glob(f"{glob.escape(path.stem)}.*.sql")), path]


def keep(source: Path, target: Path) -> None:
    """Put a revision in its place, with the files that belong to it: each whole or none, and never over another one.

    :raises NotWritableError: there is one, or the folder cannot be written.
    """
    placed: list[Path] = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for each in siblings(source):
            place = target.with_name(target.stem + each.name.removeprefix(source.stem))
            _place(each, place)
            placed.append(place)
    except BaseException as exc:
        for place in placed:
            place.unlink(missing_ok=True)
        if isinstance(exc, OSError):
            hint = f"check the permissions of {target.parent}"
            raise NotWritableError(f"{target} cannot be written: {exc.strerror}", hint=hint) from exc
        raise


def _place(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.tmp")
    if target.exists():
        raise NotWritableError(f"{target} exists already", hint="choose another --name")
    try:
        shutil.copyfile(source, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
