"""Write revisions in a copy of a scenario and look at what was written."""

from __future__ import annotations

import contextlib
import py_compile
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from seachange.config import Settings
from seachange.postgres.shadow import Shadow
from seachange.revisions.answers import Answers
from seachange.revisions.generate import GeneratedRevision, Wanted, generate
from seachange.revisions.history import read_history
from seachange.revisions.models import load_metadata
from seachange.revisions.shadow_history import open_shadow
from seachange.revisions.validate import validate

Change = Callable[[str, str], None]

NAME = "    name: Mapped[str] = mapped_column(String(80))\n"
EMAIL = "    email: Mapped[str | None] = mapped_column(String(120), unique=True)\n"
ENUM = 'Enum("cash", "card", name="payment")'


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[Shadow]:
    with open_shadow(settings, read_history(settings)) as shadow:
        yield shadow


def written(
    settings: Settings, shadow: Shadow, *, name: str = "", location: str = "", answers: Answers | None = None
) -> GeneratedRevision:
    history, metadata = read_history(settings), load_metadata(settings)
    wanted = Wanted(name=name, location=location, answers=answers or Answers())
    made = generate(settings, history, metadata=metadata, shadow=shadow, wanted=wanted)
    assert made is not None
    return made


def require_clean(path: Path, settings: Settings) -> None:
    """The file compiles, is laid out and linted as ruff wants it, and makes a sound history."""
    py_compile.compile(str(path), cfile=str(settings.root / "compiled"), doraise=True)
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["format", "--isolated", "--diff"], ["check", "--isolated", "--select", "E4,E7,E9,F,I,W"]):
        done = subprocess.run([*ruff, *command, str(path)], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout
    assert validate(read_history(settings)) == ()
