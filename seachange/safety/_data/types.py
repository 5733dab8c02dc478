"""Types that pending statements make, change and rename: enums and domains."""

from __future__ import annotations

import dataclasses

from seachange.postgres.catalog import qualified
from seachange.safety._data.asking import Asking
from seachange.safety._data.picture import Known, MadeType, Picture
from seachange.safety._data.texts import expression
from seachange.safety._data.values import Constraint, DomainRows, Labels
from seachange.safety.parsing import Node, constraint_kind, names, type_name

__all__ = ["alter_domain", "alter_enum", "create_domain", "create_enum", "made", "spelled"]


def made(picture: Picture, text: str) -> MadeType | None:
    """Return what is known of a type that the run makes; None for one that is there already.

    :param text: the type as a statement spells it.
    """
    return picture.types.get(picture.type_key(text))


def spelled(picture: Picture, text: str) -> str:
    """Return a type by the name that it has in the database now.

    :param text: the type as a statement spells it.
    """
    live = picture.renamed_types.get(picture.type_key(text))
    return text if live is None else live + ("[]" if text.endswith("[]") else "")


def create_enum(asking: Asking, statement: Node) -> None:
    """Take in a CREATE TYPE ... AS ENUM."""
    asking.picture.types[_name(asking, statement.type_name)] = MadeType(labels=names(statement.vals))


def alter_enum(asking: Asking, statement: Node) -> None:
    """Take in an ALTER TYPE that adds or renames a label."""
    picture, name = asking.picture, _name(asking, statement.type_name)
    known = picture.types.get(name)
    if known is not None and known.labels is not None:
        kept = tuple(statement.new_val if label == statement.old_val else label for label in known.labels)
        more = () if statement.old_val else (statement.new_val,)
        picture.types[name] = dataclasses.replace(known, labels=kept + more)
        return
    if statement.old_val:
        live = picture.renamed_types.get(name, name)
        probe = Labels(enum=live, label=statement.old_val, becomes=statement.new_val)
        asking.ask_of_type("SC611", f"RENAME VALUE '{statement.old_val}' of {name}", probe=probe)
    picture.added_labels[name] = (*picture.added_labels.get(name, ()), statement.new_val)


def create_domain(asking: Asking, statement: Node) -> None:
    """Take in a CREATE DOMAIN."""
    constraints = [each.constraint for each in statement.constraints]
    checks = [expression(each.raw_expr) for each in constraints if constraint_kind(each) == "CHECK"]
    checks += ["value IS NOT NULL" for each in constraints if constraint_kind(each) == "NOTNULL"]
    base = type_name(statement.type_name)
    asking.picture.types[_name(asking, statement.domainname)] = MadeType(base=base, checks=tuple(checks))


def alter_domain(asking: Asking, statement: Node) -> None:
    """Take in an ALTER DOMAIN: a new check, NOT NULL, a validation."""
    picture, name = asking.picture, _name(asking, statement.type_name)
    live = picture.renamed_types.get(name, name)
    if name in picture.types:
        return
    if statement.subtype == "O":
        asking.ask_of_type("SC803", f"domain {name}: SET NOT NULL", probe=DomainRows(domain=live))
    elif statement.subtype == "V":
        default = Known("SC803", Constraint(name=statement.name, domain=live), None)
        known = picture.constraints.get((name, statement.name), default)
        asking.ask_of_type("SC803", f"domain {name}: VALIDATE CONSTRAINT {qualified(statement.name)}", probe=known.probe)
    elif statement.subtype == "C":
        constraint = getattr(statement, "def").constraint
        text = "" if constraint_kind(constraint) == "NOTNULL" else expression(constraint.raw_expr)
        probe = DomainRows(domain=live, expression=text)
        if constraint.skip_validation:
            picture.constraints[name, constraint.conname] = Known("SC803", probe, None)
        else:
            asking.ask_of_type("SC803", f"domain {name}: {f'CHECK ({text})' if text else 'NOT NULL'}", probe=probe)


def _name(asking: Asking, nodes: Node) -> str:
    parts = names(nodes)
    return asking.picture.name(parts[-2] if len(parts) > 1 else "", parts[-1])
