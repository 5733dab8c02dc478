"""Run pending revisions on a copy of the rows, and show what that cost and who had to wait."""

from __future__ import annotations

from pathlib import Path

from invoke.exceptions import Exit

from seachange.errors import ExitCode
from seachange.tasks._task import Face, task

__all__ = ["rehearse"]


@task(
    changes=True,
    collection="migration",
    help={
        "to": "revision to stop at, or +N (default: the head)",
        "source": "what to rehearse on: auto, backup, copy or seeded (default: setting rehearsal.source)",
        "backup": "name of the backup to restore (default: the newest that is verified)",
        "out": "file to write the rehearsal to as JSON, for `migration.apply --rehearsal`",
        "max_reader_stall": "the longest that readers may wait, such as 200ms; over budget is exit code 2",
        "max_writer_stall": "the longest that writers may wait",
        "max_duration": "the longest that all revisions may take",
        "max_disk_growth": "the most that the database may grow, such as 10GB",
    },
)
def rehearse(  # each parameter is a flag of the command
    face: Face,
    *,
    to: str = "",
    source: str = "",
    backup: str = "",
    out: str = "",
    max_reader_stall: str = "",
    max_writer_stall: str = "",
    max_duration: str = "",
    max_disk_growth: str = "",
) -> None:
    """Apply what is pending to a copy, and measure who has to wait."""
    from seachange.report.rehearsal import pending_lines, rehearsal_lines
    from seachange.workflow.rehearsal import pending_revisions, rehearse, require_place, write_rehearsal

    face.request(
        rehearsal_source=source or ("backup" if backup else ""),
        rehearsal_max_reader_stall=max_reader_stall,
        rehearsal_max_writer_stall=max_writer_stall,
        rehearsal_max_duration=max_duration,
        rehearsal_max_disk_growth=max_disk_growth,
    )
    if out:
        require_place(Path(out))
    with face.new_run(options={"to": to, "backup": backup, "code": True}) as run:
        if face.dry_run:
            pending = pending_revisions(run)
            face.answer(pending_lines(pending, settings=face.settings), {"pending": pending})
            return
        found = rehearse(run)
    if found is None:
        face.answer(["nothing to rehearse: no revision is pending"], {"rehearsal": None})
        return
    if out:
        write_rehearsal(found, Path(out))
        face.say(f"the rehearsal was written to {out}")
    face.answer(rehearsal_lines(found, face.marks), found.to_dict())
    if not found.passed:
        raise Exit(code=ExitCode.FAILED_UNCHANGED if found.verdict == "failed" and found.error else ExitCode.FOUND)
