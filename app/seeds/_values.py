"""SQL expressions of seed values: the same row number gives the same value on every server and major version."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["EPOCH", "choose", "microchip", "pick", "user_email", "veterinarian_license", "visit_pet", "visit_time"]

# Everything in the seeds happens around this moment, never around now().
EPOCH = "timestamptz '2024-01-01 08:00:00+00'"

# Odd multipliers for multiplicative hashing modulo 2^32 (Knuth, TAOCP 6.4). PostgreSQL's own hash functions may change
# between major versions, and md5 is missing where the operating system enforces FIPS.
_MULTIPLIERS = (2654435761, 2246822519, 3266489917, 668265263, 374761393, 1540483477, 2860486313, 3267000013)


def pick(key: str, count: int, *, salt: int = 0) -> str:
    """Return an expression for a number from 0 below ``count`` that depends on ``key`` only.

    :param key: SQL expression of type bigint.
    :param count: how many numbers there are to pick from.
    :param salt: another salt, another number for the same key.
    """
    return f"(({key}) * {_MULTIPLIERS[salt]} % 4294967296 / 4096 % {count})"


def choose(values: Sequence[str], key: str, *, salt: int = 0) -> str:
    """Return an expression for one of ``values`` that depends on ``key`` only.

    :param values: texts to choose from; lists of equal length and the same salt are chosen from at the same place.
    :param key: SQL expression of type bigint.
    :param salt: another salt, another choice for the same key.
    """
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"(ARRAY[{quoted}])[1 + {pick(key, len(values), salt=salt)}]"


def user_email(index: str) -> str:
    """Return an expression for the address of user ``index`` of unit ``u``: ten veterinarians, then ninety clients."""
    return f"('user' || u * 100 + {index} + 1 || '@vetai.example')"


def veterinarian_license(index: str) -> str:
    """Return an expression for the licence of veterinarian ``index`` of unit ``u``."""
    return f"('COL-' || u * 10 + {index} + 1)"


def microchip(index: str) -> str:
    """Return an expression for the microchip of pet ``index`` of unit ``u``; 900 is the prefix that makers share."""
    return f"(900000000000000 + u * 150 + {index} + 1)::text"


def visit_pet(index: str) -> str:
    """Return an expression for the pet of appointment ``index``; 7 and 150 have no common divisor, so every pet has one."""
    return f"(({index}) * 7 % 150)"


def visit_time(index: str) -> str:
    """Return an expression for the time of appointment ``index``: every other day, between 8:00 and 15:30."""
    slot = pick(f"u * 200 + {index}", 16, salt=1)
    return f"({EPOCH} + make_interval(mins => (({index}) * 2880 + {slot} * 30)::integer))"
