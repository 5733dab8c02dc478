"""Which backups of pgBackRest and WAL-G may be relied on, from what their commands print."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from seachange.backup.external import age_text, list_external, require_external
from seachange.config import Settings
from seachange.errors import (
    BackupInvalidError,
    BinaryNotFoundError,
    ConfigError,
    ProgramFailedError,
    RefusedError,
    SeachangeError,
    TimeoutExceededError,
)
from seachange.postgres.connection import ServerInfo
from tests.external import SYSTEM, pgbackrest_backup, pgbackrest_stanza, stand_in, walg_backup
from tests.project import clean_environment

NOW = datetime.datetime(2025, 6, 1, 12, 0, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
YESTERDAY = (NOW - 25 * HOUR).timestamp()
RECENTLY = (NOW - 2 * HOUR).timestamp()
FULL = pgbackrest_backup("20250531-110000F", stop=YESTERDAY)
INCR = pgbackrest_backup(
    "20250531-110000F_20250601-100000I", stop=RECENTLY, type="incr", prior=FULL["label"], reference=[FULL["label"]]
)
WALG = walg_backup("base_000000010000000000000004", finished=NOW - 3 * HOUR)


def server(*, database: str = "clinic", system: str | None = SYSTEM) -> ServerInfo:
    return ServerInfo(
        version=150018,
        version_text="15.18",
        database=database,
        user="u",
        read_only=False,
        pooled=False,
        system_identifier=system,
        size_bytes=1,
    )


def given(tmp_path: Path, document: object, **options: Any) -> Settings:
    script = options.pop("script", 'cat "$0.json"')
    command = f"{stand_in(tmp_path / 'list backups', document, script=script)}"
    return Settings(root=tmp_path, environment=clean_environment(), backup_external=f"'{command}' --output=json", **options)


def test_pgbackrest_lists_its_backups_newest_first(tmp_path: Path) -> None:
    found = list_external(given(tmp_path, [pgbackrest_stanza(FULL, INCR)]))

    assert [(one.tool, one.source, one.name, one.kind, one.system_identifier) for one in found] == [
        ("pgBackRest", "main", INCR["label"], "incremental", SYSTEM),
        ("pgBackRest", "main", FULL["label"], "full", SYSTEM),
    ]
    assert (found[0].finished, found[0].size_bytes, found[0].problem) == (NOW - 2 * HOUR, 30983941, "")


def test_walg_lists_its_backups_newest_first(tmp_path: Path) -> None:
    delta = walg_backup("base_000000010000000000000006_D_000000010000000000000004", finished=NOW - HOUR)
    found = list_external(given(tmp_path, [delta, WALG]))

    assert [(one.tool, one.name, one.kind) for one in found] == [
        ("WAL-G", delta["backup_name"], "delta"),
        ("WAL-G", WALG["backup_name"], "full"),
    ]
    assert (found[0].system_identifier, found[0].size_bytes) == (SYSTEM, 41345024)


@pytest.mark.parametrize(
    ("changes", "hours"),
    [
        pytest.param({"finish_time": "0001-01-01T00:00:00Z", "time": "2025-06-01T07:00:00Z"}, 5, id="Go's zero time"),
        pytest.param({"finish_time": None, "time": "2025-06-01T08:00:00+02:00"}, 6, id="without --detail, in another zone"),
    ],
)
def test_walg_without_an_end_is_dated_by_its_upload(tmp_path: Path, changes: dict[str, Any], hours: int) -> None:
    (found,) = list_external(given(tmp_path, [{**WALG, **changes}]))

    assert found.finished == NOW - hours * HOUR


@pytest.mark.parametrize(
    "document", [pytest.param([pgbackrest_stanza(FULL, INCR)], id="pgBackRest"), pytest.param([WALG], id="WAL-G")]
)
@pytest.mark.parametrize("system", [SYSTEM, None])
def test_a_fresh_backup_of_this_server_is_relied_on(tmp_path: Path, document: object, system: str | None) -> None:
    found = require_external(given(tmp_path, document), server(system=system), now=NOW)

    assert 2 <= found.age_s(NOW) / 3600 <= 3


REFUSED = [
    pytest.param([pgbackrest_stanza(FULL)], "20250531-110000F, is 1 d 1 h old; no more than 1 d is allowed", id="too old"),
    pytest.param([pgbackrest_stanza(FULL, {**INCR, "error": True})], "cannot be relied on: pgBackRest found errors", id="failed"),
    pytest.param([pgbackrest_stanza({**FULL, "error": True}, INCR)], "it needs 20250531-110000F, which has errors", id="chain"),
    pytest.param([pgbackrest_stanza(INCR)], "it needs 20250531-110000F, which is gone", id="chain is broken"),
    pytest.param([pgbackrest_stanza(code=2, message="no valid backups")], "stanza 'main': no valid backups", id="none yet"),
    pytest.param([pgbackrest_stanza(code=1, message="missing stanza path")], "missing stanza path", id="no such stanza"),
    pytest.param(
        [pgbackrest_stanza(INCR, FULL, system="1")], "is of another server: system identifier 1 inst", id="other server"
    ),
    pytest.param([{**WALG, "system_identifier": 1}], "is of another server: system identifier 1", id="WAL-G: other server"),
    pytest.param(
        [pgbackrest_stanza({**INCR, "reference": None, "database-ref": [{"name": "shop", "oid": 16384}]})],
        "does not hold the database 'clinic'",
        id="other database",
    ),
    pytest.param([walg_backup("base_1", finished=NOW + HOUR)], "is dated 1 h in the future", id="clocks differ"),
    pytest.param([], "lists no backup", id="an empty list"),
    pytest.param("", "lists no backup", id="WAL-G without any backup"),
    pytest.param("stanza: main\n    status: ok", "is not understood .*: 'stanza: main status: ok'", id="text"),
    pytest.param({"backups": []}, "not a list of objects", id="an object"),
    pytest.param([{"id": 1}], "neither a stanza of pgBackRest nor a backup of WAL-G", id="another tool"),
    pytest.param([{"backup": [{}], "status": {"code": 0}, "db": [], "name": "x"}], "'label' is missing", id="another version"),
    pytest.param([{**WALG, "finish_time": "", "time": None}], "'finish_time' is missing", id="no time"),
    pytest.param("[" * 100_000, "is (not understood|nested too deeply)", id="hostile"),
]


@pytest.mark.parametrize(("document", "message"), REFUSED)
def test_what_may_not_be_relied_on_is_refused_with_the_reason(tmp_path: Path, document: object, message: str) -> None:
    with pytest.raises(RefusedError, match=message) as caught:
        require_external(given(tmp_path, document), server(), now=NOW)

    assert (caught.value.exit_code, bool(caught.value.hint)) == (3, True)


def test_of_several_stanzas_the_one_of_this_server_counts(tmp_path: Path) -> None:
    other = pgbackrest_stanza(pgbackrest_backup("20250601-115900F", stop=NOW.timestamp()), name="other", system="1")
    settings = given(tmp_path, [other, pgbackrest_stanza(FULL, INCR)])

    assert require_external(settings, server(), now=NOW).name == INCR["label"]
    with pytest.raises(RefusedError, match=r"lists 2 stanzas \(main, other\), none known to be of this server"):
        require_external(settings, server(system=None), now=NOW)


FAILING = [
    pytest.param(
        {"script": "echo 'ERROR: [055]: unable to load info file' >&2; exit 55"}, ProgramFailedError, "status 55", id="fails"
    ),
    pytest.param({"script": "exec sleep 60", "stall_timeout": 300}, TimeoutExceededError, "list backups", id="hangs"),
]


@pytest.mark.parametrize(("options", "error", "message"), FAILING)
def test_a_command_that_fails_or_hangs_is_an_error_and_refused(
    tmp_path: Path, options: dict[str, Any], error: type[SeachangeError], message: str
) -> None:
    settings = given(tmp_path, [], **options)
    with pytest.raises(error, match=message):
        list_external(settings)
    with pytest.raises(RefusedError, match=f"cannot be checked: .*{message}") as caught:
        require_external(settings, server(), now=NOW)

    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("command", "error", "message"),
    [
        pytest.param(
            "no-such-backup-tool info", BinaryNotFoundError, "no-such-backup-tool is not installed here", id="not there"
        ),
        pytest.param("'pgbackrest", ConfigError, "backup_external is not a command: No closing quotation", id="quotes"),
        pytest.param("  ", ConfigError, "backup_external is empty", id="blank"),
        pytest.param("./pgbackrest.json", BinaryNotFoundError, "cannot be run", id="no program"),
    ],
)
def test_a_command_that_cannot_be_run_is_said(tmp_path: Path, command: str, error: type[SeachangeError], message: str) -> None:
    with pytest.raises(error, match=message):
        list_external(Settings(root=tmp_path, environment=clean_environment(), backup_external=command))


def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    settings = given(tmp_path, [WALG], script='printf "%s\\n" "$@" > "$0.args"; cat "$0.json"')
    list_external(Settings(root=tmp_path, environment={}, backup_external=settings.backup_external + " '$HOME;' `id`"))

    assert (tmp_path / "list backups.args").read_text() == "--output=json\n$HOME;\n`id`\n"


def test_what_is_not_set_lists_nothing_and_an_unknown_output_names_the_program(tmp_path: Path) -> None:
    assert list_external(Settings(root=tmp_path, environment={})) == ()
    with pytest.raises(BackupInvalidError, match="list backups: what it printed is not understood"):
        list_external(given(tmp_path, "nonsense"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(59, "less than a minute", id="seconds"),
        pytest.param(60, "1 min", id="a minute"),
        pytest.param(7800, "2 h 10 min", id="hours"),
        pytest.param(90_061, "1 d 1 h", id="days"),
    ],
)
def test_an_age_is_told_as_people_tell_it(seconds: float, text: str) -> None:
    assert age_text(seconds) == text
