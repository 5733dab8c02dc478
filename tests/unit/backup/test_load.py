"""The one complaint of pg_restore that is harmless, and everything that is not."""

from __future__ import annotations

import pytest

from seachange.backup.load import only_harmless

_HARMLESS = """\
pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter "transaction_timeout"
Command was: SET transaction_timeout = 0;
"""
_TRANSLATED = """\
pg_restore: error: could not execute query: FEHLER:  unbekannter Konfigurationsparameter »transaction_timeout«
Command was: SET transaction_timeout = 0;
"""
_SERIOUS = """\
pg_restore: error: could not execute query: ERROR:  could not create unique index "once"
Command was: CREATE UNIQUE INDEX once ON public.t USING btree (x);
"""
_COPY = 'pg_restore: error: COPY failed for table "t": ERROR:  invalid input syntax for type integer: "x"\n'
_IN_PASSING = "pg_restore: while PROCESSING TOC:\npg_restore: from TOC entry 3352; 1259 16390 INDEX once postgres\n"
_END = "pg_restore: warning: errors ignored on restore: 1\n"


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        pytest.param("pg_restore: while INITIALIZING:\n" + _HARMLESS + "\n" + _END, True, id="once"),
        pytest.param(_HARMLESS * 3 + _END, True, id="once for each connection"),
        pytest.param(_TRANSLATED + _END, True, id="a server that speaks another language"),
        pytest.param(_HARMLESS + _IN_PASSING + _SERIOUS + _END, False, id="and something serious"),
        pytest.param(_SERIOUS + _END, False, id="something serious alone"),
        pytest.param(_HARMLESS + _COPY + _END, False, id="data that was not loaded"),
        pytest.param(_HARMLESS + "pg_restore: error: connection to server lost\n", False, id="a lost connection"),
        pytest.param("", False, id="nothing said"),
        pytest.param("Killed\n", False, id="something else said"),
    ],
)
def test_only_the_unknown_transaction_timeout_is_harmless(stderr: str, expected: object) -> None:
    assert only_harmless(stderr) is expected
