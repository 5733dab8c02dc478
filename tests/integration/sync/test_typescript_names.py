"""database.ts and the entities of TypeORM for schemas with names, comments and labels of all kinds."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import settings as examples

from seachange.sync.model import Schema
from seachange.sync.targets import typeorm, typescript
from tests.oracles import run_node
from tests.unit.sync.made import schemas


def test_any_names_and_texts_compile(oracles: Path, tmp_path: Path) -> None:
    drawn: list[Schema] = []

    @examples(max_examples=50, database=None, deadline=None)
    @given(schemas())
    def draw(schema: Schema) -> None:
        drawn.append(schema)

    draw()
    (tmp_path / "node_modules").symlink_to(oracles)
    for number, schema in enumerate(drawn):
        files = {"database.ts": typescript.describe(schema), "camel.ts": typescript.describe(schema, casing="camel")}
        files |= {f"camel/{name}": text for name, text in typeorm.describe(schema).items()}
        files |= {f"preserve/{name}": text for name, text in typeorm.describe(schema, casing="preserve").items()}
        for name, text in files.items():
            path = tmp_path / str(number) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    asked = {
        "folder": str(tmp_path),
        "files": [path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("[0-9]*/**/*.ts")],
        "options": {"experimentalDecorators": True},
    }

    assert json.loads(run_node("tsc.mjs", input=json.dumps(asked))) == []
