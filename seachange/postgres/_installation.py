"""One folder of PostgreSQL programs of one version."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from seachange.errors import BinaryNotFoundError

__all__ = ["KNOWN_PROGRAMS", "Installation", "Source"]

Source = Literal["environment", "system", "wheel", "cache", "docker"]

KNOWN_PROGRAMS = (
    "postgres",
    "initdb",
    "pg_ctl",
    "pg_dump",
    "pg_dumpall",
    "pg_restore",
    "psql",
    "pg_amcheck",
    "pg_basebackup",
    "pg_controldata",
    "pg_isready",
    "pg_verifybackup",
    "pg_waldump",
    "pgbench",
    "vacuumdb",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Installation:
    """Programs of one version, and where they were found."""

    major: int
    version: str
    bin_dir: Path
    source: Source
    programs: frozenset[str]

    @property
    def is_server(self) -> bool:
        """Whether a server can be made and started with it."""
        return {"initdb", "postgres"} <= self.programs

    @property
    def main(self) -> Path:
        """The program that stands for all: the server, or else the first client program."""
        return self.bin_dir / next(name for name in KNOWN_PROGRAMS if name in self.programs)

    def program(self, name: str) -> Path:
        """Return the path of a program.

        :raises BinaryNotFoundError: the installation does not have it.
        """
        if name not in self.programs:
            raise BinaryNotFoundError(f"{name} is not among the programs of PostgreSQL {self.version} in {self.bin_dir}")
        return self.bin_dir / name

    def command(self, name: str, arguments: Sequence[str | Path]) -> list[str]:
        """Return the command line that runs a program.

        :raises BinaryNotFoundError: the installation does not have it.
        """
        return [str(self.program(name)), *map(str, arguments)]
