"""A revision's source: the statements of both directions, and the file with other ones in their place."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seachange.safety._fixes.batch import unbatched
from seachange.safety._fixes.meanings import meaning_of
from seachange.safety._fixes.values import Computed, arguments_of, function_of
from seachange.safety._fixes.writing import edited, execute

if TYPE_CHECKING:
    import libcst as cst

__all__ = ["Source", "Statement"]

# What Alembic's template puts around generated operations; it stays where it is.
_SQLALCHEMY = re.compile(r"\bsa\.text\(")
_ALEMBIC = re.compile(r"^from alembic import .*op\b", re.MULTILINE)
_FRAME = re.compile(r"# ### (commands auto generated|end Alembic commands)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a direction; ``op`` is the operation of Alembic that it calls, empty for any other code.

    ``meaning`` is the operation that it amounts to, which for SQL is another than ``execute``; ``arguments`` are those of that,
    by name; ``code`` is without the ``comments`` above it and the ``remark`` behind it.
    """

    node: cst.BaseStatement = dataclasses.field(repr=False)
    first: int
    last: int
    op: str = ""
    meaning: str = ""
    call: cst.Call | None = dataclasses.field(default=None, repr=False)
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    code: str = ""
    comments: tuple[str, ...] = ()
    remark: str = ""

    def text(self, name: str) -> str:
        """Return an argument that is a text; empty when it is not given, or known only at run time."""
        value = self.arguments.get(name)
        return value if isinstance(value, str) else ""

    @property
    def table(self) -> str:
        """The table that the operation is about."""
        return self.text("table_name") or self.text("source_table")

    @property
    def name(self) -> str:
        """The name of the index or constraint."""
        return self.text("index_name") or self.text("constraint_name")

    @property
    def schema(self) -> str:
        """The schema that is written; empty for the default one."""
        return self.text("schema") or self.text("source_schema")

    @property
    def column(self) -> str:
        """The name of a column that is added."""
        if self.sql:
            return self.text("column_name")
        value = self.arguments.get("column")
        found = re.match(r"[\w.]+\(\s*([\"'])(\w+)\1", value.code) if isinstance(value, Computed) else None
        return found[2] if found else ""

    @property
    def sql(self) -> str:
        """The SQL that ``op.execute`` is given; empty for any other operation."""
        return self.text("sqltext")

    def with_sql(self, sql: str, *, width: int) -> str:
        """Return ``op.execute`` with other SQL, in the layout that it has where that can be.

        :param sql: the SQL.
        :param width: the longest line.
        """
        whole = self.code.count(self.sql) == 1 and "\\" not in sql
        changed = self.code.replace(self.sql, sql)
        fits = "\n" in changed or len(changed) + 4 <= width
        return changed if whole and fits else execute(sql, width=width)

    def edited(self, *, add: Mapping[str, str], without: Collection[str] = (), width: int) -> str:
        """Return the call of the operation with arguments by name added or left out, in the layout that it has.

        :param add: code by name; one that is there already is replaced in its place.
        :param without: names to leave out.
        :param width: the longest line.
        :raises ValueError: the statement calls no operation.
        """
        if self.call is None:
            raise ValueError(f"line {self.first} calls no operation")
        return edited(self.call, add=add, without=without, width=width)

    @property
    def computed(self) -> tuple[str, ...]:
        """The code of arguments that are known only when the revision runs."""
        return tuple(value.code for value in self.arguments.values() if isinstance(value, Computed))


