"""What one revision file says, as far as its own text decides it: header, imports, faults."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

from seachange.revisions._code.fault import Fault
from seachange.revisions._code.faults import faults_of
from seachange.revisions._headers import Header, parse_header
from seachange.revisions._imports import Import, imports_of

__all__ = ["Facts", "decode", "decode_imports", "encode", "encode_imports", "read_facts"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """All that is read from the text of one revision file."""

    header: Header
    imports: tuple[Import, ...] = ()
    faults: tuple[Fault, ...] = ()


def read_facts(source: bytes, *, name: str) -> Facts:
    """Read a revision file.

    :param source: the file's bytes.
    :param name: the file's name, for messages.
    :raises HeaderError: the file does not compile, names no revision, or computes it.
    """
    header, tree = parse_header(source, name=name)
    imports = imports_of(source, tree)
    return Facts(header=header, imports=imports, faults=(*_relative(imports), *faults_of(source, tree)))


def encode(facts: Facts) -> list[Any]:
    """Return the facts as JSON values."""
    header = facts.header
    return [
        header.revision,
        header.down_revisions,
        header.branch_labels,
        header.depends_on,
        header.requires_release,
        header.title,
        header.created.isoformat() if header.created else None,
        header.upgrade,
        header.downgrade,
        header.irreversible,
        header.lines,
        encode_imports(facts.imports),
        [dataclasses.astuple(fault) for fault in facts.faults],
    ]


def decode(row: list[Any]) -> Facts:
    """Return the facts that :func:`encode` wrote.

    :raises LookupError: the row is not one of those; so are TypeError, ValueError and AttributeError.
    """
    revision, downs, labels, needed, release, title, created, upgrade, downgrade, refusal, lines, imports, faults = row
    header = Header(
        revision=revision,
        down_revisions=tuple(downs),
        branch_labels=tuple(labels),
        depends_on=tuple(needed),
        requires_release=release,
        title=title,
        created=datetime.datetime.fromisoformat(created) if created else None,
        upgrade=upgrade,
        downgrade=downgrade,
        irreversible=refusal,
        lines=lines,
    )
    return Facts(header=header, imports=decode_imports(imports), faults=tuple(_fault(fault) for fault in faults))


def encode_imports(imports: tuple[Import, ...]) -> list[Any]:
    """Return imports as JSON values."""
    return [dataclasses.astuple(each) for each in imports]


def decode_imports(rows: list[Any]) -> tuple[Import, ...]:
    """Return the imports that :func:`encode_imports` wrote."""
    return tuple(Import(name=name, line=line, level=level, typing=typing) for name, line, level, typing in rows)


def _relative(imports: tuple[Import, ...]) -> Iterator[Fault]:
    for line in sorted({each.line for each in imports if each.level and not each.typing}):
        message = "a relative import fails: Alembic loads a revision as a module of no package"
        hint = "import by the whole name, or write what is needed into the revision"
        yield Fault(code="relative-import", message=message, hint=hint, line=line)


def _fault(row: list[Any]) -> Fault:
    code, message, hint, line, severity = row
    return Fault(code=code, message=message, hint=hint, line=line, severity=severity)
