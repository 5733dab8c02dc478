"""`prisma generate` over the written file, with the program that the project has installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from seachange.errors import BinaryNotFoundError, TargetFailedError
from seachange.postgres.redaction import redact
from seachange.sync.target import Request

__all__ = ["generate"]

_TIMEOUT_S = 300
_LAST_LINES = 12
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CONFIGURATIONS = ("prisma.config.ts", "prisma.config.mts", "prisma.config.js", "prisma.config.mjs", "prisma.config.cjs")
_INSTALL = "npm install --save-dev prisma@7 && npm install @prisma/client@7 @prisma/adapter-pg@7"


def generate(request: Request) -> Iterator[str]:
    """Run `prisma generate` and yield what it says that it made.

    :param request: whose path is the file.
    :raises BinaryNotFoundError: Node or prisma is not installed.
    :raises TargetFailedError: the generator failed.
    """
    program = _program(request.path)
    command = [str(program), "generate", "--schema", str(request.path)]
    shown = f"prisma generate --schema {request.path}"
    try:
        done = subprocess.run(
            command,
            cwd=_folder(request.path, program),
            env=_environment(request),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as exc:
        raise TargetFailedError(f"prisma generate did not end within {_TIMEOUT_S} s", hint=f"try `{shown}` by hand") from exc
    except OSError as exc:
        raise TargetFailedError(f"{program} cannot be run: {exc.strerror or exc}", hint=f"try `{shown}` by hand") from exc
    lines = _lines(f"{done.stdout}\n{done.stderr}")
    if done.returncode:
        last = "\n".join(lines[-_LAST_LINES:]) or "it said nothing"
        raise TargetFailedError(
            f"prisma generate ended with status {done.returncode}:\n{last}",
            hint=f"mend {request.path.name} or its generator, and try `{shown}` by hand",
        )
    yield from [line for line in lines if "Generated" in line] or ["prisma generate: done"]


def _lines(output: str) -> list[str]:
    return [line.rstrip() for line in redact(_COLOURS.sub("", output)).splitlines() if line.strip()]


def _program(path: Path) -> Path:
    if shutil.which("node") is None:
        raise BinaryNotFoundError(
            "prisma generate was not run: Node is not on PATH", hint=f"install Node 20.19 or later, then `{_INSTALL}`"
        )
    for folder in path.resolve().parents:
        found = shutil.which("prisma", path=str(folder / "node_modules" / ".bin"))
        if found:
            return Path(found)
    found = shutil.which("prisma")
    if found is None:
        raise BinaryNotFoundError(
            f"prisma generate was not run: prisma is in no node_modules at or above {path.parent}, nor on PATH",
            hint=f"`{_INSTALL}` in the folder of package.json, then `invoke db.generate --target prisma`",
        )
    return Path(found)


def _folder(path: Path, program: Path) -> Path:
    # Prisma looks for its configuration where it is started.
    for folder in path.resolve().parents:
        if any((folder / name).is_file() for name in _CONFIGURATIONS):
            return folder
    place = program.parent
    return place.parent.parent if place.parts[-2:] == ("node_modules", ".bin") else path.resolve().parent


def _environment(request: Request) -> dict[str, str]:
    environment = {"CHECKPOINT_DISABLE": "1", "PRISMA_HIDE_UPDATE_MESSAGE": "1", "NO_COLOR": "1", **os.environ}
    # Making a client needs no engine, yet Prisma downloads one for it unless it is told of any program.
    nothing = shutil.which("true")
    if nothing:
        environment.setdefault("PRISMA_SCHEMA_ENGINE_BINARY", nothing)
    environment.setdefault("DATABASE_URL", request.database.url())
    return environment
