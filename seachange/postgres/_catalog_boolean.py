"""Chains of AND and OR, brought to the shape that they have after a dump and restore."""

from __future__ import annotations

import dataclasses
import re

__all__ = ["flatten_chains"]

_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[()]|[^'\"()]+")
_CHAIN = re.compile(r"\b(AND|OR)\b")
# With one of these beside it, an AND or OR may be part of something other than a chain: BETWEEN, CASE, the clauses of a query.
_OTHER = re.compile(r"\b(BETWEEN|CASE|WHEN|THEN|ELSE|SELECT|FROM|WHERE|ON|HAVING)\b|,")


@dataclasses.dataclass(frozen=True)
class _Group:
    """What stands between two parentheses."""

    items: tuple[str | _Group, ...]

    @property
    def chain(self) -> str:
        """The word that joins the items, if there is just one and nothing else."""
        code = [item for item in self.items if isinstance(item, str) and item[0] not in "'\""]
        words = {word for text in code for word in _CHAIN.findall(text)}
        return words.pop() if len(words) == 1 and not any(map(_OTHER.search, code)) else ""

    @property
    def text(self) -> str:
        return "".join(item if isinstance(item, str) else f"({item.text})" for item in self.items)


def flatten_chains(text: str) -> str:
    """Return an expression with ``((a AND b) AND c)`` as ``(a AND b AND c)``, and so for OR.

    BETWEEN makes a chain within a chain; PostgreSQL prints it as such until it has read it back once.

    :param text: an expression or a query as PostgreSQL prints it.
    """
    if not _CHAIN.search(text):
        return text
    stack: list[list[str | _Group]] = [[]]
    for token in _TOKEN.finditer(text):
        if token[0] == "(":
            stack.append([])
        elif token[0] == ")" and len(stack) > 1:
            group = _flattened(_Group(tuple(stack.pop())))
            stack[-1].append(group)
        else:
            stack[-1].append(token[0])
    return _Group(tuple(stack[0])).text if len(stack) == 1 else text


def _flattened(group: _Group) -> _Group:
    chain = group.chain
    if not chain:
        return group
    items: list[str | _Group] = []
    for number, item in enumerate(group.items):
        if isinstance(item, _Group) and item.chain == chain and _is_link(group.items, number, chain):
            items.extend(item.items)
        else:
            items.append(item)
    return _Group(tuple(items))


def _is_link(items: tuple[str | _Group, ...], number: int, chain: str) -> bool:
    before = items[number - 1] if number else f"{chain} "
    after = items[number + 1] if number + 1 < len(items) else f" {chain}"
    return isinstance(before, str) and isinstance(after, str) and before.endswith(f"{chain} ") and after.startswith(f" {chain}")
