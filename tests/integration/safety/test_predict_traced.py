"""Predictions from a real catalogue, beside what the same server then does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import postgast
import psycopg
import pytest

from seachange.plan import Statement
from seachange.postgres.catalog import read_catalog
from seachange.postgres.connection import connect
from seachange.postgres.server import Server
from seachange.safety._predict._volatile import NOT_VOLATILE, VOLATILE
from seachange.safety.disagreement import compare
from seachange.safety.facts import RevisionFacts
from seachange.safety.predict import predict
from seachange.safety.trace import trace_sql
from seachange.testing.fixtures import fresh_database
from tests.battery import FOLDER

# Which triggers call a function is in no field of the catalogue.
_KNOWN = {
    "drop function tf() cascade": ["the server took ACCESS EXCLUSIVE on public.trg, which was not predicted"],
}


@pytest.mark.parametrize("major", [14, 17, 18])
def test_with_a_catalogue_the_server_does_what_was_predicted(server_of: Callable[[int], Server], major: int) -> None:
    lines = postgast.split((FOLDER / "catalogue.sql").read_text(encoding="utf-8"))
    text = "".join(f"BEGIN;\n{line};\nROLLBACK;\n" for line in lines)
    with fresh_database(server_of(major)) as database, contextlib.closing(connect(database, autocommit=True)) as session:
        for sql in postgast.split((FOLDER / "setup.sql").read_text(encoding="utf-8")):
            # Not every build of PostgreSQL comes with all extensions.
            with contextlib.suppress(psycopg.errors.FeatureNotSupported):
                session.execute(sql.encode())
        before = read_catalog(session)
        traced = trace_sql(database, text, file="catalogue.sql")

    found = {}
    for seen in traced.statements:
        predicted = predict([Statement(sql=seen.sql, line=seen.line)], major=major, before=before)
        alone = RevisionFacts(revision="", statements=(seen,))
        if sentences := [str(each) for each in compare(predicted, alone)]:
            found[seen.sql] = sentences

    assert found == _KNOWN
    assert len(traced.statements) == 3 * len(lines)


@pytest.mark.parametrize("major", [14, 18])
def test_functions_are_as_volatile_as_the_server_says(server_of: Callable[[int], Server], major: int) -> None:
    with fresh_database(server_of(major)) as database, contextlib.closing(connect(database, autocommit=True)) as session:
        rows = session.execute(
            "select proname, bool_or(provolatile = 'v'), bool_and(provolatile = 'v') from pg_catalog.pg_proc group by 1"
        ).fetchall()

    # AT LOCAL, since 17, is timezone() of a time with a zone; AT TIME ZONE names the zone, and is none of it.
    assert {name for name, any_volatile, _ in rows if name in NOT_VOLATILE and any_volatile} <= {"timezone"}
    assert [name for name, _, all_volatile in rows if name in VOLATILE and not all_volatile] == []
