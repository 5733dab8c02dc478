"""The header of one revision file, read from its syntax tree: nothing of it is imported or run."""

from __future__ import annotations

import ast
import dataclasses
import datetime
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Literal

__all__ = ["Body", "Header", "HeaderError", "parse_header", "stamp_of"]

Body = Literal["missing", "empty", "raises", "present"]

_NAMES = ("revision", "down_revision", "branch_labels", "depends_on", "requires_release")
_CREATED = re.compile(r"^\s*Create Date:\s*(\S.*?)\s*$", re.MULTILINE)
_FIELD = re.compile(r"\s*(Revision ID|Revises|Create Date):")

# Nothing may follow but a separator: a hexadecimal id can begin with ten digits by chance.
_EPOCH_MS = re.compile(r"[12]\d{12}(?![0-9A-Za-z])")
_EPOCH_S = re.compile(r"1\d{9}(?![0-9A-Za-z])")
_DATE = re.compile(r"(20\d\d)[-_]?([01]\d)[-_]?([0-3]\d)[-_T]?([0-2]\d)[-_h]?([0-5]\d)(?:[-_m]?([0-5]\d))?(?![0-9A-Za-z])")


class HeaderError(ValueError):
    """A file is not a revision; ``line`` says where.

    :param code: the code of the finding.
    """

    def __init__(self, code: str, message: str, *, line: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.line = line


@dataclasses.dataclass(frozen=True, kw_only=True)
class Header:
    """What a revision file says about itself."""

    revision: str
    down_revisions: tuple[str, ...]
    branch_labels: tuple[str, ...]
    depends_on: tuple[str, ...]
    title: str
    created: datetime.datetime | None
    upgrade: Body
    downgrade: Body
    lines: Mapping[str, int]
    requires_release: str = ""
    irreversible: str = ""


def parse_header(source: bytes, *, name: str) -> tuple[Header, ast.Module]:
    """Read the header of a revision.

    :param source: the file's bytes.
    :param name: the file's name, for messages.
    :returns: the header and the whole syntax tree.
    :raises HeaderError: the file does not compile, names no revision, or computes it.
    """
    try:
        tree = ast.parse(source, filename=name)
        compile(tree, name, "exec", dont_inherit=True)
    except SyntaxError as exc:
        raise HeaderError("syntax-error", f"{name} does not compile: {exc.msg}", line=exc.lineno or 0) from exc
    except (ValueError, RecursionError) as exc:
        raise HeaderError("syntax-error", f"{name} does not compile: {exc}") from exc
    values, lines = _assignments(tree, name)
    if "revision" not in values:
        raise HeaderError("no-revision", f"{name} names no revision: Alembic stops at such a file")
    revision = values["revision"]
    if not isinstance(revision, str) or not revision:
        raise HeaderError("no-revision", f"{name}: revision is {revision!r}, not a text", line=lines["revision"])
    docstring = ast.get_docstring(tree) or ""
    return (
        Header(
            revision=revision,
            # An empty text is no revision for Alembic, where it stands for no label and no dependency.
            down_revisions=_texts(values.get("down_revision")),
            branch_labels=_texts(values.get("branch_labels") or None),
            depends_on=_texts(values.get("depends_on") or None),
            requires_release=_release(values, lines, name),
            title=_title(docstring),
            created=_created(docstring),
            upgrade=_body(tree, "upgrade"),
            downgrade=_body(tree, "downgrade"),
            irreversible=_refusal(tree, values),
            lines=lines,
        ),
        tree,
    )


@functools.lru_cache(maxsize=1 << 16)
def stamp_of(text: str) -> int | None:
    """Return the time that a revision id or file name begins with, in milliseconds since 1970.

    Epoch milliseconds, epoch seconds and dates with a time are known, as TypeORM and Alembic's ``file_template`` write them.
    """
    if found := _EPOCH_MS.match(text):
        return int(found[0])
    if found := _EPOCH_S.match(text):
        return int(found[0]) * 1000
    if found := _DATE.match(text):
        try:
            year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
            moment = datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.UTC)
        except ValueError:
            return None
        return int(moment.timestamp() * 1000)
    return None


