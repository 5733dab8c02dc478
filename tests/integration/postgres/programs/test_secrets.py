"""Client programs show no password."""

from __future__ import annotations

import os
import stat
import threading
import traceback
from pathlib import Path

import pytest

from seachange.errors import AuthenticationFailedError, ExitCode, ProgramFailedError, TimeoutExceededError
from seachange.postgres import programs
from seachange.postgres.connection import Database, connect, wait_until_reachable
from tests.integration.postgres.processes import processes_with, soon
from tests.integration.postgres.programs.conftest import PASSWORD, SH


class TestSecrets:
    """A password is in no argument, no variable, no message, and in a private file only while the program runs."""

    def test_password_is_seen_neither_in_arguments_nor_in_variables(
        self, guarded: Database, psql: Path, private_folders: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", guarded.url())
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        query = "select pg_sleep(60) /* k4n-mark */"

        def work() -> None:
            with pytest.raises(TimeoutExceededError):
                programs.run(psql, ["-c", query], database=guarded, timeout_s=2)

        thread = threading.Thread(target=work)
        thread.start()
        assert soon(lambda: bool(processes_with("k4n-mark")), seconds=5)
        pids = [*processes_with("k4n-mark"), *processes_with(str(private_folders))]
        seen = [(Path("/proc") / str(pid) / name).read_bytes() for pid in pids for name in ("cmdline", "environ")]
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in private_folders.rglob("*")}
        thread.join()

        assert len(pids) >= 2
        assert not [text for text in seen if b"k4n4ry" in text]
        assert {0o600} == {mode for name, mode in modes.items() if name == "pgpass"}
        assert {0o700, 0o600} == set(modes.values())

    def test_wrong_password_is_told_without_it(self, guarded: Database, pg_dump: Path, tmp_path: Path) -> None:
        good = tmp_path / "good.dump"
        good.write_bytes(b"good")
        with pytest.raises(ProgramFailedError, match="password authentication failed for user") as caught:
            programs.run(pg_dump, [], database=guarded.with_parameters(password="wr0ng-k4n4ry"), stdout=tmp_path / "new.dump")

        assert "wr0ng" not in f"{caught.value} {caught.value.hint} {caught.value.stderr}"
        assert "PGPASSFILE" in caught.value.hint
        assert (caught.value.returncode, caught.value.exit_code) == (1, ExitCode.ERROR)
        assert {"good.dump"} == {path.name for path in tmp_path.iterdir() if path.is_file()}

    def test_session_with_a_wrong_password_is_refused_without_it(self, guarded: Database) -> None:
        wrong = guarded.with_parameters(password="wr0ng-k4n4ry")
        with pytest.raises(AuthenticationFailedError, match="refused the user or the password") as caught:
            connect(wrong)
        with pytest.raises(AuthenticationFailedError):
            wait_until_reachable(wrong, timeout_s=20)

        library = "".join(traceback.format_exception(caught.value)).partition("seachange/postgres")[2]
        assert "wr0ng" not in f"{caught.value!r} {caught.value.hint} {library}"
        assert "DATABASE_URL" in caught.value.hint

    def test_password_file_that_others_can_read_is_explained(self, guarded: Database, psql: Path, tmp_path: Path) -> None:
        (tmp_path / "pgpass").write_text("*:*:*:*:0ther\n")
        (tmp_path / "pgpass").chmod(0o644)
        address = guarded.with_parameters(password="", passfile=str(tmp_path / "pgpass"))

        with pytest.raises(ProgramFailedError, match="no password supplied") as program:
            programs.run(psql, ["-c", "select 1"], database=address)
        with pytest.raises(AuthenticationFailedError) as session:
            connect(address)

        assert "must have mode 0600" in program.value.hint
        assert "must have mode 0600" in session.value.hint

    def test_missing_password_is_an_error_and_no_prompt(self, guarded: Database, pg_dump: Path) -> None:
        with pytest.raises(ProgramFailedError, match="no password supplied"):
            programs.run(pg_dump, [], database=guarded.with_parameters(password=""), timeout_s=20)

    def test_password_like_a_word_of_a_path_takes_no_path_away(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SOME_URL", "https://ann:0ther-k4n@example.org")
        careless = database.with_parameters(password="bin")
        with_word = database.with_parameters(password="home")

        for address in (careless, with_word):
            done = programs.run(SH, ["-c", 'echo "$PATH|$SOME_URL"'], database=address)
            assert f"{os.environ['PATH']}|\n" == done.stdout.decode()

    def test_secret_in_the_output_is_masked(self, guarded: Database) -> None:
        secret = guarded.parameters["password"]
        done = programs.run(SH, ["-c", 'printf "%s" "$1" >&2', "sh", f"password {secret} and postgresql://u:{secret}@h"])

        assert "k4n4ry" not in done.stderr
        assert done.stderr.startswith("password *** and postgresql://u:***")
