"""pg_dump's text without what changes from run to run."""

from __future__ import annotations

import pytest

from seachange.sync.targets.sql._text import normalise

_BODY = """SET statement_timeout = 0;
SET row_security = off;

CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $$
-- Dumped by pg_dump version 1
SET transaction_timeout = 0;
\\restrict mine



SELECT 'a\u2028b'
$$;
"""


@pytest.mark.parametrize(
    "dump",
    [
        pytest.param(f"--\n-- PostgreSQL database dump\n--\n\n{'-- x' * 1}\n" + "\n" * 25 + _BODY, id="nothing to leave out"),
        pytest.param(
            "--\n-- PostgreSQL database dump\n--\n\n\\restrict 4bCd\n-- Dumped from database version 18.4 (Debian 18.4-1)\n"
            "-- Dumped by pg_dump version 18.6\n-- x\nSET transaction_timeout = 0;\n"
            + "\n" * 25
            + _BODY
            + "\n\\unrestrict 4bCd\n\n",
            id="token, versions and the setting of 17",
        ),
    ],
)
def test_only_what_pg_dump_says_of_itself_is_left_out(dump: str) -> None:
    expected = "--\n-- PostgreSQL database dump\n--\n\n-- x\n" + "\n" * 25 + _BODY

    assert normalise(dump) == expected


def test_another_token_at_the_end_is_somebodys_text() -> None:
    assert normalise("\\restrict abc\nSELECT 1;\n\\unrestrict abd\n") == "SELECT 1;\n\\unrestrict abd\n"
