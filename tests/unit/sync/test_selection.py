"""Which schemas, tables and views the targets describe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seachange.config import Settings
from seachange.sync._selection import selected
from seachange.sync.model import Column, Composite, Domain, Enum, Schema, Table, Type, TypeKind, View

_SCHEMA = Schema(
    fingerprint="f",
    schemas=("audit", "public"),
    comments={"audit": "kept for ever"},
    tables=(
        Table(schema="audit", name="entries"),
        Table(schema="public", name="audit_log"),
        Table(schema="public", name="clients"),
    ),
    views=(View(schema="public", name="recent"),),
    enums=(Enum(schema="audit", name="kind"), Enum(schema="public", name="mood")),
)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({}, ["audit.entries", "public.audit_log", "public.clients", "public.recent"], id="all"),
        pytest.param({"sync_schemas": ("public",)}, ["public.audit_log", "public.clients", "public.recent"], id="schema"),
        pytest.param({"sync_tables": ("clients", "rec*")}, ["public.clients", "public.recent"], id="tables"),
        pytest.param({"sync_exclude": ("audit_*", "audit.*")}, ["public.clients", "public.recent"], id="exclude"),
        pytest.param(
            {"sync_tables": ("public.*",), "sync_exclude": ("clients",)}, ["public.audit_log", "public.recent"], id="both"
        ),
    ],
)
def test_the_settings_choose(settings: dict[str, Any], expected: list[str]) -> None:
    chosen = selected(_SCHEMA, settings=Settings(root=Path("/nowhere"), **settings))

    assert sorted(f"{one.schema}.{one.name}" for one in (*chosen.tables, *chosen.views)) == expected


def test_types_and_comments_go_with_their_schema() -> None:
    chosen = selected(_SCHEMA, settings=Settings(root=Path("/nowhere"), sync_schemas=("public",)))

    assert (chosen.schemas, chosen.comments, [enum.name for enum in chosen.enums]) == (("public",), {}, ["mood"])
    assert chosen.fingerprint == _SCHEMA.fingerprint


def test_types_that_columns_have_stay_with_their_schema() -> None:
    schema = Schema(
        fingerprint="f",
        schemas=("other", "public", "types", "unused"),
        tables=(Table(schema="public", name="clients", columns=(Column(name="a", type=_type("outer")),)),),
        enums=(Enum(schema="types", name="mood"), Enum(schema="unused", name="mood")),
        domains=(Domain(schema="types", name="inner", type=_type("mood", kind="enum")),),
        composites=(Composite(schema="types", name="outer", columns=(Column(name="b", type=_type("inner", kind="domain")),)),),
    )
    chosen = selected(schema, settings=Settings(root=Path("/nowhere"), sync_schemas=("public",)))

    assert chosen.schemas == ("public", "types")
    assert [one.key for one in (*chosen.enums, *chosen.domains, *chosen.composites)] == [
        ("types", "mood"),
        ("types", "inner"),
        ("types", "outer"),
    ]


def _type(name: str, *, kind: TypeKind = "composite") -> Type:
    return Type(text=f"types.{name}", schema="types", name=name, kind=kind)
