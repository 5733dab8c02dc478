"""schema.svg: the schema drawn by Graphviz, when that is at hand."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from html import escape
from pathlib import Path

from seachange.errors import BinaryNotFoundError, ProgramFailedError, TimeoutExceededError
from seachange.postgres import programs
from seachange.sync.model import Schema
from seachange.sync.target import Artefact, Request, header
from seachange.sync.targets.erd._dot import dot_text

__all__ = ["svg_artefact"]

_TIMEOUT_S = 60.0
_HINT = "install Graphviz, or take the option svg out: the diagrams of schema.md need no program"
# Graphviz measures texts as those of Courier; all of these are as wide or narrower.
_FONTS = 'font-family="Liberation Mono,Menlo,Consolas,Courier New,monospace"'
_ABOUT = re.compile(r"<desc>.*?</desc>\n", re.DOTALL)


def svg_artefact(schema: Schema, request: Request) -> Artefact:
    """Return the picture, or why there is none.

    Versions of Graphviz draw differently: the picture that is there stays as long as what is to be drawn is the same.

    :param schema: the schema.
    :param request: where it goes, and where programs are found.
    """
    text = dot_text(schema)
    path = request.path.with_suffix(".svg")
    digest = f"drawing: {hashlib.sha256(text.encode()).hexdigest()}"
    about = "\n".join(escape(line) for line in (*header(schema, target="erd"), digest))
    try:
        present = _present(path)
        picture = present if digest in present else _drawn(text, request)
    except (BinaryNotFoundError, ProgramFailedError, TimeoutExceededError) as exc:
        return Artefact(name=path.name, text="", skipped=str(exc), hint=_HINT)
    return Artefact(name=path.name, text=_described(picture, about))


def _present(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _drawn(text: str, request: Request) -> str:
    found = shutil.which("dot", path=request.settings.environment.get("PATH", os.defpath))
    if found is None:
        raise BinaryNotFoundError("Graphviz is not at hand: there is no program dot on PATH", hint=_HINT)
    with tempfile.TemporaryFile() as file:
        file.write(text.encode())
        file.seek(0)
        done = programs.run(Path(found), ["-Tsvg"], stdin=file, timeout_s=_TIMEOUT_S)
    drawn = done.stdout.decode("utf-8")
    if "<svg" not in drawn:
        raise ProgramFailedError(f"{found} drew nothing", hint=_HINT)
    # The declaration, the address of a DTD and the version of Graphviz stand before it.
    bare = re.sub(r"<!--.*?-->\n?", "", drawn[drawn.index("<svg") :], flags=re.DOTALL)
    return re.sub(r'font-family="Courier[^"]*"', _FONTS, bare)


def _described(picture: str, about: str) -> str:
    opening, _, rest = _ABOUT.sub("", picture, count=1).partition(">")
    return f"{opening}>\n<desc>{about}</desc>\n{rest.lstrip().rstrip()}\n"
