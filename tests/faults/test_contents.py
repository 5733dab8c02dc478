"""What a dump could leave out or mix up: odd names, large objects, settings of the database."""

from __future__ import annotations

import dataclasses

from seachange.config import Settings
from seachange.postgres.connection import Database, create_database
from seachange.postgres.server import Server
from tests.faults.fault import Observed, fault
from tests.faults.seeing import ask
from tests.integration.backup.conftest import Backer, Restorer, contents_of, execute, fill

ODD = ["a=b", "-dash", 'quo"te', "apo'strophe", "with space", "größe 犬", "%s", "$(id)", "x" * 63, "host=nowhere", "back\\slash"]


@fault(
    f"a database whose name is odd ({len(ODD)} names: `a=b`, `-dash`, quotes, spaces, unicode, `host=nowhere`, ...)",
    catalogue=22,
    expected="it is backed up and restored like any other; the name is never read as anything else",
)
def test_a_database_of_any_name_is_backed_up_and_restored(
    server: Server, back_up: Backer, bring_back: Restorer, here: Settings, observed: Observed
) -> None:
    for number, name in enumerate(ODD):
        odd = fill(create_database(server.database().with_name(name)), 'CREATE TABLE "t ä\'""" AS SELECT 1 AS x')
        form = ("custom", "directory")[number % 2]
        restored = bring_back(back_up(odd, dataclasses.replace(here, backup_format=form)), target=f"{name}!"[-63:])
        assert contents_of(restored.database) == contents_of(odd)
    observed.tell(f"{len(ODD)} of {len(ODD)} came back equal")


@fault(
    "large objects, which `pg_dump -n` and `-t` leave out silently",
    catalogue=25,
    expected="they are in the backup of a database, and come back equal",
)
def test_large_objects_come_back(
    clinic: Database, back_up: Backer, bring_back: Restorer, each_format: Settings, observed: Observed
) -> None:
    before = contents_of(clinic)["large objects"]
    after = contents_of(bring_back(back_up(clinic, each_format)).database)["large objects"]

    assert after == before
    assert not before.startswith("0 ")
    observed.tell(f"{after.partition(' ')[0]} of {before.partition(' ')[0]} came back equal")


_SETTINGS = """
    SELECT setconfig FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase WHERE datname = current_database()
"""
_FACTS = """
    SELECT has_database_privilege('public', oid, 'CONNECT'), shobj_description(oid, 'pg_database')
    FROM pg_database WHERE datname = current_database()
"""


@fault(
    "settings, grants and the comment of the database itself, which a plain restore loses",
    catalogue=28,
    expected="they come back, or it is said which cannot",
)
def test_settings_of_the_database_come_back(
    clinic: Database, back_up: Backer, bring_back: Restorer, each_format: Settings, observed: Observed
) -> None:
    execute(
        clinic,
        f"ALTER DATABASE \"{clinic.name}\" SET statement_timeout TO '7s'",
        f'REVOKE CONNECT ON DATABASE "{clinic.name}" FROM PUBLIC',
        f"COMMENT ON DATABASE \"{clinic.name}\" IS 'the clinic'",
        f"ALTER DATABASE \"{clinic.name}\" SET app.jwt_secret TO 'canary'",
    )
    restored = bring_back(back_up(clinic, each_format))
    (settings,) = ask(restored.database, _SETTINGS)
    (facts,) = ask(restored.database, _FACTS)

    assert (settings, facts) == ((["statement_timeout=7s"],), (False, "the clinic"))
    assert [note for note in restored.notes if "app.jwt_secret" in note] == list(restored.notes)
    observed.tell(f"all came back; note: {restored.notes[0]}")
