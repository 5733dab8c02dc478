"""Planned foreign keys as they are written."""

from __future__ import annotations

import pytest

from seachange.errors import ConfigError
from seachange.safety.integrity import PlannedKey, parse_key


@pytest.mark.parametrize(
    ("text", "child", "columns", "parent", "referenced"),
    [
        pytest.param("pets.client_id=clients.id", ("pets",), ("client_id",), ("clients",), ("id",), id="plain"),
        pytest.param(" pets.client_id -> clients.id ", ("pets",), ("client_id",), ("clients",), ("id",), id="arrow and spaces"),
        pytest.param("a.pets.x=b.clients.y", ("a", "pets"), ("x",), ("b", "clients"), ("y",), id="schemas"),
        pytest.param("Pets.Client_ID=CLIENTS.id", ("pets",), ("client_id",), ("clients",), ("id",), id="folded as in SQL"),
        pytest.param('"Pets"."clientId"=clients.id', ("Pets",), ("clientId",), ("clients",), ("id",), id="quoted"),
        pytest.param('"a=b"."c.d"="e -> f"."g""h"', ("a=b",), ("c.d",), ("e -> f",), ('g"h',), id="nasty names"),
        pytest.param("lines(a, b)=orders(x, y)", ("lines",), ("a", "b"), ("orders",), ("x", "y"), id="two columns"),
        pytest.param(
            "s.lines.(a,b)=s.orders.(x,y)", ("s", "lines"), ("a", "b"), ("s", "orders"), ("x", "y"), id="dot and parentheses"
        ),
        pytest.param("größe.é=maße.ñ", ("größe",), ("é",), ("maße",), ("ñ",), id="letters of other languages"),
    ],
)
def test_a_planned_key_is_read(
    text: str, child: tuple[str, ...], columns: tuple[str, ...], parent: tuple[str, ...], referenced: tuple[str, ...]
) -> None:
    assert parse_key(text) == PlannedKey(text=text.strip(), child=child, columns=columns, parent=parent, referenced=referenced)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("pets.client_id", id="one side"),
        pytest.param("client_id=clients.id", id="no table"),
        pytest.param("pets.client_id=clients", id="no column of the parent"),
        pytest.param("pets(a, b)=clients(x)", id="numbers of columns differ"),
        pytest.param("a.b.c.d=clients.id", id="too many names"),
        pytest.param("pets.client_id=clients.id; drop table pets", id="more than a key"),
        pytest.param('pets."client_id=clients.id', id="open quote"),
    ],
)
def test_what_is_no_key_is_refused_with_the_way_to_write_one(text: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        parse_key(text)

    assert "child.column=parent.column" in caught.value.hint
