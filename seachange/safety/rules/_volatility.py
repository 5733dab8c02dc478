"""Which functions give another result each time: as PostgreSQL's own are marked, and as the catalogue defines others."""

from __future__ import annotations

import re
from typing import Literal

from seachange.safety.facts import RevisionFacts
from seachange.safety.parsing import Node, find, functions

__all__ = ["Volatility", "volatility_of", "worst_function"]

Volatility = Literal["volatile", "stable", "immutable", "unknown"]

# pg_proc.provolatile of 18 and of the extensions that give keys, as far as defaults and checks use them.
_VOLATILE = frozenset(
    [
        "random",
        "random_normal",
        "clock_timestamp",
        "timeofday",
        "gen_random_uuid",
        "uuidv4",
        "uuidv7",
        "nextval",
        "setval",
        "currval",
        "lastval",
        "setseed",
        "pg_sleep",
        "uuid_generate_v1",
        "uuid_generate_v1mc",
        "uuid_generate_v4",
        "gen_random_bytes",
        "gen_salt",
        "pg_advisory_lock",
        "pg_try_advisory_lock",
    ]
)
_STABLE = frozenset(
    [
        "now",
        "transaction_timestamp",
        "statement_timestamp",
        "current_setting",
        "txid_current",
        "pg_current_xact_id",
        "inet_client_addr",
        "pg_get_expr",
        "obj_description",
        "has_table_privilege",
        "current_schema",
        "current_database",
        "to_regclass",
    ]
)


def volatility_of(name: str, facts: RevisionFacts) -> Volatility:
    """Return how a function is marked.

    :param name: as the text has it, with schema or without.
    :param facts: whose catalogues know the functions that are not PostgreSQL's.
    """
    bare = name.rpartition(".")[2]
    for catalog in (facts.after, facts.before):
        for known in catalog.functions if catalog else ():
            if known.name == bare and ("." not in name or name == f"{known.schema}.{known.name}"):
                head = re.split(r"\bAS \$", known.definition, maxsplit=1)[0]
                return "immutable" if "IMMUTABLE" in head else "stable" if re.search(r"\bSTABLE\b", head) else "volatile"
    return "volatile" if bare in _VOLATILE else "stable" if bare in _STABLE else "unknown"


def worst_function(expression: Node, facts: RevisionFacts) -> tuple[str, Volatility]:
    """Return the most volatile function of an expression, and how it is marked; ``("", "immutable")`` when it calls none.

    :param expression: a tree.
    :param facts: the revision that it is of.
    """
    found = [(name, volatility_of(name, facts)) for name in functions(expression)]
    if next(find(expression, "SQLValueFunction"), None) is not None:
        found.append(("CURRENT_TIMESTAMP or its like", "stable"))
    order: tuple[Volatility, ...] = ("volatile", "stable", "unknown", "immutable")
    return min(found, key=lambda each: order.index(each[1]), default=("", "immutable"))