class Source:
    """A revision file that can be taken apart.

    :param text: the file.
    :raises ValueError: it is no Python, or has no ``upgrade``.
    """

    def __init__(self, text: str) -> None:
        import libcst as cst

        try:
            self._wrapper = cst.MetadataWrapper(cst.parse_module(text))
        except cst.ParserSyntaxError as exc:
            raise ValueError(f"it is no Python that can be read: {exc.message}") from exc
        self._module = self._wrapper.module
        if "upgrade" not in self._functions:
            raise ValueError("it has no function upgrade() at the top")

    @functools.cached_property
    def upgrade(self) -> tuple[Statement, ...]:
        """The statements of ``upgrade``, without docstring and ``pass``."""
        return self._statements("upgrade")

    @functools.cached_property
    def downgrade(self) -> tuple[Statement, ...]:
        """The statements of ``downgrade``; none when there is no such function."""
        return self._statements("downgrade")

    def changed(self, upgrade: Sequence[Statement | str], downgrade: Sequence[Statement | str]) -> str:
        """Return the file with other statements; what stays keeps its comments and layout.

        :param upgrade: statements of this file, or code at the left margin.
        :param downgrade: likewise.
        """
        return self._with({"upgrade": upgrade, "downgrade": downgrade}, self._module)

    def another(self, title: str, upgrade: Sequence[str], downgrade: Sequence[str]) -> str:
        """Return a file with the header of this one, of what it imports and defines only what the new statements use.

        :param title: the first line of its docstring.
        :param upgrade: code at the left margin.
        :param downgrade: likewise.
        """
        import libcst as cst

        from seachange.safety._fixes.header import needed, retitled

        body = needed(self._module, [*upgrade, *downgrade])
        module = self._module.with_changes(body=[retitled(body[0], title), *body[1:]])
        text = self._with({"upgrade": upgrade, "downgrade": downgrade}, cst.parse_module(module.code))
        return text if text.endswith("\n") else f"{text}\n"

    @functools.cached_property
    def _functions(self) -> dict[str, cst.FunctionDef]:
        import libcst as cst

        found = (node for node in self._module.body if isinstance(node, cst.FunctionDef))
        return {node.name.value: node for node in found if node.name.value in ("upgrade", "downgrade")}

    def _statements(self, name: str) -> tuple[Statement, ...]:
        function = self._functions.get(name)
        nodes = () if function is None else function.body.body
        return tuple(self._statement(plain, at=node) for node in nodes if not _says_nothing(node) for plain in unbatched(node))

    def _statement(self, node: Any, *, at: Any) -> Statement:
        from libcst.metadata import PositionProvider

        place = self._wrapper.resolve(PositionProvider)[at]
        call, lines = _call_of(node), [line.comment.value for line in node.leading_lines if line.comment]
        prefix, _, op = function_of(call).partition(".") if call else ("", "", "")
        known = op if prefix == "op" else ""
        bare, remark = self._bare(node)
        arguments = arguments_of(call, known) if call and known else {}
        meaning, meant = known, arguments
        if isinstance(sql := arguments.get("sqltext"), str):
            meaning, found = meaning_of(sql)
            meant = {**found, "sqltext": sql}
        return Statement(
            node=node,
            first=place.start.line,
            last=place.end.line,
            op=known,
            meaning=meaning,
            call=call if known else None,
            arguments=meant,
            code=bare,
            comments=tuple(line for line in lines if not _FRAME.match(line)),
            remark=remark,
        )

    def _bare(self, node: Any) -> tuple[str, str]:
        import libcst as cst

        trailing = getattr(node, "trailing_whitespace", None)
        node = node.with_changes(leading_lines=[])
        if trailing is not None:
            node = node.with_changes(trailing_whitespace=cst.TrailingWhitespace(newline=trailing.newline))
        remark = trailing.comment.value if trailing is not None and trailing.comment else ""
        return self._module.code_for_node(node).strip("\n"), remark

    def _with(self, bodies: Mapping[str, Sequence[Statement | str]], module: cst.Module) -> str:
        import libcst as cst

        done = []
        for node in module.body:
            wanted = bodies.get(node.name.value) if isinstance(node, cst.FunctionDef) else None
            done.append(_rebuilt(node, wanted) if wanted is not None else node)
        code = module.with_changes(body=done).code
        if _SQLALCHEMY.search(code) and "sqlalchemy as sa" not in code:
            code = _ALEMBIC.sub(r"import sqlalchemy as sa\n\g<0>", code, count=1)
        return code


def _call_of(node: Any) -> cst.Call | None:
    import libcst as cst

    simple = isinstance(node, cst.SimpleStatementLine) and len(node.body) == 1 and isinstance(node.body[0], cst.Expr)
    inner = node.body[0].value if simple else None
    return inner if isinstance(inner, cst.Call) else None


def _says_nothing(node: Any) -> bool:
    import libcst as cst

    if not isinstance(node, cst.SimpleStatementLine):
        return False
    parts = [part.value if isinstance(part, cst.Expr) else part for part in node.body]
    return all(isinstance(part, (cst.SimpleString, cst.ConcatenatedString, cst.Pass)) for part in parts)


def _rebuilt(function: Any, wanted: Sequence[Statement | str]) -> Any:
    """Return a function with other statements, its docstring and Alembic's frame of comments kept."""
    import libcst as cst

    head = [node for node in function.body.body if _says_nothing(node) and not _is_pass(node)]
    nodes: list[Any] = []
    for each in wanted:
        nodes += [each.node] if isinstance(each, Statement) else _parsed(each)
    if not nodes:
        nodes = [] if head else list(cst.parse_module("pass\n").body)
    frame = _frame_of(function)
    if nodes and frame and not _framed(nodes[0]):
        nodes[0] = nodes[0].with_changes(leading_lines=[*frame, *nodes[0].leading_lines])
    body = function.body.with_changes(body=[*head, *nodes])
    return function.with_changes(body=body)


def _parsed(code: str) -> list[Any]:
    import libcst as cst

    module = cst.parse_module(code + "\n")
    nodes = list(module.body)
    if nodes and module.header:
        nodes[0] = nodes[0].with_changes(leading_lines=[*module.header, *nodes[0].leading_lines])
    return nodes


def _is_pass(node: Any) -> bool:
    import libcst as cst

    return all(isinstance(part, cst.Pass) for part in node.body)


def _frame_of(function: Any) -> list[Any]:
    lines: Iterable[Any] = (line for node in function.body.body for line in getattr(node, "leading_lines", ()))
    return [line for line in lines if line.comment and _FRAME.match(line.comment.value)][:1]


def _framed(node: Any) -> bool:
    return any(line.comment and _FRAME.match(line.comment.value) for line in node.leading_lines)
