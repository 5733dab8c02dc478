"""Tables that a text of SQL names, and how pages are named."""

from __future__ import annotations

import pytest

from seachange.sync._mentions import Mentions
from seachange.sync._page_names import page_name

_KEYS = [("billing", "invoices"), ("billing", "clients"), ("public", "clients"), ("public", "order"), ("public", "Odd name")]


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        pytest.param("SELECT * FROM clients c", {("public", "clients")}, id="without a schema"),
        pytest.param("SELECT * FROM billing . clients", {("billing", "clients")}, id="with a schema"),
        pytest.param("DELETE FROM Invoices", {("billing", "invoices")}, id="the only one of that name"),
        pytest.param("SELECT clients.id FROM x AS clients", {("public", "clients")}, id="before a column"),
        pytest.param("SELECT 1 FROM nothing ORDER BY 1", set(), id="a reserved word is no table"),
        pytest.param('SELECT 1 FROM "order"', {("public", "order")}, id="a reserved word between quotes"),
        pytest.param('UPDATE public."Odd name" SET a = 1', {("public", "Odd name")}, id="a name with a space"),
        pytest.param("SELECT my_clients, clients2", set(), id="a part of a word"),
    ],
)
def test_a_table_is_mentioned_where_its_name_can_only_mean_it(sql: str, found: set[tuple[str, str]]) -> None:
    assert Mentions(_KEYS).of(sql) == found


def test_a_name_without_schema_means_the_table_beside_first() -> None:
    assert Mentions(_KEYS).of("SELECT 1 FROM clients", home="billing") == {("billing", "clients")}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("clients", "clients", id="plain"),
        pytest.param("Order", "order-6be09082", id="upper case"),
        pytest.param("index", "index-1bc04b52", id="the page of a folder"),
        pytest.param("con", "con-1143da2b", id="a device of Windows"),
        pytest.param("a/b", "a-b-c14cddc0", id="a slash"),
        pytest.param("..", "name-5ec1f7e7", id="nothing that a file can be named by"),
        pytest.param("a-0123abcd", "a-0123abcd-1dbd4352", id="like a name with a digest"),
    ],
)
def test_a_page_has_a_name_that_every_file_system_keeps_apart(name: str, expected: str) -> None:
    assert page_name(name) == expected


def test_long_names_stay_apart_and_short_enough() -> None:
    names = {page_name("x" * 200 + str(number)) for number in range(3)}

    assert len(names) == 3
    assert max(map(len, names)) < 80
