"""Invoke faces: parse, call one function, print."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.program import Program

import seachange
from seachange.tasks import check, clean, db, migration, start
from seachange.tasks._build import build
from seachange.tasks._task import Face, task

__all__ = ["Face", "build", "check", "clean", "db", "main", "migration", "ns", "start", "task"]

ns = Collection(check, clean, db, migration, start, build)


def main() -> None:
    """Run the command ``seachange``: the same tasks, without a tasks.py."""
    Program(namespace=ns, name="seachange", binary="seachange", version=seachange.__version__).run()