def _assignments(tree: ast.Module, name: str) -> tuple[dict[str, object], dict[str, int]]:
    values: dict[str, object] = {}
    lines: dict[str, int] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            targets = [node.target.id]
        else:
            lines.update({node.name: node.lineno} if isinstance(node, ast.FunctionDef) else {})
            continue
        value = _constant(node.value, values) if node.value else None
        for target in targets:
            if target in _NAMES and value is _UNKNOWN:
                raise HeaderError("computed-header", f"{name}: {target} is computed, not written out", line=node.lineno)
            values[target] = value
            lines[target] = node.lineno
    return values, lines


_UNKNOWN = object()


def _constant(node: ast.expr, known: Mapping[str, object]) -> object:
    """Return the value of an expression made of constants and of names bound to constants before."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return known.get(node.id, _UNKNOWN)
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        parts = tuple(_constant(part, known) for part in node.elts)
        return _UNKNOWN if _UNKNOWN in parts else parts
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _constant(node.left, known), _constant(node.right, known)
        if isinstance(left, str) and isinstance(right, str):
            return left + right
    return _UNKNOWN


def _texts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, tuple):
        return tuple(str(part) for part in value if part is not None)
    return (str(value),)


def _release(values: Mapping[str, object], lines: Mapping[str, int], name: str) -> str:
    value = values.get("requires_release")
    if value is None or isinstance(value, str):
        return value or ""
    message = f"{name}: requires_release is {value!r}, not a text"
    raise HeaderError("unreadable-release", message, line=lines["requires_release"])


def _title(docstring: str) -> str:
    lines: list[str] = []
    for line in docstring.strip().splitlines():
        if not line.strip() or _FIELD.match(line):
            break
        lines.append(line.strip())
    return " ".join(lines).removesuffix(".")


def _created(docstring: str) -> datetime.datetime | None:
    found = _CREATED.search(docstring)
    if not found:
        return None
    try:
        moment = datetime.datetime.fromisoformat(found[1])
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _body(tree: ast.Module, name: str) -> Body:
    statements = _statements(tree, name)
    if statements is None:
        return "present" if name in _other_names(tree) else "missing"
    if not statements:
        return "empty"
    return "raises" if isinstance(statements[0], ast.Raise) or _is_refusal(statements[0], tree) else "present"


def _statements(tree: ast.Module, name: str) -> list[ast.stmt] | None:
    """Return what a function does, None where there is no such function."""
    functions = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name]
    return [node for node in functions[-1].body if not _idle(node)] if functions else None


def _idle(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, (ast.Pass, ast.Import, ast.ImportFrom)) or (isinstance(node, ast.Return) and node.value is None)


def _refusal(tree: ast.Module, values: Mapping[str, object]) -> str:
    """Return why ``downgrade`` refuses, in its own words, as far as they are written out."""
    statements = _statements(tree, "downgrade")
    if not statements or not (isinstance(statements[0], ast.Raise) or _is_refusal(statements[0], tree)):
        return ""
    call = _called(statements[0])
    given = [*call.args[:1], *(each.value for each in call.keywords if each.arg == "why")] if call else []
    words = _constant(given[0], values) if given else ""
    return " ".join(words.split()) if isinstance(words, str) else ""


def _is_refusal(node: ast.stmt, tree: ast.Module) -> bool:
    """Whether a statement calls ``seachange.irreversible``, by whatever name the file has it."""
    call = _called(node)
    if call is None or isinstance(node, ast.Raise):
        return False
    if isinstance(call.func, ast.Attribute):
        return call.func.attr == "irreversible" and isinstance(call.func.value, ast.Name)
    return isinstance(call.func, ast.Name) and call.func.id in set(_names_of_refusal(tree))


def _names_of_refusal(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("seachange", "seachange.errors"):
            yield from (alias.asname or alias.name for alias in node.names if alias.name == "irreversible")


def _called(node: ast.stmt) -> ast.Call | None:
    value = node.exc if isinstance(node, ast.Raise) else node.value if isinstance(node, (ast.Expr, ast.Return)) else None
    return value if isinstance(value, ast.Call) else None


def _other_names(tree: ast.Module) -> set[str]:
    """Names that a module binds otherwise than by ``def``: an import, an assignment."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return names
