"""docs/reliability.md: every fault with what has to follow and what was seen to follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.faults.fault import Fault, themes

__all__ = ["document", "row"]

_HEAD = """\
# Reliability

Written by `scripts/dev scripts/faults` from the tests in `tests/faults/`; do not edit. Each row is a test that breaks something
real: a full disk, a killed process, a cut or swallowed connection, a flipped byte, a clock that goes back. The second column is
what has to follow, and the test fails when it does not. The third is what the last run saw, in its own words; numbers of
processes, times and places are left out. One test may run for several formats or ways; what they saw differently is all told.

"exit N" is the exit code of a command; see [commands.md](commands.md). Most of the tests call the functions that the commands
call, and take the exit code from their error; those of signals and of what other processes can see run the commands themselves.
To run them without writing this: `scripts/dev pytest tests/faults`, as root, for some mount a small disk.

A known limit: a proxy that swallows the connection of a *revision* while it is applied, acknowledging everything, is not noticed.
The server ends the statement by `statement_timeout` and rolls back, but the command waits, and holds the migration lock, until it
is stopped or the connection is cut; Ctrl-C ends it within 20 seconds, with the state said to be unknown.
"""


def document(seen: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the document.

    :param seen: by the names of the tests, what the run recorded.
    """
    return "\n".join(_lines(seen)) + "\n"


def row(one: Fault) -> str:
    """Return the part of a fault's row that does not depend on the run."""
    return f"| {_cell(one.name)} | {_cell(one.expected)} |"


def _lines(seen: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield _HEAD.rstrip()
    for title, found in themes():
        yield from ("", f"## {title.rstrip('.')}", "", "| fault | has to follow | seen |", "|---|---|---|")
        yield from (f"{row(one)} {_cell(_seen(seen.get(one.test, {})))} |" for one in found)


def _seen(entry: Mapping[str, Any]) -> str:
    sentences: Sequence[str] = entry.get("observed", ())
    if not sentences:
        return f"not run: {entry.get('skipped') or 'not selected'}"
    return "; ".join(sentences)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
