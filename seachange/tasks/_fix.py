"""Rewrite the unsafe operations of a pending revision."""

from __future__ import annotations

from invoke.exceptions import Exit

from seachange.errors import ConfigError, ExitCode
from seachange.tasks._task import Face, task

__all__ = ["fix"]


@task(
    changes=True,
    collection="migration",
    positional=("revision",),
    help={
        "revision": "revision to fix, or the start of its id (default: the only pending one)",
        "major": "version of PostgreSQL to write it for (default: that of the server)",
        "base": "branch that others work from (default: origin/HEAD, origin/main, main, origin/master, master)",
        "offline": "go on when a known database cannot say whether it has applied it",
        "yes": "do not ask",
    },
)
def fix(face: Face, *, revision: str = "", major: str = "", base: str = "", offline: bool = False, yes: bool = False) -> None:
    """Rewrite what is unsafe in a pending revision into its online form."""
    from seachange.report.fix import fix_data, fix_lines
    from seachange.workflow.fix import plan_fix, write_fix

    made = plan_fix(face.settings, revision=revision, major=_major(major), base=base, offline=offline, progress=face.say)
    writes = made.offered and not face.dry_run
    if not face.json:
        face.answer(fix_lines(made, face.marks, dry_run=face.dry_run), {})
    if writes and made.revision is not None:
        face.confirm(f"writing the new form of {made.revision.revision}", expected=made.revision.revision, yes=yes)
        write_fix(face.settings, made)
        face.say("written")
    if face.json:
        face.answer((), {**fix_data(made), "dry_run": face.dry_run, "written": writes})
    if made.left or made.refused:
        raise Exit(code=ExitCode.FOUND)


def _major(given: str) -> int | None:
    if given and not given.isdigit():
        raise ConfigError(f"--major: {given!r} is not a version of PostgreSQL", hint="write it as 14, 15, 16, 17 or 18")
    return int(given) if given else None
