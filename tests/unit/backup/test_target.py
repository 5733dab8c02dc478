"""Names of restored databases, and the locale clauses that make them."""

from __future__ import annotations

import datetime

import pytest

from seachange.backup.contents import Locale
from seachange.backup.properties import locale_options
from seachange.backup.target import dated

NOON = datetime.datetime(2025, 6, 1, 14, 0, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("vetai", "vetai_restored_20250601_120000", id="in UTC"),
        pytest.param("x" * 63, "x" * 38 + "_restored_20250601_120000", id="cut"),
        pytest.param("ö" * 31, "ö" * 19 + "_restored_20250601_120000", id="cut between characters"),
        pytest.param("aö" * 21, "aö" * 12 + "a_restored_20250601_120000", id="never inside one"),
    ],
)
def test_a_dated_name_is_never_longer_than_postgresql_takes(name: str, expected: str) -> None:
    assert dated(name, "restored", NOON) == expected
    assert len(expected.encode()) <= 63


_LIBC = Locale(encoding="UTF8", collate="de_DE.UTF-8", ctype="de_DE.UTF-8")
_ICU = Locale(encoding="UTF8", collate="C", ctype="C", provider="icu", name="de", icu_rules="&a < b")
_BUILTIN = Locale(encoding="UTF8", collate="C", ctype="C", provider="builtin", name="C.UTF-8")
_LAST = "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"


@pytest.mark.parametrize(
    ("locale", "version", "expected"),
    [
        pytest.param(_LIBC, 140_000, ["ENCODING 'UTF8' LC_COLLATE 'de_DE.UTF-8' LC_CTYPE 'de_DE.UTF-8'"], id="libc on 14"),
        pytest.param(
            _LIBC,
            180_000,
            ["ENCODING 'UTF8' LC_COLLATE 'de_DE.UTF-8' LC_CTYPE 'de_DE.UTF-8' LOCALE_PROVIDER 'libc'"],
            id="libc on 18",
        ),
        pytest.param(_ICU, 140_000, [], id="icu on 14"),
        pytest.param(
            _ICU, 150_000, ["ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER 'icu' ICU_LOCALE 'de'"], id="icu on 15"
        ),
        pytest.param(
            _ICU,
            160_000,
            ["ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER 'icu' ICU_LOCALE 'de' ICU_RULES '&a < b'"],
            id="icu with rules on 16",
        ),
        pytest.param(_BUILTIN, 160_000, [], id="builtin on 16"),
        pytest.param(
            _BUILTIN,
            170_000,
            ["ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER 'builtin' BUILTIN_LOCALE 'C.UTF-8'"],
            id="builtin on 17",
        ),
    ],
)
def test_a_locale_is_asked_for_in_the_words_that_the_server_knows(locale: Locale, version: int, expected: list[str]) -> None:
    last = _LAST if version < 150_000 else f"{_LAST} LOCALE_PROVIDER 'libc'"

    assert [clauses.as_string() for clauses, _ in locale_options(locale, version=version)] == [
        *expected,
        "ENCODING 'UTF8'",
        last,
    ]
