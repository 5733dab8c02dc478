"""Pieces of generated code."""

from __future__ import annotations

import re

__all__ = ["call", "escaped", "text_call"]

# By SQLAlchemy's own rule for parameters in text.
_PARAMETER = re.compile(r"(?<![:\w\\]):(?=\w+(?!:))")


def escaped(sql: str) -> str:
    r"""Return SQL for SQLAlchemy's ``text``, in which a word after a colon would be a parameter.

    :param sql: such as ``'at :noon'::text``, which becomes ``'at \:noon'::text``.
    """
    return _PARAMETER.sub(r"\\:", sql)


def text_call(sql: str) -> str:
    """Return the code that makes a piece of SQL.

    :param sql: an expression.
    """
    return f"text({escaped(sql)!r})"


def call(name: str, /, *arguments: str, **options: str) -> str:
    """Return the code of a call; empty options are left out.

    :param name: what is called.
    :param arguments: code.
    :param options: code by name.
    """
    given = [*arguments, *(f"{key}={value}" for key, value in options.items() if value)]
    return f"{name}({', '.join(given)})"
