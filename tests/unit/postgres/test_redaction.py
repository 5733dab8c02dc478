"""No text that goes through redact shows a password, however it is written there."""

from __future__ import annotations

import io
import json
import logging
import shlex
import sys
import traceback
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from seachange.postgres import redaction
from seachange.postgres.connection import parse, redact
from seachange.postgres.redaction import RedactingFilter, register_secret


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_secrets", {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("postgresql://u:CANARY@h/d", "postgresql://u:***@h/d", id="URL"),
        pytest.param("postgresql+psycopg://u:CANARY@h/d?a=b", "postgresql+psycopg://u:***@h/d?a=b", id="URL of SQLAlchemy"),
        pytest.param(
            "see postgres://u:CANARY@h, postgres://v:CANARY@i", "see postgres://u:***@h, postgres://v:***@i", id="two URLs"
        ),
        pytest.param(
            "postgres://u:CANARY@h;postgres://v:CANARY@i", "postgres://u:***@h;postgres://v:***@i", id="two joined URLs"
        ),
        pytest.param("postgresql://u:CAN@RY/CAN?RY#CANARY@h/d", "postgresql://u:***@h/d", id="URL with what should be encoded"),
        pytest.param("postgresql://:CANARY@h/d", "postgresql://:***@h/d", id="URL without a user"),
        pytest.param("postgresql://u@h:5432/d", "postgresql://u@h:5432/d", id="URL without a password"),
        pytest.param("postgresql://h:5432/d", "postgresql://h:5432/d", id="URL with a port only"),
        pytest.param("postgresql://h/d?user=u&password=CANARY", "postgresql://h/d?user=u&password=***", id="query of a URL"),
        pytest.param("postgresql://h/d?sslpassword=CANARY", "postgresql://h/d?sslpassword=***", id="sslpassword in a query"),
        pytest.param("host=h password=CANARY dbname=d", "host=h password=*** dbname=d", id="key=value"),
        pytest.param("host=h password = CANARY dbname=d", "host=h password = *** dbname=d", id="key = value"),
        pytest.param("password='CAN\\'A RY' host=h", "password='***' host=h", id="single quotes with an escaped one"),
        pytest.param('password="CAN A RY" host=h', 'password="***" host=h', id="double quotes"),
        pytest.param("password='CAN A RY", "password='***'", id="quote left open"),
        pytest.param("password=CAN\\ A\\\\RY host=h", "password=*** host=h", id="escaped space"),
        pytest.param(
            "passfile=/CANARY sslpassword=CANARY x=1", "passfile=*** sslpassword=*** x=1", id="passfile and sslpassword"
        ),
        pytest.param("PGPASSWORD=CANARY pg_dump", "PGPASSWORD=*** pg_dump", id="variable"),
        pytest.param("export PGPASSWORD='CAN A RY'; x", "export PGPASSWORD='***'; x", id="variable in quotes"),
        pytest.param('{"password": "CAN, A RY", "user": "u"}', '{"password": "***", "user": "u"}', id="JSON"),
        pytest.param("{'password': 'CAN, A RY', 'user': 'u'}", "{'password': '***', 'user': 'u'}", id="dictionary"),
        pytest.param("create role u password 'CAN''A RY' login", "create role u password '***' login", id="SQL"),
        pytest.param("ALTER USER u PASSWORD E'CAN\\'ARY'", "ALTER USER u PASSWORD E'***'", id="SQL with escapes"),
        pytest.param(
            'FATAL:  password authentication failed for user "u"',
            'FATAL:  password authentication failed for user "u"',
            id="nothing to hide",
        ),
        pytest.param("fe_sendauth: no password supplied", "fe_sendauth: no password supplied", id="no password"),
        pytest.param("", "", id="empty"),
    ],
)
def test_password_is_masked_wherever_it_stands(text: str, expected: str) -> None:
    assert expected == redact(text)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(lambda secret: secret, id="as it is"),
        pytest.param(lambda secret: urllib.parse.quote(secret, safe=""), id="percent-encoded"),
        pytest.param(lambda secret: urllib.parse.quote(secret, safe="").lower(), id="percent-encoded in small letters"),
        pytest.param(urllib.parse.quote_plus, id="form-encoded"),
        pytest.param(repr, id="repr"),
        pytest.param(lambda secret: repr([secret.encode()]), id="repr of bytes"),
        pytest.param(json.dumps, id="JSON"),
        pytest.param(lambda secret: make_conninfo(dbname=secret), id="key=value text under another key"),
        pytest.param(lambda secret: secret.replace("\\", "\\\\").replace(":", "\\:"), id="line of a password file"),
        pytest.param(lambda secret: "'" + secret.replace("'", "''") + "'", id="SQL literal"),
        pytest.param(lambda secret: f"<<{secret}>>", id="glued to signs"),
        pytest.param(lambda secret: f"x{secret}y", id="glued to letters"),
    ],
)
def test_registered_secret_is_masked_in_every_spelling(written: Callable[[str], str]) -> None:
    secret = "k4n:a'r y\\@/ü%?"
    register_secret(secret)

    shown = redact(f"before {written(secret)} after")

    assert "k4n" not in shown.lower()
    assert "***" in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


