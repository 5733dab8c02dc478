"""What documentation shows of a target is what the target writes."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from pathlib import Path

from seachange.config import Settings
from seachange.postgres.connection import Database, connect
from seachange.sync import sync
from tests.project import REPOSITORY
from tests.schemas import CLINIC

_TARGETS = ("pydantic", "jsonschema", "client")
_BLOCK = re.compile(r"```(?:python|json)\n(.*?)```", re.DOTALL)


def test_the_examples_of_the_documentation_are_what_is_written(database: Database, settings: Settings, tmp_path: Path) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as connection:
        connection.execute(CLINIC.encode())
        result = sync(database, settings=dataclasses.replace(settings, root=tmp_path), targets=_TARGETS)
    written = {file.target: file.path.read_text() for file in result.files}
    shown = {}
    for target in _TARGETS:
        text = (REPOSITORY / "docs" / f"sync-{target}.md").read_text(encoding="utf-8")
        start, end = text.index("## What it looks like"), text.index("\n## ", text.index("## What it looks like") + 1)
        shown[target] = _BLOCK.findall(text[start:end])

    assert all(shown.values())
    assert [block for target, blocks in shown.items() for block in blocks if block.rstrip() not in written[target]] == []
