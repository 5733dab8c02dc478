"""Addresses are taken from variables and service files too, as libpq takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from seachange.errors import DatabaseUrlError
from seachange.postgres import redaction
from seachange.postgres.connection import from_environment, parse


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords of one test are no secrets in the messages of another."""
    monkeypatch.setattr(redaction, "_secrets", {})


class TestEnvironment:
    """Variables fill in what the URL leaves open."""

    @pytest.mark.parametrize(
        ("environ", "expected"),
        [
            pytest.param({}, None, id="nothing"),
            pytest.param({"PGUSER": "u", "PGPASSWORD": "p", "PGPORT": "1"}, None, id="nothing that says where"),
            pytest.param({"DATABASE_URL": ""}, None, id="empty URL"),
            pytest.param({"DATABASE_URL": "postgresql://h/d"}, {"host": "h", "dbname": "d"}, id="URL"),
            pytest.param(
                {"DATABASE_URL": "postgresql:///d", "PGHOST": "h", "PGPASSWORD": "p", "PGPASSFILE": "/f", "PGDATABASE": "e"},
                {"host": "h", "password": "p", "passfile": "/f", "dbname": "d"},
                id="URL first, variables for the rest",
            ),
            pytest.param({"PGHOST": "h", "PGSSLMODE": "require"}, {"host": "h", "sslmode": "require"}, id="PGHOST"),
            pytest.param({"PGHOSTADDR": "::1"}, {"hostaddr": "::1"}, id="PGHOSTADDR"),
            pytest.param({"PGDATABASE": "a=b"}, {"dbname": "a=b"}, id="PGDATABASE is a name, not a key=value text"),
            pytest.param(
                {"DATABASE_URL": "postgresql://h/d", "PGHOSTADDR": "10.0.0.1", "PGPORT": "1"},
                {"host": "h", "dbname": "d", "port": "1"},
                id="an address of the environment does not redirect the URL's host",
            ),
        ],
    )
    def test_environment_names_the_database(self, environ: dict[str, str], expected: dict[str, str] | None) -> None:
        database = from_environment(environ)

        assert expected == (dict(database.parameters) if database else None)

    def test_parse_reads_nothing_from_the_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PGHOST", "elsewhere")

        assert dict(parse("postgresql:///d").parameters) == {"dbname": "d"}


class TestService:
    """Services are looked up where libpq looks."""

    _FILE = "# comment\n[other]\nhost=x\n\n[clinic]\nhost=h\nport=1\ndbname=d\npassword=s3cret=1\n  user=ann\nhost=second\n"

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            pytest.param("service=clinic", {}, id="key=value"),
            pytest.param("postgresql:///?service=clinic", {}, id="URL"),
            pytest.param("postgresql:///e?service=clinic", {"dbname": "e"}, id="URL wins over the service"),
        ],
    )
    def test_service_of_the_file_is_used(self, tmp_path: Path, text: str, expected: dict[str, str]) -> None:
        (tmp_path / "services").write_text(self._FILE)
        environ = {"PGSERVICEFILE": str(tmp_path / "services"), "PGPORT": "2", "PGDATABASE": "f", "PGSSLMODE": "require"}

        database = parse(text, environ=environ)

        service = {"host": "h", "port": "1", "dbname": "d", "password": "s3cret=1", "user": "ann", "sslmode": "require"}
        assert {**service, **expected} == dict(database.parameters)

    def test_service_of_the_environment_and_the_home_folder_is_used(self, tmp_path: Path) -> None:
        (tmp_path / ".pg_service.conf").write_text(self._FILE)

        database = from_environment({"PGSERVICE": "clinic", "HOME": str(tmp_path)})

        assert database
        assert database.redacted == "postgresql://ann@h:1/d"

    def test_service_of_the_system_is_used_last(self, tmp_path: Path) -> None:
        (tmp_path / "pg_service.conf").write_text(self._FILE)
        environ = {"PGSYSCONFDIR": str(tmp_path), "PGSERVICEFILE": str(tmp_path / "missing")}

        assert parse("postgresql:///d?service=other", environ=environ).redacted == "postgresql://x/d"

    def test_unknown_service_is_an_error_that_names_the_files(self, tmp_path: Path) -> None:
        with pytest.raises(DatabaseUrlError, match="the service 'nix' is in none of the service files") as caught:
            parse("service=nix", environ={"HOME": str(tmp_path)})

        assert str(tmp_path / ".pg_service.conf") in caught.value.hint

    @pytest.mark.parametrize("line", ["ldap://h/CANARY", "passwrod=CANARY", "CANARY"])
    def test_line_that_is_no_parameter_is_an_error_that_does_not_show_it(self, tmp_path: Path, line: str) -> None:
        (tmp_path / "services").write_text(f"[a]\n{line}\n")

        with pytest.raises(DatabaseUrlError, match="has a line that is no known keyword=value") as caught:
            parse("service=a", environ={"PGSERVICEFILE": str(tmp_path / "services")})

        assert "CANARY" not in f"{caught.value} {caught.value.hint}"

    def test_unreadable_service_file_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(DatabaseUrlError, match="cannot be read"):
            parse("service=a", environ={"PGSERVICEFILE": str(tmp_path)})
