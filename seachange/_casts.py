"""How the values of settings are written: each cast takes a value of any source, or says what it should have been."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

__all__ = [
    "BACKUP_FORMATS",
    "ENVIRONMENTS",
    "ON_FAILURE",
    "REHEARSAL_SOURCES",
    "SEVERITIES",
    "SYNC_ON_FAILURE",
    "backup_format",
    "boolean",
    "count",
    "duration",
    "environment_name",
    "kill_blockers",
    "major",
    "names",
    "on_failure",
    "rehearsal_source",
    "severities",
    "size",
    "sync_on_failure",
    "table",
    "tables",
    "text",
]

ENVIRONMENTS = ("development", "test", "staging", "production")
BACKUP_FORMATS = ("auto", "custom", "directory", "physical")
REHEARSAL_SOURCES = ("auto", "backup", "copy", "seeded", "off")
ON_FAILURE = ("stop", "downgrade", "restore")
SYNC_ON_FAILURE = ("warning", "error")
SEVERITIES = ("error", "warning", "info", "off")


def text(value: object) -> str:
    """Take a text."""
    if not isinstance(value, str):
        raise ValueError("a string")
    return value


def boolean(value: object) -> bool:
    """Take a truth value."""
    if isinstance(value, bool):
        return value
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False, "": False}
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    raise ValueError("true or false")


def count(value: object) -> int:
    """Take a whole number, 0 or more."""
    if isinstance(value, str) and value.strip().isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a whole number, 0 or more")
    return value


_UNITS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


def duration(value: object) -> int:
    """Take a time and return milliseconds."""
    # PostgreSQL's own spelling of time values (documentation, 20.1.1 Parameter Names and Values); a bare number is milliseconds.
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = re.fullmatch(r"\s*(\d+)\s*(ms|s|min|h|d)?\s*", value) if isinstance(value, str) else None
    if not found:
        raise ValueError("milliseconds, or a number with ms, s, min, h or d")
    return int(found[1]) * _UNITS[found[2] or "ms"]


def size(value: object) -> int:
    """Take a size and return bytes."""
    found = re.fullmatch(r"\s*(\d+)\s*(B|kB|MB|GB)?\s*", str(value)) if not isinstance(value, bool) else None
    if not found:
        raise ValueError("bytes, or a number with kB, MB or GB")
    return int(found[1]) * {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3}[found[2] or "B"]


def names(value: object) -> tuple[str, ...]:
    """Take a list of texts, or a text with commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        return tuple(value)
    raise ValueError("a list of strings")


def severities(value: object) -> tuple[tuple[str, str], ...]:
    """Take a table of rules with their severities, or a text such as ``SC101=warning,SC10??=info``; later ones win."""
    if isinstance(value, str):
        value = dict([*part.split("=", 1), ""][:2] for part in names(value))
    if not isinstance(value, Mapping):
        raise ValueError("a table of rules with their severities")
    given = tuple((str(name).strip(), str(severity).strip()) for name, severity in value.items())
    if not all(severity in SEVERITIES for _, severity in given):
        raise ValueError(f"rules with one of {', '.join(SEVERITIES)}")
    return given


def table(value: object) -> tuple[tuple[str, str], ...]:
    """Take a table of texts, or its JSON; what stands in tables inside it is named with dots."""
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, Mapping):
        raise ValueError("a table of strings")
    pairs: list[tuple[str, str]] = []
    for name, part in value.items():
        if isinstance(part, Mapping):
            pairs += ((f"{name}.{inner}", found) for inner, found in table(part))
        elif isinstance(part, str):
            pairs.append((str(name), part))
        else:
            raise ValueError("a table of strings")
    return tuple(pairs)


def tables(value: object) -> tuple[tuple[str, tuple[tuple[str, object], ...]], ...]:
    """Take a table of tables, or its JSON."""
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, Mapping) or not all(isinstance(part, Mapping) for part in value.values()):
        raise ValueError("a table of tables")
    return tuple((str(name), tuple((str(key), one) for key, one in part.items())) for name, part in value.items())


def backup_format(value: object) -> str:
    """Take the form of a backup."""
    return _one_of(BACKUP_FORMATS, value)


def rehearsal_source(value: object) -> str:
    """Take what a rehearsal is held on."""
    return _one_of(REHEARSAL_SOURCES, value)


def on_failure(value: object) -> str:
    """Take what follows a failure; empty for what the environment makes of it."""
    return _one_of(("", *ON_FAILURE), value)


def sync_on_failure(value: object) -> str:
    """Take what a target that fails is."""
    return _one_of(SYNC_ON_FAILURE, value)


def _one_of(choices: tuple[str, ...], value: object) -> str:
    if value not in choices:
        raise ValueError("one of " + ", ".join(choice for choice in choices if choice))
    return str(value)


def environment_name(value: object) -> str:
    """Take the name of an environment."""
    return _one_of(ENVIRONMENTS, value)


def kill_blockers(value: object) -> str:
    """Take the kind of blockers that may be ended."""
    if value not in ("", "idle-in-transaction"):
        raise ValueError("idle-in-transaction, the only sessions that are ever ended")
    return str(value)


def major(value: object) -> int:
    """Take a major version of PostgreSQL, or 0."""
    number = count(value)
    if number and not 12 <= number <= 99:
        raise ValueError("a PostgreSQL major version such as 18, or 0 for the newest at hand")
    return number
