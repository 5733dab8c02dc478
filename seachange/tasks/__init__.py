"""Invoke faces: parse, call one function, print."""

from __future__ import annotations

import os
import sys

from invoke.collection import Collection
from invoke.program import Program

import seachange
from seachange.tasks import check, clean, db, migration, start
from seachange.tasks._build import build
from seachange.tasks._init import init
from seachange.tasks._task import Face, task

__all__ = ["Face", "build", "check", "clean", "db", "init", "main", "migration", "ns", "start", "task"]

ns = Collection(check, clean, db, migration, start, build, init)

_INTRODUCTION = """\
Seachange takes a PostgreSQL schema change from an edited model to live, proven and reversible.

  seachange init                  take it on in an Alembic project (writes three files, touches nothing else)
  seachange migration.workflow    check, backup, generate, lint, rehearse, apply, sync, verify, clean
  seachange NAME --help           what a command does, and its flags
"""


class _Seachange(Program):
    def print_help(self) -> None:
        sys.stdout.write(f"{_INTRODUCTION}\n")
        super().print_help()


def main() -> None:
    """Run the command ``seachange``: the same tasks, without a tasks.py."""
    try:
        _Seachange(namespace=ns, name="seachange", binary="seachange", version=seachange.__version__).run()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader went away (`seachange --help | head`); Python would complain once more at shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
