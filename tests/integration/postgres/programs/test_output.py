"""Client programs write where they should, and read what they should."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from seachange.errors import NotWritableError, ProgramFailedError
from seachange.postgres import programs
from seachange.postgres.connection import Database
from tests.integration.postgres.programs.conftest import SH


class TestOutput:
    """Output is captured, or goes into a new private file."""

    def test_output_and_messages_are_captured(self) -> None:
        done = programs.run(SH, ["-c", "echo out; echo err >&2"])

        assert (done.stdout, done.stderr) == (b"out\n", "err\n")
        assert 0 < done.duration_s < 10

    def test_much_output_on_both_pipes_is_no_deadlock(self) -> None:
        script = "i=0; while [ $i -lt 20 ]; do head -c 100000 /dev/zero; head -c 100000 /dev/zero >&2; i=$((i + 1)); done"
        done = programs.run(SH, ["-c", script], timeout_s=60)

        assert len(done.stdout) == 2_000_000
        assert len(done.stderr) == 2_000_000

    def test_output_goes_into_a_new_private_file(self, tmp_path: Path) -> None:
        before = os.umask(0)
        try:
            done = programs.run(SH, ["-c", "echo out;"], stdout=tmp_path / "out")
        finally:
            os.umask(before)

        assert ((tmp_path / "out").read_bytes(), done.stdout) == (b"out\n", b"")
        assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600

    def test_files_of_the_program_are_private(self, tmp_path: Path) -> None:
        programs.run(SH, ["-c", 'touch "$1/file"; mkdir "$1/folder"', "sh", str(tmp_path)])

        assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "folder")] == [0o600, 0o700]

    @pytest.mark.parametrize("kind", ["file", "link", "dangling link"])
    def test_what_exists_is_not_overwritten(self, tmp_path: Path, kind: str) -> None:
        victim, target = tmp_path / "victim", tmp_path / "target"
        if kind != "dangling link":
            victim.write_text("precious")
        if kind == "file":
            target.write_text("precious")
        else:
            target.symlink_to(victim)

        with pytest.raises(NotWritableError, match=f"cannot create {target}"):
            programs.run(SH, ["-c", "echo out"], stdout=target)

        assert victim.exists() == (kind != "dangling link")
        assert kind == "dangling link" or target.read_text() == "precious"

    def test_output_of_a_failed_program_is_removed(self, tmp_path: Path) -> None:
        with pytest.raises(ProgramFailedError):
            programs.run(SH, ["-c", "echo half; exit 3"], stdout=tmp_path / "out")

        assert not (tmp_path / "out").exists()

    def test_open_file_is_written_to(self, tmp_path: Path) -> None:
        with (tmp_path / "out").open("wb") as file:
            programs.run(SH, ["-c", "echo out"], stdout=file)

        assert (tmp_path / "out").read_bytes() == b"out\n"

    def test_input_comes_from_a_file(self, database: Database, psql: Path, tmp_path: Path) -> None:
        (tmp_path / "in.sql").write_text("select 6 * 7;")

        from_path = programs.run(psql, ["-At"], database=database, stdin=tmp_path / "in.sql")
        with (tmp_path / "in.sql").open("rb") as file:
            from_file = programs.run(psql, ["-At"], database=database, stdin=file)

        assert b"42\n" == from_path.stdout == from_file.stdout

    def test_without_input_there_is_none(self) -> None:
        assert programs.run(Path("/bin/cat"), [], timeout_s=20).stdout == b""
