"""A second opinion by squawk, a linter of SQL text, where it is installed: the trace overrules it, and says so."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from seachange.plan import Finding
from seachange.safety.facts import RevisionFacts, StatementFacts

__all__ = ["DISAGREEMENT", "RULES_OF_SQUAWK", "Opinion", "ask", "find_squawk", "weigh"]

# The rule under which it is shown that the trace disproves what squawk says.
DISAGREEMENT = "SC004"

_log = logging.getLogger(__name__)
_TIMEOUT_S = 20

# The names are those of squawk 2.70.
RULES_OF_SQUAWK = {
    "adding-field-with-default": "SC101",
    "adding-foreign-key-constraint": "SC202",
    "adding-not-nullable-field": "SC110",
    "adding-required-field": "SC703",
    "adding-serial-primary-key-field": "SC206",
    "ban-add-enum-value": "SC710",
    "ban-alter-domain-with-add-constraint": "SC119",
    "ban-char-field": "SC1003",
    "ban-concurrent-index-creation-in-transaction": "SC304",
    "ban-create-domain-with-constraint": "SC120",
    "ban-drop-column": "SC602",
    "ban-drop-constraint": "SC214",
    "ban-drop-database": "SC603",
    "ban-drop-not-null": "SC213",
    "ban-drop-schema": "SC603",
    "ban-drop-table": "SC601",
    "ban-new-write-restriction": "SC215",
    "ban-truncate-cascade": "SC606",
    "ban-uncommitted-transaction": "SC509",
    "changing-column-type": "SC109",
    "constraint-missing-not-valid": "SC201",
    "disallowed-unique-constraint": "SC205",
    "identifier-too-long": "SC1011",
    "prefer-bigint-over-int": "SC1001",
    "prefer-bigint-over-smallint": "SC1002",
    "prefer-identity": "SC1007",
    "prefer-repack": "SC116",
    "prefer-robust-stmts": "SC508",
    "prefer-text-field": "SC1004",
    "prefer-timestamp-tz": "SC1005",
    "renaming-column": "SC701",
    "renaming-table": "SC702",
    "require-concurrent-index-creation": "SC301",
    "require-concurrent-index-deletion": "SC302",
    "require-concurrent-partition-detach": "SC401",
    "require-concurrent-reindex": "SC303",
    "require-enum-value-ordering": "SC712",
    "require-lock-timeout": "SC501",
    "require-statement-timeout": "SC504",
    "require-table-schema": "SC1012",
    "transaction-nesting": "SC509",
    **dict.fromkeys(
        (
            "ban-drop-default",
            "ban-drop-domain",
            "ban-drop-extension",
            "ban-drop-function",
            "ban-drop-sequence",
            "ban-drop-trigger",
        ),
        "SC608",
    ),
    **dict.fromkeys(("ban-drop-type", "ban-drop-view"), "SC608"),
}

# What a rule of squawk says that the statement does: where the trace saw none of it, squawk is wrong.
_CLAIMS = {
    "adding-field-with-default": ("rewrite",),
    "adding-foreign-key-constraint": ("scan",),
    "adding-not-nullable-field": ("rewrite", "scan"),
    "adding-serial-primary-key-field": ("rewrite", "index build"),
    "ban-alter-domain-with-add-constraint": ("scan",),
    "changing-column-type": ("rewrite",),
    "constraint-missing-not-valid": ("scan", "index build"),
    "disallowed-unique-constraint": ("index build",),
    "prefer-repack": ("rewrite",),
    "require-concurrent-index-creation": ("index build",),
    "require-concurrent-reindex": ("index build",),
}
# What squawk calls by one name and our rules by several.
_ALSO = {
    "adding-field-with-default": ("SC102", "SC103", "SC104", "SC105"),
    "adding-serial-primary-key-field": ("SC102", "SC107"),
    "changing-column-type": ("SC111", "SC112", "SC113", "SC706"),
    "constraint-missing-not-valid": ("SC202", "SC205", "SC206", "SC207"),
    "disallowed-unique-constraint": ("SC107",),
}
_SETTINGS = {"require-lock-timeout": "lock_timeout", "require-statement-timeout": "statement_timeout"}
_UNSET = ("", "0", "0ms")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Opinion:
    """What squawk says of a statement; ``rule`` is its name for it, ``id`` ours, empty where there is none."""

    rule: str
    id: str
    message: str
    statement: StatementFacts
    help: str = ""


def find_squawk() -> Path | None:
    """Return the program, on PATH or beside the interpreter; None when it is not installed."""
    beside = Path(sys.executable).parent
    found = shutil.which("squawk") or shutil.which("squawk", path=str(beside))
    return Path(found) if found else None


def ask(program: Path, facts: RevisionFacts, *, root: Path) -> tuple[Opinion, ...]:
    """Return what squawk says of the statements of a revision; nothing, and a warning in the log, when it fails.

    :param program: what :func:`find_squawk` returned.
    :param facts: the revision, traced or predicted.
    :param root: the project's folder, whose ``.squawk.toml`` is read.
    """
    text, places = _script(facts.statements)
    version = ("--pg-version", f"{facts.major}.0") if facts.major else ()
    command = [str(program), "--reporter", "json", *version, "--stdin-filepath", facts.file or "revision.sql"]
    try:
        done = subprocess.run(
            command, input=text, cwd=root, capture_output=True, text=True, encoding="utf-8", timeout=_TIMEOUT_S, check=False
        )
        said = json.loads(done.stdout or "[]")
    except (OSError, subprocess.TimeoutExpired, ValueError) as exc:
        _log.warning("%s gives no second opinion: %s", program, exc)
        return ()
    return tuple(_opinions(said, places))


def _opinions(said: Sequence[dict[str, Any]], places: Sequence[StatementFacts | None]) -> Iterator[Opinion]:
    for each in said:
        line = each.get("line", -1)
        statement = places[line] if 0 <= line < len(places) else None
        if statement is not None and each.get("rule_name") != "syntax-error":
            rule = str(each.get("rule_name", ""))
            message, more = str(each.get("message", "")), str(each.get("help") or "")
            yield Opinion(rule=rule, id=RULES_OF_SQUAWK.get(rule, ""), message=message, statement=statement, help=more)


def _script(statements: Iterable[StatementFacts]) -> tuple[str, list[StatementFacts | None]]:
    """Return statements as a script with their transactions, and for each of its lines the statement that it is of."""
    lines: list[str] = []
    places: list[StatementFacts | None] = []
    transaction = 0

    def add(text: str, statement: StatementFacts | None) -> None:
        found = text.split("\n")
        lines.extend(found)
        places.extend([statement] * len(found))

    for statement in statements:
        if statement.transaction != transaction:
            if transaction:
                add("COMMIT;", None)
            if statement.transaction:
                add("BEGIN;", None)
            transaction = statement.transaction
        add(statement.sql.rstrip("; \n") + ";", statement)
    if transaction:
        add("COMMIT;", None)
    return "\n".join(lines) + "\n", places


def weigh(opinions: Iterable[Opinion], *, found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return what squawk adds to the findings: what the trace disproves, shown as a disagreement, and what only squawk says.

    What both say is left out, and so is what concerns a setting that was in force, or a preference.

    :param opinions: what squawk said of traced statements.
    :param found: what the rules found.
    """
    known = {(finding.file, finding.line, finding.code) for finding in found}
    added: dict[Finding, None] = {}
    for opinion in opinions:
        statement = opinion.statement
        same = (opinion.id, *_ALSO.get(opinion.rule, ()))
        said = any((statement.file, statement.line, code) in known for code in same)
        if said or _settled(opinion) or _preference(opinion.id):
            continue
        added[_disproved(opinion) or _only_squawk(opinion)] = None
    return tuple(added)


