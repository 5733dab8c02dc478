"""The text of a generated revision: Alembic's rendering in the project's template, laid out."""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import util
from alembic.autogenerate import render_op_text
from alembic.autogenerate.render import _repr_type
from mako.template import Template  # type: ignore[import-untyped]
from sqlalchemy import TypeDecorator

from seachange.revisions._arrangement import phase_of
from seachange.revisions._enums import is_native_enum
from seachange.revisions._formatting import format_body, format_string
from seachange.revisions._naming import Identity
from seachange.revisions._phases import Phase
from seachange.revisions.compare import Comparison
from seachange.revisions.project import Project

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

__all__ = ["render_file", "render_revision", "run_rendered", "width_of"]

_DEFAULT_WIDTH = 88


def render_revision(project: Project, comparison: Comparison, *, identity: Identity, notes: Iterable[str]) -> str:
    """Return the whole file.

    :param project: the project, for its script.py.mako.
    :param comparison: both directions as operations.
    :param identity: id, parent, title.
    :param notes: sentences for the docstring.
    """
    context, width = comparison.context, width_of(project.settings.root)
    context.imports.clear()
    context.opts["render_item"] = _render_item(context.opts.get("render_item"))
    upgrade, downgrade = comparison.script.upgrade_ops_list[-1], comparison.script.downgrade_ops_list[-1]
    upgrades, downgrades = (_body(context, part.ops, width) for part in (upgrade, downgrade))
    values = {
        **(context.opts.get("template_args") or {}),
        "down_revision": identity.down_revision,
        "imports": "\n".join(_imports(context.imports, upgrades + downgrades)),
        upgrade.upgrade_token: upgrades.strip(),
        downgrade.downgrade_token: downgrades.strip(),
    }
    return render_file(project, identity=identity, notes=notes, values=values, operations=comparison.operations)


def render_file(
    project: Project,
    *,
    identity: Identity,
    notes: Iterable[str],
    values: Mapping[str, Any],
    operations: Iterable[str] = (),
) -> str:
    """Return a file made of the project's script.py.mako.

    :param project: the project.
    :param identity: id and title.
    :param notes: sentences for the docstring.
    :param values: what the template is given besides: parents, imports, bodies.
    :param operations: what the file does, in sentences for the docstring.
    """
    common = {
        "config": project.config(),
        "up_revision": identity.revision,
        "branch_labels": None,
        "depends_on": None,
        "create_date": identity.created,
        "comma": util.format_as_comma,
        "message": _docstring(identity.title, operations, notes, width=width_of(project.settings.root)),
    }
    text: str = Template(filename=str(_template(project))).render_unicode(**common, **values)  # noqa: S702
    return text.rstrip() + "\n"


def run_rendered(context: AutogenContext, operations: Iterable[Any]) -> None:
    """Run operations as their revision would, on the connection of ``context``.

    Labels that are added to enums are left out: they need a transaction of their own.

    :param context: the comparison's, inside a transaction that is rolled back.
    :param operations: the operations of an upgrade.
    """
    import sqlalchemy
    from alembic.operations import Operations

    given = context.opts.get("render_item")
    context.opts["render_item"] = _render_item(given)
    lines = [render_op_text(context, each) for each in operations if phase_of(each) != Phase.LABELS]
    context.opts["render_item"] = given
    names: dict[str, Any] = {"op": Operations(context.migration_context), "sa": sqlalchemy}
    exec("\n".join([*sorted(context.imports), *lines]), names)  # noqa: S102
    context.imports.clear()


def _template(project: Project) -> Path:
    own = project.options.script_location / "script.py.mako"
    if own.is_file():
        return own
    import alembic

    return Path(alembic.__file__).parent / "templates" / "generic" / "script.py.mako"


def _imports(found: Iterable[str], bodies: str) -> list[str]:
    """Return the lines, once each, without a name that alembic-utils always imports and seldom uses."""
    lines = {line for statement in found for line in statement.splitlines()}
    return sorted(line for line in lines if not line.endswith(" as sql_text") or "sql_text(" in bodies)


def _body(context: AutogenContext, operations: Iterable[Any], width: int) -> str:
    return format_body("\n".join(render_op_text(context, operation) for operation in operations), width=width)


def _docstring(title: str, operations: Iterable[str], notes: Iterable[str], *, width: int) -> str:
    listed = "\n".join(textwrap.fill(f"- {each}", width, subsequent_indent="  ", break_long_words=False) for each in operations)
    paragraphs = [title, *([listed] if listed else []), *(textwrap.fill(f"{note}.", width) for note in notes)]
    return "\n\n".join(paragraphs).replace("\\", "\\\\").replace('"""', '\\"""')


def width_of(root: Path) -> int:
    """Return the line length of ruff or black in this project."""
    try:
        tool = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("tool", {})
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return _DEFAULT_WIDTH
    found = tool.get("ruff", {}).get("line-length") or tool.get("black", {}).get("line-length")
    return found if isinstance(found, int) else _DEFAULT_WIDTH


_RenderItem = Callable[[str, Any, "AutogenContext"], Any]


def _render_item(given: _RenderItem | None) -> _RenderItem:
    """Render what Alembic renders in a way that does not run again: enum types, and types of the application."""

    def render(kind: str, item: Any, context: AutogenContext) -> Any:
        rendered = given(kind, item, context) if given is not None else False
        if rendered is not False or kind != "type":
            return rendered
        if is_native_enum(item):
            return _enum(item, context)
        if isinstance(item, TypeDecorator) and not type(item).__module__.startswith("sqlalchemy."):
            # A revision must not change its meaning with the application: it says what the column is in the database.
            return _repr_type(item.load_dialect_impl(context.dialect), context)
        return False

    return render


def _enum(type_: Any, context: AutogenContext) -> str:
    # create_type: the revision makes the type itself; create_table would make it too, add_column would not.
    context.imports.add("from sqlalchemy.dialects import postgresql")
    labels = [format_string(label) for label in type_.enums]
    schema = [f"schema={format_string(type_.schema)}"] if type_.schema else []
    return f"postgresql.ENUM({', '.join([*labels, f'name={format_string(type_.name)}', *schema, 'create_type=False'])})"
