"""The battery: what each of many statements does on each major, as PostgreSQL itself says, beside a table that was reviewed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psycopg

from seachange.postgres.connection import Database, connect, create_database, drop_database, engine
from seachange.postgres.server import Server
from seachange.safety._tracing._place import Place
from seachange.safety._tracing._script import read_script
from seachange.safety.facts import LockMode, StatementFacts
from seachange.safety.trace import Tracer

__all__ = ["FOLDER", "MAJORS", "TRUTH", "read_table", "run_battery", "table"]

FOLDER = Path(__file__).parent
TRUTH = FOLDER / "truth.txt"
MAJORS = (14, 15, 16, 17, 18)

_THEN = " >>> "
_INDENT = "     "
_LONGEST = 60
# Not every build of PostgreSQL comes with these; the lines that need them are left out there.
_NEEDS = {"btree_gist": "using gist", "citext": "citext"}
_QUOTED = re.compile('"[^"]*"')
_RELATIONS = ("table", "materialized view", "view", "index", "sequence")


def run_battery(server: Server) -> dict[str, str]:
    """Return what each line does on a server: its locks and its work, as the table has it.

    The lines of ``statements.sql`` are run in a transaction each, which is rolled back; those of ``outside.sql`` one after the
    other, outside of any.

    :param server: a throwaway server.
    """
    database = create_database(server.database("battery"))
    try:
        return _run(database)
    finally:
        drop_database(database, force=True)


def _run(database: Database) -> dict[str, str]:
    missing = _set_up(database)
    inside = [line for line in _lines("statements.sql") if not any(_NEEDS[extension] in line for extension in missing)]
    outside = _lines("outside.sql")
    found = dict(zip(inside, map(_words, _traced(database, inside)), strict=True))
    return found | dict(zip(outside, map(_words, _traced(database, outside, isolation_level="AUTOCOMMIT")), strict=True))


def read_table(text: str, major: int) -> dict[str, str]:
    """Return what a table says of one major."""
    said: dict[str, str] = {}
    line = ""
    for row in text.splitlines():
        if not row.startswith(_INDENT):
            line = row
        elif (label := row.split()[0]) == "all" or str(major) in label.split("+"):
            said[line] = row.strip().removeprefix(label).strip()
    return said


def _lines(name: str) -> list[str]:
    return (FOLDER / name).read_text(encoding="utf-8").splitlines()


def _set_up(database: Database) -> list[str]:
    """Make the tables that the lines are about, and return the extensions that the server does not come with."""
    missing = []
    with connect(database, autocommit=True) as session:
        for each in read_script((FOLDER / "setup.sql").read_text(encoding="utf-8"), file="setup.sql"):
            try:
                session.execute(each.sql.encode())
            except psycopg.errors.FeatureNotSupported:
                missing += [extension for extension in _NEEDS if extension in each.sql]
    return missing


def table(found: Mapping[int, Mapping[str, str]]) -> str:
    """Return the table: below each line what it does, for all majors or for those that agree.

    :param found: what :func:`run_battery` gave, by major.
    """
    majors = sorted(found)
    text = []
    for line in dict.fromkeys(line for major in majors for line in found[major]):
        same: dict[str, list[int]] = {}
        those_with_it = [major for major in majors if line in found[major]]
        for major in those_with_it:
            same.setdefault(found[major][line], []).append(major)
        text.append(line)
        for words, those in same.items():
            label = "all" if those == those_with_it else "+".join(map(str, those))
            text.append(f"{_INDENT}{label:<12} {words}".rstrip())
    return "\n".join(text) + "\n"


def _traced(database: Database, lines: Iterable[str], **options: str) -> Iterator[StatementFacts]:
    from sqlalchemy.exc import DBAPIError

    tracer = Tracer(root=FOLDER, database=database)
    opened = engine(database)
    with tracer.listening(opened), opened.connect() as session:
        connection = session.execution_options(**options)
        for line in lines:
            tracer.begin(line, path=FOLDER, place=lambda: Place(line=1))
            try:
                for statement in line.split(_THEN):
                    connection.exec_driver_sql(statement)
            except DBAPIError:
                assert tracer.failed, line
            connection.rollback()
    for facts in tracer.facts():
        yield facts.statements[-1]


def _words(facts: StatementFacts) -> str:
    if facts.error is not None:
        return "ERR: " + _QUOTED.sub('"…"', facts.error.message)[:_LONGEST]
    if any("polled" in each for each in facts.gaps):
        return "polled"
    locks = {_bare(lock.relation): lock.mode for lock in facts.new_locks if lock.kind in ("table", "view", "materialized view")}
    # What a reader takes is in nobody's way, and is left out.
    words = [",".join(f"{name}={mode.short}" for name, mode in sorted(locks.items()) if mode > LockMode.ACCESS_SHARE)]
    said = " ".join(facts.messages)
    scanned = sorted(_bare(name) for name in facts.scans if name not in facts.rewrites)
    held = [f"{_bare(lock.relation)}={lock.mode.short}" for lock in facts.held_locks if lock.kind != "index"]
    dropped = sorted({_bare(each.name) for each in facts.dropped if each.kind in _RELATIONS})
    flags = {
        "REWRITE": facts.rewrites and "rewriting table" in said,
        "newfile": facts.rewrites and "rewriting table" not in said,
        "IDXBUILD": facts.index_builds,
        "SCAN": "verifying table" in said,
        "FKSCAN": "validating foreign key" in said,
        "PROVED": facts.proofs,
        f"scan:{','.join(scanned)}": scanned,
        f"drops:{','.join(dropped)}": dropped,
        f"held:{','.join(held)}": held,
    }
    return " ".join(filter(None, [*words, *(flag for flag, shown in flags.items() if shown)]))


def _bare(name: str) -> str:
    return name.removeprefix("public.")
