"""The options of the target, as drizzle-kit's pull would choose them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, Self, get_args

from seachange.errors import ConfigError
from seachange.sync._typescript import Casing

__all__ = ["OPTIONS", "Options"]

_Bigint = Literal["number", "bigint"]
_Partitions = Literal["tables", "omit"]
_VALUES: Mapping[str, tuple[str, ...]] = {
    "casing": get_args(Casing),
    "bigint": get_args(_Bigint),
    "partitions": get_args(_Partitions),
}

#: Names and helps.
OPTIONS: Mapping[str, str] = {
    "casing": "properties of tables: camel (as drizzle-kit pull), or preserve the names of columns",
    "bigint": "64-bit integers as number (as drizzle-kit pull) or as bigint",
    "partitions": "each partition as a table of its own (tables, as drizzle-kit pull), or omit them",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """The options with their values."""

    casing: Casing = "camel"
    bigint: _Bigint = "number"
    partitions: _Partitions = "tables"

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Return the options.

        :param given: from the settings.
        :raises ConfigError: a value is none of those that there are.
        """
        for name, value in given.items():
            if value not in _VALUES[name]:
                raise ConfigError(
                    f"sync_options: drizzle knows no {name} = {value!r}", hint=f"it is one of {', '.join(_VALUES[name])}"
                )
        return cls(**given)
