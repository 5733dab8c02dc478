"""build: the project's wheel and the context of a container image."""

from __future__ import annotations

import dataclasses
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from seachange.config import Settings
from seachange.errors import BinaryNotFoundError, NotWritableError, ProgramFailedError

__all__ = ["Build", "build"]

# What a deploy needs of the checkout beside the wheel; everything else stays out of the image.
_LEFT_OUT = (".env", "tests", "docs", ".github", ".ci", "dist", "build", "logs", "backups")

_CONTAINERFILE = """\
FROM python:3.13-slim
RUN apt-get update \\
 && apt-get install --yes --no-install-recommends postgresql-client \\
 && rm -rf /var/lib/apt/lists/*
WORKDIR /srv
COPY wheels/ /wheels/
RUN pip install --no-cache-dir {requirements}
COPY project/ /srv/
ENV APP_ENV=production RUN_MIGRATIONS=true PYTHONUNBUFFERED=1
RUN useradd --system --home-dir /srv --no-create-home app && mkdir -p /srv/logs /srv/backups /srv/.seachange \\
 && chown -R app /srv/logs /srv/backups /srv/.seachange
USER app
EXPOSE 8000
CMD ["invoke", "start.deploy", "--host", "0.0.0.0"]
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Build:
    """What was built: the wheel, the context, and the files in it."""

    wheel: Path
    context: Path
    files: tuple[str, ...]


def build(settings: Settings, *, progress: Callable[[str], None]) -> Build:
    """Build ``dist/*.whl`` and ``dist/image/``, each made aside and put in place when it is whole.

    :param settings: the settings.
    :param progress: told what is being done.
    :raises ProgramFailedError: the wheel could not be built, or git could not list the files.
    :raises NotWritableError: ``dist`` cannot be written.
    """
    dist = settings.root / "dist"
    try:
        dist.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=dist) as partial:
            progress("building the wheel")
            wheel = _build_wheel(settings.root, Path(partial))
            progress("collecting the image's context")
            context = Path(partial) / "image"
            files = _collect(settings.root, wheel, context)
            kept = wheel.replace(dist / wheel.name)
            shutil.rmtree(dist / "image", ignore_errors=True)
            context.replace(dist / "image")
    except OSError as exc:
        raise NotWritableError(
            f"{dist} cannot be written: {exc.strerror}", hint="check the owner and mode of the folder"
        ) from exc
    return Build(wheel=kept, context=dist / "image", files=files)


def _build_wheel(root: Path, folder: Path) -> Path:
    if importlib.util.find_spec("build"):
        isolation = ["--no-isolation"] if importlib.util.find_spec("hatchling") else []
        command = [sys.executable, "-m", "build", "--wheel", *isolation, "--outdir", str(folder), str(root)]
    elif importlib.util.find_spec("pip"):
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(root)]
    else:
        raise BinaryNotFoundError("neither build nor pip is installed, so no wheel can be built", hint="pip install build")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise ProgramFailedError(
            f"building the wheel of {root.name} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}".rstrip()
        )
    return wheels[0]


def _collect(root: Path, wheel: Path, context: Path) -> tuple[str, ...]:
    (context / "wheels").mkdir(parents=True)
    shutil.copy2(wheel, context / "wheels" / wheel.name)
    files = [name for name in _tracked(root) if name.split("/")[0] not in _LEFT_OUT]
    for name in files:
        target = context / "project" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target)
    ours = wheel.name.startswith("seachange-")
    names = [f"'/wheels/{wheel.name}[web]'" if ours else f"/wheels/{wheel.name} 'seachange[web]'", "'psycopg[binary]'"]
    (context / "Containerfile").write_text(_CONTAINERFILE.format(requirements=" ".join(names)), encoding="utf-8")
    (context / ".dockerignore").write_text("**/__pycache__\n**/.env\n", encoding="utf-8")
    return tuple(sorted(str(path.relative_to(context)) for path in context.rglob("*") if path.is_file()))


def _tracked(root: Path) -> list[str]:
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        raise ProgramFailedError(
            f"git could not list the files of {root}: {listed.stderr.strip()}", hint="build runs inside a git checkout"
        )
    return [name for name in listed.stdout.split("\0") if name and (root / name).is_file()]
