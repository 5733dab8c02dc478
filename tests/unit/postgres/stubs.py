"""Programs that only say their version."""

from __future__ import annotations

from pathlib import Path

__all__ = ["CLIENTS", "SERVER", "install_stubs"]

SERVER = ("postgres", "initdb", "pg_ctl")
CLIENTS = ("pg_dump", "pg_restore", "psql")


def install_stubs(folder: Path, version: str, programs: tuple[str, ...] = SERVER + CLIENTS, *, text: str = "") -> Path:
    """Put programs into ``folder`` that only say their version, and note each run in the file ``runs`` beside it."""
    folder.mkdir(parents=True)
    for name in programs:
        program = folder / name
        program.write_text(text or f'#!/bin/sh\necho {name} >> "{folder}/runs"\necho "{name} (PostgreSQL) {version}"\n')
        program.chmod(0o755)
    return folder