def test_password_of_a_parsed_url_is_registered() -> None:
    parse("postgresql://ann:k4n4ry%2Fx@h/d?sslpassword=0th3r-one")

    assert redact("k4n4ry/x and k4n4ry%2fx and 0th3r-one") == "*** and *** and ***"


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("postgresql://postgres:postgres@localhost/app", id="postgres:postgres"),
        pytest.param("postgresql://clinic:clinic@localhost/app", id="password like the user"),
        pytest.param("postgresql://ann:clinic@localhost/clinic", id="password like the database"),
        pytest.param("postgresql://ann:abc@localhost/clinic", id="short"),
    ],
)
def test_password_that_is_no_secret_does_not_garble_messages(url: str) -> None:
    message = f'{parse(url)}: role "postgres" of clinic, see abc at localhost'

    assert message == redact(message)
    assert redact(url) == url.replace(url.split("@", maxsplit=1)[0].rsplit(":", 1)[1] + "@", "***@")


def test_short_secret_is_masked_as_a_word_only() -> None:
    register_secret("user")

    assert redact("user of userspace, users=user") == "*** of userspace, users=***"


def test_secret_inside_of_another_leaves_nothing_of_it() -> None:
    register_secret("k4n4ry")
    register_secret("k4n4ry-and-more")

    assert redact("k4n4ry-and-more k4n4ry") == "*** ***"


def test_exception_text_and_traceback_are_covered_by_the_logging_filter() -> None:
    register_secret("k4n4ry-secret")
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactingFilter())
    log = logging.getLogger("test_redaction")
    log.propagate = False
    log.addHandler(handler)
    try:
        raise ValueError("k4n4ry-secret in an exception")
    except ValueError:
        log.exception("failed with %s and postgresql://u:%s@h", "k4n4ry-secret", "0ther")
    finally:
        log.removeHandler(handler)

    assert "k4n4ry" not in stream.getvalue()
    assert "0ther" not in stream.getvalue()
    assert "failed with *** and postgresql://u:***@h" in stream.getvalue()
    assert "ValueError: *** in an exception" in stream.getvalue()


# A busy machine is no failure.
_SETTINGS = settings(deadline=None, database=None)

# Each special character of ASCII, quotes, controls, letters outside ASCII and beyond the first plane.
_SPECIAL = "".join(chr(code) for code in range(1, 127) if not chr(code).isalnum()) + "äß€😀\u2028\u00a0"
_CANARY = st.builds(lambda before, after: f"{before}k4n{after}r7y", st.text(_SPECIAL, max_size=4), st.text(_SPECIAL, max_size=4))


def _forms(secret: str) -> dict[str, str]:
    quoted = urllib.parse.quote(secret, safe="")
    return {
        "URL": f"error: postgresql://ann:{quoted}@db.example/clinic refused",
        "URL for SQLAlchemy": f"Engine(postgresql+psycopg://ann:{urllib.parse.quote(secret, safe=' +')}@h/d)",
        "query": f"postgresql:///d?sslmode=require&password={quoted}&user=ann",
        "key=value": make_conninfo(host="h", password=secret, dbname="d"),
        "repr of key=value": repr(make_conninfo(host="h", password=secret, dbname="d")),
        "sslpassword": make_conninfo(sslpassword=secret),
        "shell": f"PGPASSWORD={shlex.quote(secret)} psql",
        "dictionary": repr({"user": "ann", "password": secret}),
        "JSON": json.dumps({"password": secret, "user": "ann"}),
        "line of a password file": "h:5432:*:ann:" + secret.replace("\\", "\\\\").replace(":", "\\:"),
        "plain": f"what is {secret} doing here",
    }


def _traces(text: str) -> bool:
    return "k4n" in text or "r7y" in text


@_SETTINGS
@given(_CANARY)
def test_no_form_of_a_registered_password_is_shown(secret: str) -> None:
    register_secret(secret)

    shown = {form: redact(text) for form, text in _forms(secret).items()}

    assert {form: text for form, text in shown.items() if _traces(text)} == {}


@_SETTINGS
@given(_CANARY)
def test_usual_forms_of_an_unknown_password_are_not_shown(secret: str) -> None:
    forms = _forms(secret)
    for form in ("line of a password file", "plain", "URL for SQLAlchemy", "shell", "repr of key=value"):
        del forms[form]

    shown = {form: redact(text) for form, text in forms.items()}

    assert {form: text for form, text in shown.items() if _traces(text)} == {}


@_SETTINGS
@given(_CANARY)
def test_traceback_with_a_registered_password_is_clean(secret: str) -> None:
    register_secret(secret)
    try:
        raise ValueError(f"bad URL postgresql://u:{secret}@h", {"password": secret})
    except ValueError:
        text = redact("".join(traceback.format_exception(*sys.exc_info())))

    assert not _traces(text.split("ValueError")[-1])


@_SETTINGS
@given(st.text(max_size=200))
def test_redact_leaves_text_without_secrets_alone_or_only_masks(text: str) -> None:
    assert redact(redact(text)) == redact(text)
