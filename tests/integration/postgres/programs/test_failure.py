"""Client programs that fail are told with the reason and the remedy."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from seachange.errors import BinaryNotFoundError, ExitCode, ProgramFailedError
from seachange.postgres import programs
from seachange.postgres.connection import Database
from tests.integration.postgres.programs.conftest import SH


class TestFailure:
    """A failed program is told with what it said and what to do."""

    def test_missing_database_is_told_with_a_hint(self, database: Database, pg_dump: Path) -> None:
        with pytest.raises(ProgramFailedError) as caught:
            programs.run(pg_dump, [], database=database.with_name("nix"))

        assert caught.value.message.startswith(
            f"pg_dump for {database.with_name('nix').redacted} ended with status 1: pg_dump: error:"
        )
        assert 'database "nix" does not exist' in caught.value.stderr
        assert "createdb" in caught.value.hint

    def test_unreachable_server_is_worth_another_try(self, database: Database, pg_dump: Path, tmp_path: Path) -> None:
        with pytest.raises(ProgramFailedError) as caught:
            programs.run(pg_dump, [], database=database.with_parameters(host=str(tmp_path)))

        assert caught.value.exit_code == ExitCode.TRY_AGAIN

    def test_older_program_names_the_remedy(self, database: Database, tmp_path: Path) -> None:
        program = tmp_path / "pg_dump"
        program.write_text("#!/bin/sh\necho 'pg_dump: error: aborting because of server version mismatch' >&2\nexit 1\n")
        program.chmod(0o700)

        with pytest.raises(ProgramFailedError, match="server version mismatch") as caught:
            programs.run(program, [], database=database)
        assert "db.servers --install" in caught.value.hint

    def test_messages_are_in_english_whatever_the_locale(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
        monkeypatch.setenv("LANGUAGE", "de")

        done = programs.run(SH, ["-c", 'echo "$LC_MESSAGES $LC_CTYPE $LC_ALL"'])

        assert done.stdout == b"C de_DE.UTF-8 \n"

    def test_signal_is_named(self) -> None:
        with pytest.raises(ProgramFailedError, match="sh was ended by SIGKILL") as caught:
            programs.run(SH, ["-c", "kill -9 $$"])
        assert caught.value.returncode == -signal.SIGKILL

    @pytest.mark.parametrize("mode", [None, 0o600])
    def test_program_that_is_not_there_is_named(self, tmp_path: Path, mode: int | None) -> None:
        program = tmp_path / "pg_dump"
        if mode:
            program.write_text("")
            program.chmod(mode)
        with pytest.raises(BinaryNotFoundError, match=f"{program} is not there or cannot be run"):
            programs.run(program, [])
