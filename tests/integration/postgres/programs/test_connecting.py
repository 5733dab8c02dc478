"""Client programs connect under any name and with any password."""

from __future__ import annotations

from pathlib import Path

import pytest

from seachange.errors import ProgramFailedError
from seachange.postgres import programs
from seachange.postgres.connection import Database, connect, create_database, drop_database
from tests.integration.postgres.programs.conftest import PASSWORD


class TestConnecting:
    """The variables of libpq lead to the database, whatever it is called."""

    @pytest.mark.parametrize(
        "name", ["a=b", "-dash", "two words", "quote\"s and 'quotes'", "ünï ☃", "a/b?c#d%e@f:g", "postgres://x"]
    )
    def test_program_connects_to_an_odd_name(self, database: Database, psql: Path, pg_dump: Path, name: str) -> None:
        odd = create_database(database.with_name(name))
        try:
            shown = programs.run(psql, ["-Atc", "select current_database()"], database=odd)
            dump = programs.run(pg_dump, ["--schema-only"], database=odd)
            named = programs.run(psql, ["-Atc", "select current_database()", programs.name_argument(odd)], database=database)
        finally:
            drop_database(odd, force=True)

        assert f"{odd.name}\n" == shown.stdout.decode() == named.stdout.decode()
        assert b"PostgreSQL database dump complete" in dump.stdout

    def test_password_of_any_character_is_passed(self, guarded: Database, psql: Path) -> None:
        shown = programs.run(psql, ["-Atc", "select current_user, inet_client_addr()"], database=guarded)

        assert shown.stdout == b"ann|127.0.0.1\n"

    def test_password_with_a_line_break_is_passed(self, guarded: Database, psql: Path) -> None:
        with connect(guarded, autocommit=True) as session:
            session.execute("create role \"line\" login password 'one\ntwo'")
            try:
                two_lines = guarded.with_parameters(user="line", password="one\ntwo")
                assert programs.run(psql, ["-Atc", "select 1"], database=two_lines).stdout == b"1\n"
            finally:
                session.execute('drop role "line"')

    def test_password_file_of_the_user_is_honoured(
        self, guarded: Database, psql: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
        (tmp_path / "pgpass").write_text(f"127.0.0.1:*:*:ann:{escaped}\n")
        (tmp_path / "pgpass").chmod(0o600)
        bare = guarded.with_parameters(password="")

        named = bare.with_parameters(passfile=str(tmp_path / "pgpass"))
        assert programs.run(psql, ["-Atc", "select 1"], database=named).stdout == b"1\n"
        with connect(named) as session:
            assert session.execute("select 1").fetchone() == (1,)

        monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))
        assert programs.run(psql, ["-Atc", "select 1"], database=bare).stdout == b"1\n"
        with connect(bare) as session:
            assert session.execute("select 1").fetchone() == (1,)

    def test_parameter_without_a_variable_is_passed(self, guarded: Database, psql: Path) -> None:
        with pytest.raises(ProgramFailedError, match=r'invalid integer value "x" for connection option "keepalives_idle"'):
            programs.run(psql, ["-c", "select 1"], database=guarded.with_parameters(keepalives_idle="x"))

        good = guarded.with_parameters(keepalives_idle="5", options="-c work_mem=1MB", application_name="by psql")
        query = "select current_setting('work_mem'), current_setting('application_name')"
        assert programs.run(psql, ["-Atc", query], database=good).stdout == b"1MB|by psql\n"

    def test_variables_of_this_process_redirect_nothing(
        self, database: Database, psql: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hostile = {
            "PGHOSTADDR": "192.0.2.1",
            "PGPORT": "1",
            "PGSERVICE": "other",
            "PGOPTIONS": "-c work_mem=1MB",
            "PGCLIENTENCODING": "LATIN1",
        }
        query = "select current_database(), current_setting('work_mem')"
        with monkeypatch.context() as patch:
            for variable, value in hostile.items():
                patch.setenv(variable, value)
            shown = programs.run(psql, ["-Atc", query], database=database).stdout.decode()

        assert f"{database.name}|4MB\n" == shown
