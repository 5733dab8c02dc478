"""What step sync says of the files of its targets."""

from __future__ import annotations

from pathlib import Path

from seachange.config import Settings
from seachange.errors import ExitCode
from seachange.sync import SyncedFile, SyncResult
from seachange.workflow.run import Run
from seachange.workflow.steps._sync import _failed_if_stale, _result

ROOT = Path("/project")
RUN = Run(Settings(root=ROOT))


def _pages(count: int, *, stale: bool = False) -> list[SyncedFile]:
    diff = "--- a\n+++ b\n+more" if stale else ""
    return [
        SyncedFile(path=ROOT / f"schema/docs/{n}.html", target="docs", status="stale" if stale else "unchanged", diff=diff)
        for n in range(count)
    ]


def test_a_folder_of_many_files_is_told_in_one_line_and_the_others_one_by_one() -> None:
    written = SyncedFile(path=ROOT / "schema/docs/new.html", target="docs", status="written")
    sql = SyncedFile(path=ROOT / "schema/structure.sql", target="sql", status="unchanged")
    pages = _pages(100)
    result = _result(RUN, SyncResult(files=(sql, *pages[:50], written, *pages[50:]), fingerprint="f"), failure="error")

    assert result.facts == ("schema/structure.sql: unchanged", "schema/docs/: 100 unchanged", "schema/docs/new.html: written")
    assert result.summary == "101 unchanged, 1 written"
    assert len(result.data["files"]) == 102


def test_of_many_stale_files_the_first_are_shown_and_all_are_counted() -> None:
    result = _result(RUN, SyncResult(files=tuple(_pages(100, stale=True)), fingerprint="f"), failure="error")
    failed = _failed_if_stale(result, hint="write")

    assert failed.exit_code == ExitCode.FOUND
    assert len(failed.findings) == 21
    assert failed.findings[-1].message == "80 more differ"
    assert sum(line == "+more" for line in failed.facts) == 20


def test_a_target_that_failed_is_an_error_or_a_warning_with_its_reason_once() -> None:
    broken = SyncedFile(
        path=ROOT / "schema.prisma", target="prisma", status="failed", reason="it does not parse", exit_code=ExitCode.TRY_AGAIN
    )
    for failure, status, exit_code in (("warning", "warning", 0), ("error", "failed", 6)):
        result = _result(RUN, SyncResult(files=(broken,), fingerprint="f"), failure=failure)

        assert (result.status, result.exit_code) == (status, exit_code)
        assert result.facts == ("schema.prisma: failed",)
        assert [(one.file, one.severity, one.message) for one in result.findings] == [
            (
                "schema.prisma",
                "warning" if failure == "warning" else "error",
                "Verify by hand: target prisma was not written: it does not parse",
            )
        ]


_HEAD = (
    "--- a/{0}\n+++ b/{0}\n@@ -1,4 +1,4 @@\n-// revision: 1\n-// catalogue: "
    + "0" * 64
    + "\n+// revision: 2\n+// catalogue: "
    + "f" * 64
    + "\n text"
)


def _entities(*changed: str) -> tuple[SyncedFile, ...]:
    names = [f"{number:02}.ts" for number in range(40)]
    diffs = {name: _HEAD.format(name) + f"\n+{name}" * (name in changed) for name in names}
    return tuple(
        SyncedFile(path=ROOT / "entities" / name, target="typeorm", status="stale", diff=diff) for name, diff in diffs.items()
    )


def test_files_that_differ_in_their_heads_alone_do_not_hide_the_one_that_changed() -> None:
    result = _result(RUN, SyncResult(files=_entities("37.ts"), fingerprint="f"), failure="error")
    failed = _failed_if_stale(result, hint="write")

    assert [fact for fact in result.facts if fact.startswith("---")] == ["--- a/37.ts"]
    assert "+37.ts" in result.facts
    assert result.facts[-1] == "39 more differ only in the revision or the catalogue that their heads name"
    assert failed.findings[0].file == "entities/37.ts"


def test_of_files_that_all_differ_in_their_heads_alone_one_is_shown() -> None:
    result = _result(RUN, SyncResult(files=_entities(), fingerprint="f"), failure="error")

    assert [fact for fact in result.facts if fact.startswith("---")] == ["--- a/00.ts"]
    assert _failed_if_stale(result, hint="write").exit_code == 2
