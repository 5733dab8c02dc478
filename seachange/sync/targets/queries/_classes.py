"""Classes and constants of generated modules, as lines of Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from seachange.sync._python_names import Names, docstring, is_plain, literal
from seachange.sync._python_types import ALIASES, MODULES

__all__ = ["TAKEN", "enum", "from_imports", "item_class", "listed", "row_class", "sql_text"]

_WIDEST = 100

#: Names that generated modules use themselves.
TAKEN = frozenset(
    {*ALIASES, *MODULES, "Any", "AsyncConnection", "Connection", "Final", "Iterable", "Literal", "TypeAlias", "TypedDict"}
    | {"_json", "args_row", "scalar_row", "value_of", "with_arrays", "None", "super", "type"}
)


def row_class(name: str, fields: Iterable[tuple[str, str]], *, doc: str, names: Iterable[str] = ()) -> Iterator[str]:
    """Yield a class of rows.

    :param name: its name.
    :param fields: the names of the columns with their annotations.
    :param doc: its docstring.
    :param names: what annotations mention, which no field may be called.
    """
    taken = Names({*ALIASES, *MODULES, *names})
    yield from ("", "", "@_dataclasses.dataclass(frozen=True, slots=True)", f"class {name}:")
    yield from (*docstring(doc, indent="    "), "")
    yield from (f"    {taken.of_field(column)}: {annotation}" for column, annotation in fields)
    yield ""


def item_class(name: str, items: Sequence[tuple[str, str]], *, doc: str) -> Iterator[str]:
    """Yield a class of dictionaries.

    :param name: its name.
    :param items: the keys with the annotations of their values.
    :param doc: its docstring.
    """
    yield from ("", "")
    if all(is_plain(key) and key not in TAKEN for key, _ in items):
        yield f"class {name}(TypedDict):"
        yield from (*docstring(doc, indent="    "), "", *(f"    {key}: {annotation}" for key, annotation in items), "")
    else:
        yield from (f"{name} = TypedDict(", f"    {literal(name)},", "    {")
        yield from (f"        {literal(key)}: {annotation}," for key, annotation in items)
        yield from ("    },", ")", *docstring(doc), "")


def enum(name: str, labels: Sequence[str]) -> Iterator[str]:
    """Yield the type of an enum's values.

    :param name: its name.
    :param labels: its labels in their order.
    """
    line = f"{name}: TypeAlias = Literal[{', '.join(map(literal, labels))}]"
    if not labels:
        yield f"{name}: TypeAlias = str"
    elif len(line) <= _WIDEST:
        yield line
    else:
        yield from (f"{name}: TypeAlias = Literal[", *(f"    {literal(label)}," for label in labels), "]")


def sql_text(name: str, sql: str) -> Iterator[str]:
    """Yield a constant that holds the text of a query.

    :param name: its name.
    :param sql: its text.
    """
    text = sql.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    text = "".join(one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode() for one in text)
    text = f'{text[:-1]}\\"' if text.endswith('"') else text
    yield from ("", f'{name}: Final = """\\\n{text}"""')


def listed(names: Iterable[str]) -> Iterator[str]:
    """Yield ``__all__``.

    :param names: what a module offers.
    """
    yield from ("", "__all__ = [", *(f"    {literal(name)}," for name in sorted(set(names))), "]")


def from_imports(imported: Mapping[str, Iterable[str]], modules: Iterable[str]) -> Iterator[str]:
    """Yield imports, those of the standard library first.

    :param imported: the names of each module.
    :param modules: imports of whole modules, as lines.
    """
    groups: dict[int, list[str]] = {0: [], 1: [], 2: []}
    for line in sorted(modules):
        groups[int("psycopg" in line)].append(line)
    for module, names in sorted(imported.items()):
        found = sorted(set(names), key=lambda name: (0 if name.isupper() else 1 if name[0].isupper() else 2, name.lower()))
        place = 2 if module.startswith(".") else int(module.startswith("psycopg"))
        groups[place] += _from_import(module, found) if found else ()
    for lines in filter(None, groups.values()):
        yield from ("", *lines)


def _from_import(module: str, names: Sequence[str]) -> Iterator[str]:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= _WIDEST:
        yield line
    else:
        yield from (f"from {module} import (", *(f"    {name}," for name in names), ")")
