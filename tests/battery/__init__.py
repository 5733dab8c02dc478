"""The battery: what each of many statements does on each major, as PostgreSQL itself says, held against a table that was reviewed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psycopg

from seachange.postgres.connection import Database, connect, create_database, engine
from seachange.postgres.server import Server
from seachange.safety._tracing._place import Place
from seachange.safety._tracing._script import read_script
from seachange.safety.facts import StatementFacts
from seachange.safety.trace import Tracer

__all__ = ["MAJORS", "TRUTH", "run_battery", "table"]

FOLDER = Path(__file__).parent
TRUTH = FOLDER / "truth.txt"
MAJORS = (14, 15, 16, 17, 18)

_THEN = " >>> "
_LONGEST = 60
# Not every build of PostgreSQL comes with these; the lines that need them are left out there.
_NEEDS = {"btree_gist": "using gist", "citext": "citext"}
_QUOTED = re.compile('"[^"]*"')
_HIDDEN = ("index", "sequence", "type")
_PARTS = ("table column", "table constraint", "default value", "type", "domain", "trigger", "rule", "policy", "extension", "function")


def run_battery(server: Server) -> dict[str, str]:
    """Return what each line does on a server: its locks and its work, as the table has it.

    :param server: a throwaway server; a database is left on it.
    """
    database = create_database(server.database("battery"))
    missing = _set_up(database)
    lines = (FOLDER / "statements.sql").read_text(encoding="utf-8").splitlines()
    able = [line for line in lines if not any(_NEEDS[extension] in line for extension in missing)]
    return dict(zip(able, map(_words, _in_transactions(database, able)), strict=True))


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
            text.append(f"     {label:<12} {words}".rstrip())
    return "\n".join(text) + "\n"


def _in_transactions(database: Database, lines: Iterable[str]) -> Iterator[StatementFacts]:
    from sqlalchemy.exc import DBAPIError

    tracer = Tracer(root=Path.cwd(), database=database)
    opened = engine(database)
    with tracer.listening(opened), opened.connect() as connection:
        for line in lines:
            tracer.begin(line, path=FOLDER / "statements.sql", place=lambda: Place(line=1))
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
    locks = {_bare(lock.relation): lock.mode.short for lock in facts.new_locks if lock.kind not in _HIDDEN}
    said = " ".join(facts.messages)
    words = [",".join(f"{name}={mode}" for name, mode in sorted(locks.items()))]
    words += ["REWRITE"] if facts.rewrites and "rewriting table" in said else []
    words += ["newfile"] if facts.rewrites and "rewriting table" not in said else []
    words += ["IDXBUILD"] if facts.index_builds else []
    words += ["SCAN"] if "verifying table" in said else []
    words += ["FKSCAN"] if "validating foreign key" in said else []
    words += ["PROVED"] if facts.proofs else []
    words += [f"scan:{','.join(sorted(map(_bare, facts.scans)))}"] if facts.scans else []
    dropped = sorted({_bare(each.name) for each in facts.dropped if each.kind not in _PARTS})
    words += [f"drops:{','.join(dropped)}"] if dropped else []
    return " ".join(filter(None, words))


def _bare(name: str) -> str:
    return name.removeprefix("public.")
