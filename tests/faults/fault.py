"""A fault: a test that breaks something real, what has to follow, and what was seen to follow."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import tests.faults

__all__ = ["Fault", "Observed", "collection", "fault", "normalised", "themes"]

_Test = TypeVar("_Test", bound=Callable[..., object])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """What is broken and what has to follow; ``rows`` are those of the catalogue of faults that it is about."""

    name: str
    expected: str
    rows: tuple[int, ...] = ()
    test: str = ""


def fault(name: str, *, expected: str, catalogue: int | tuple[int, ...] = ()) -> Callable[[_Test], _Test]:
    """Say of a test which fault it is.

    :param name: what is broken, and how.
    :param expected: what has to follow.
    :param catalogue: rows of the catalogue of faults.
    """
    rows = catalogue if isinstance(catalogue, tuple) else (catalogue,)

    def mark(test: _Test) -> _Test:
        vars(test)["fault"] = Fault(name=name, expected=expected, rows=rows, test=test.__name__)
        return test

    return mark


def themes() -> Iterator[tuple[str, tuple[Fault, ...]]]:
    """Yield each module's docstring with its faults, in the order in which they are written."""
    for module in sorted(one.name for one in pkgutil.iter_modules(tests.faults.__path__) if one.name.startswith("test_")):
        loaded = importlib.import_module(f"tests.faults.{module}")
        found = [
            vars(member)["fault"] for member in vars(loaded).values() if inspect.isfunction(member) and "fault" in vars(member)
        ]
        yield (loaded.__doc__ or "").strip(), tuple(found)


def collection() -> tuple[Fault, ...]:
    """Return all faults."""
    return tuple(one for _, found in themes() for one in found)


class Observed:
    """What a test saw, as sentences that do not depend on when and where it ran."""

    def __init__(self, folder: Path) -> None:
        self.sentences: list[str] = []
        self._folder = folder

    def tell(self, text: str) -> None:
        """Note what was seen, without numbers of processes, times and places."""
        self.sentences.append(normalised(text, folder=self._folder))


_STABLE = (
    (r"/?\S*/sc-proxy-\w+", "PROXY"),
    (r"host=[^\s&'\"]+(&port=\d+)?", "host=SOCKET"),
    (r"\d{8}T\d{6}Z-[\w.+-]+", "BACKUP"),
    (r"\.partial-\d+-[0-9a-f]{8}", ".partial-*"),
    (r"\.backup-[0-9a-f]{16}\.lock", ".backup-*.lock"),
    (r"seachange_restoring_[0-9a-f]+", "seachange_restoring_*"),
    (r"_(restored|before)_\d{8}_\d{6}", r"_\1_DATE"),
    (r"test_[0-9a-f]{12}", "clinic"),
    (r"\b(pid|port) \d+", r"\1 N"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"\[\d+\]", "[N]"),
    (r"transaction \d+", "transaction N"),
    (r"\d\d:\d\d:\d\d(\.\d+)?", "TIME"),
    (r"\d+(\.\d+)? (ms|s|min)\b", "N s"),
    (r"\d+(\.\d+)? (MB|kB|GB)\b", "N MB"),
    (r"(has|instead of) \d+", r"\1 N"),
    (r"\b0x[0-9a-f]+|\b[0-9a-f]{32,}\b", "HEX"),
)


def normalised(text: str, *, folder: Path) -> str:
    """Return a sentence that is the same in every run.

    :param text: what was seen.
    :param folder: the folder of the test, which is left out of paths.
    """
    line = " ".join(text.split()).replace(f"{folder}/", "")
    for pattern, instead in _STABLE:
        line = re.sub(pattern, instead, line)
    return line
