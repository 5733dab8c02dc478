"""Rows on which an expression fails: asked of the server, which tries it row by row where it cannot say so of all at once."""

from __future__ import annotations

import json
from typing import NamedTuple

from seachange.safety._data.reading import MOST, Matched, Reader, key_text
from seachange.safety._data.texts import literal
from seachange.safety._data.values import Source
from seachange.safety._look import NotCheckedError

__all__ = ["Cast", "failing_rows"]

# The classes of what rows do wrong: data exception, integrity constraint violation.
_OF_ROWS = ("22", "23")
_VALID_SINCE = 16

# Each row is tried in a savepoint of its own; what fails is counted, the keys of some are kept. It stops a little before the
# statement timeout would, with what it has found by then.
_TRY = """
DO $seachange$
DECLARE
    this record;
    failed int := 0;
    keys json[] := '{{}}';
    deadline timestamptz := clock_timestamp() + interval '{limit_ms} milliseconds';
    ended bool := true;
BEGIN
    FOR this IN SELECT {keys} FROM {rows} LOOP
        BEGIN
            PERFORM ({value})::{type} FROM {rows} WHERE {same};
        EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
            failed := failed + 1;
            IF failed <= {most} THEN
                keys := keys || json_build_array({texts});
            END IF;
        END;
        IF failed > {most} OR clock_timestamp() > deadline THEN
            ended := false;
            EXIT;
        END IF;
    END LOOP;
    PERFORM set_config('seachange.failed', json_build_object('count', failed, 'ended', ended, 'keys', keys)::text, true);
END
$seachange$
"""
_FAILED = "SELECT pg_catalog.current_setting('seachange.failed')"


class Cast(NamedTuple):
    """A column and the type that it is cast to; ``plain``: a text, of which a server that can says whether it is valid."""

    column: str
    type: str
    plain: bool


def failing_rows(reader: Reader, source: Source, *, cast: Cast) -> Matched:
    """Return the rows whose value in a column cannot be cast.

    :param reader: asks the database.
    :param source: whose rows.
    :param cast: the cast.
    :raises NotCheckedError: they could not be looked at.
    """
    item = reader.item(source)
    try:
        reader.rows(f"SELECT count({cast.column}::{cast.type}) FROM {item.sql}")
    except NotCheckedError as exc:
        if not exc.sqlstate.startswith(_OF_ROWS):
            raise
    else:
        return Matched(count=0)
    if cast.plain and reader.major >= _VALID_SINCE:
        return reader.matching(source, f"NOT pg_catalog.pg_input_is_valid({cast.column}::text, {literal(cast.type)})")
    return _tried(reader, source, cast)


def _tried(reader: Reader, source: Source, cast: Cast) -> Matched:
    shape, item = reader.shape(source.table), reader.item(source)
    names = [f"k{number}" for number in range(len(item.keys))]
    pairs = list(zip(item.keys, names, strict=True))
    block = _TRY.format(
        keys=", ".join(f"{key} AS {name}" for key, name in pairs),
        rows=item.sql,
        value=cast.column,
        type=cast.type,
        same=" AND ".join(f"{key} = this.{name}" for key, name in pairs),
        texts=", ".join(f"this.{name}::text" for name in names),
        most=MOST,
        limit_ms=reader.timeout_ms * 9 // 10 or 86_400_000,
    )
    ((text,),) = reader.rows(_FAILED, before=block)
    found = json.loads(text)
    more = not found["ended"]
    keys = [key_text(each) for each in found["keys"]]
    return Matched(count=min(found["count"], MOST), more=more, samples=reader.samples(shape, keys, more=more))
