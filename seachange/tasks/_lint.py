"""What the rules say of revisions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seachange.report.documents import FORMATS
from seachange.tasks._task import Face, task

__all__ = ["lint"]


@task(
    formats=FORMATS,
    collection="migration",
    help={
        "from_": "revision (or base) after which to begin, instead of what is pending; needs no database",
        "to": "revision to stop at (default: the head)",
        "new": "what the base branch does not have; needs no database",
        "static": "only read the revisions, run nothing: for editors and hooks; never the last word",
        "sql": "a file of SQL instead of revisions, run on a copy of the schema that the database has",
        "empty": "run the file of --sql in an empty database instead",
        "major": "major version of PostgreSQL to try them on (default: that of the database)",
        "allow": "RULE=reason: let findings of a rule pass (repeatable)",
    },
    iterable=("allow",),
)
def lint(
    face: Face,
    *,
    from_: str = "",
    to: str = "",
    new: bool = False,
    static: bool = False,
    sql: str = "",
    empty: bool = False,
    major: str = "",
    allow: Sequence[str] | None = None,
) -> None:
    """Say what revisions would do to readers, writers and rows."""
    from seachange._casts import major as cast_major
    from seachange.errors import ConfigError
    from seachange.report.lint import judgement_data, note_lines, summary_line
    from seachange.safety.lint import parse_allowances
    from seachange.workflow.lint import find_scope, judge, judge_file

    try:
        wanted = cast_major(major) if major else None
    except ValueError as exc:
        raise ConfigError(f"--major: {major!r} is not {exc}") from exc
    options = {"start": from_, "to": to, "new": new, "static": static, "major": wanted, "allow": parse_allowances(allow or ())}
    with face.new_run(options=options) as run:
        judgement = judge_file(run, Path(sql), empty=empty) if sql else judge(run, find_scope(run))
    said = summary_line(judgement)
    face.findings(judgement.findings, clean=said, summary=said, data=judgement_data(judgement), notes=note_lines(judgement))
