"""The same difference gives the same bytes, whatever seed Python hashes with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seachange.postgres.connection import Database
from tests.integration.revisions.conftest import Open
from tests.integration.revisions.round_trip import run

_SCRIPT = """
import sys
from pathlib import Path
import sqlalchemy as sa
from seachange import config
from seachange.postgres.connection import parse
from tests.integration.revisions.round_trip import write

metadata = sa.MetaData()
for name in ("pets", "owners", "visits"):
    sa.Table(
        name,
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(f"c{n}", sa.Integer, sa.CheckConstraint(f"c{n} > 0"), index=True, unique=n % 2 == 0) for n in range(6)),
        *(sa.Column(f"o{n}", sa.ForeignKey("owners.id")) for n in range(4)),
        sa.UniqueConstraint("c1", "c3"),
        sa.UniqueConstraint("c3", "c5"),
    )
print(write(parse(sys.argv[2]), config.load(Path(sys.argv[1])), metadata).text)
"""


def test_a_revision_has_the_same_bytes_with_every_hash_seed(open_project: Open, database: Database) -> None:
    settings = open_project("linear")
    columns = ", ".join(f"g{n} int unique" for n in range(6))
    run(
        database,
        f"create table pets (id serial primary key, {columns})",
        f"create table owners (id serial primary key, {columns})",
        *(f"create table gone{n} (id int primary key, pet_id int references pets)" for n in range(4)),
        *(f"alter table owners add f{n} int references pets, add check (f{n} > {n})" for n in range(4)),
    )

    texts = {_text(settings.root, database, seed) for seed in ("0", "1", "4321")}

    assert len(texts) == 1
    assert texts.pop().count("op.") > 60


def _text(root: Path, database: Database, seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(root), database.url()],
        env={**os.environ, "PYTHONHASHSEED": seed},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode:
        pytest.fail(done.stderr)
    return done.stdout