def _preference(known: str) -> bool:
    return known.startswith("SC10") and len(known) == len("SC1001")


def _settled(opinion: Opinion) -> bool:
    setting = _SETTINGS.get(opinion.rule, "")
    return bool(setting) and opinion.statement.settings.get(setting, "") not in _UNSET


def _disproved(opinion: Opinion) -> Finding | None:
    claims, statement = _CLAIMS.get(opinion.rule, ()), opinion.statement
    if not claims or statement.provenance != "proven" or statement.error is not None:
        return None
    work = {kind for kinds in statement.long_work().values() for kind in kinds}
    if work.intersection(claims):
        return None
    absent = ", ".join(f"no {kind}" for kind in dict.fromkeys((*claims, "rewrite", "scan")) if kind not in work)
    return Finding(
        code=DISAGREEMENT,
        message=f"squawk: {opinion.rule}; the trace: {absent}",
        severity="info",
        hint="the server did not do what the text suggests; nothing is to be done",
        file=statement.file,
        line=statement.line,
        provenance="proven",
    )


def _only_squawk(opinion: Opinion) -> Finding:
    return Finding(
        code=opinion.id or DISAGREEMENT,
        message=f"squawk: {opinion.rule}: {opinion.message.rstrip('.')}",
        severity="info",
        hint=opinion.help,
        file=opinion.statement.file,
        line=opinion.statement.line,
        provenance="inferred",
    )
