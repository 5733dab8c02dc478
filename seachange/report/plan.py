"""A plan as text, as Markdown for a pull request, and as an SQL script to read."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator

from seachange.plan import Plan, PlannedRevision, Statement
from seachange.report.marks import Marks

__all__ = ["plan_document", "plan_lines", "plan_markdown", "plan_sql"]

# GitHub takes comments of up to 65,536 characters.
_LONGEST_COMMENT = 60_000
_LONGEST_BLOCK = 4_000
_BEGINS = re.compile(r"\s*(begin|start)\b", re.IGNORECASE)
_ENDS = re.compile(r"\s*(commit|end|rollback|abort)\b", re.IGNORECASE)
_INDENT = " " * 6
# What every statement that reads or writes rows takes.
_HARMLESS = ("ACCESS SHARE ", "ROW SHARE ", "ROW EXCLUSIVE ")


def plan_document(plan: Plan, form: str, *, marks: Marks, width: int = 0) -> str:
    """Return the plan in the format that ``--format`` names.

    :param plan: the plan.
    :param form: ``text``, ``json``, ``markdown`` or ``sql``.
    :param marks: how the stream shows states, in text.
    :param width: as for :func:`plan_lines`.
    """
    if form == "json":
        return json.dumps(plan.to_dict(), indent=2, ensure_ascii=False)
    if form == "markdown":
        return plan_markdown(plan)
    return plan_sql(plan) if form == "sql" else "\n".join(plan_lines(plan, marks, width=width))


def plan_lines(plan: Plan, marks: Marks, *, width: int = 0) -> list[str]:
    """Return the plan for people: each revision, each statement with its place and its transaction.

    :param plan: the plan.
    :param marks: how the stream shows states.
    :param width: of the terminal; a statement takes one line there. 0 leaves statements as they are.
    """
    if not plan.revisions:
        return [f"{marks.mark('done')}{_nothing(plan)}"]
    lines = [f"{marks.mark('step')}{marks.paint('title', _title(plan))}", f"hash {plan.hash}"]
    for revision in plan.revisions:
        lines += ["", f"{marks.paint('title', f'{revision.revision} {revision.title}')}: {_kind(plan, revision)}"]
        lines += [f"{marks.mark('warning')}{warning}" for warning in _warnings(plan, revision)]
        lines += [line for statement in revision.statements for line in _statement_lines(statement, width=width)]
        lines += [] if revision.statements else [f"  {revision.file}: no SQL of its own"]
    return [*lines, "", _totals(plan)]


def plan_markdown(plan: Plan) -> str:
    """Return the plan as Markdown: a table of its revisions, and their SQL folded below; never longer than a comment may be."""
    if not plan.revisions:
        return f"### Migration plan\n\n{_nothing(plan)}\n"
    rows = [_row(plan, revision) for revision in plan.revisions]
    warnings = [f"- ⚠️ `{one.revision}`: {text}" for one in plan.revisions for text in _warnings(plan, one)]
    head = [
        f"### Migration plan: {_title(plan)}",
        "",
        "| revision | title | statements | transactions | way back |",
        "|---|---|---:|---|---|",
        *_as_far_as_fits(rows, left_out="| | and {} more | | | |"),
        "",
    ]
    head += [*_as_far_as_fits(warnings, left_out="- and {} more"), ""] if warnings else []
    foot = ["", f"{_totals(plan)} Hash `{plan.hash}`", ""]
    room = _LONGEST_COMMENT - sum(len(line) + 1 for line in (*head, *foot))
    return "\n".join((*head, *_details(plan, room=room), *foot))


def plan_sql(plan: Plan) -> str:
    """Return the plan as an SQL script to read; it does not move the version table, so it is not to be run instead."""
    lines = [f"-- {_title(plan)}", f"-- hash {plan.hash}", "-- to read, not to run: the version table is left out"]
    for revision in plan.revisions:
        lines += ["", f"-- {revision.revision} {revision.title}: {_kind(plan, revision)}"]
        for transaction, statements in itertools.groupby(revision.statements, key=lambda one: one.transaction):
            lines += ["", *_script(transaction, list(statements))]
    return "\n".join(lines) + "\n"


def _row(plan: Plan, revision: PlannedRevision) -> str:
    statements = sum(one.count for one in revision.statements)
    cells = (f"`{revision.revision}`", _cell(revision.title), str(statements), _shape(revision), _cell(_back(plan, revision)))
    return f"| {' | '.join(cells)} |"


def _as_far_as_fits(lines: list[str], *, left_out: str) -> list[str]:
    # A third of the comment for each list leaves a third for the SQL.
    sizes = itertools.accumulate(len(line) + 1 for line in lines)
    kept = [line for line, size in zip(lines, sizes, strict=True) if size < _LONGEST_COMMENT // 3]
    return [*kept, *([left_out.format(len(lines) - len(kept))] if len(kept) < len(lines) else [])]


def _script(transaction: int, statements: list[Statement]) -> Iterator[str]:
    if transaction and not _BEGINS.match(statements[0].sql):
        yield "BEGIN;"
    for statement in statements:
        yield f"-- {statement.where}{_times(statement)}"
        yield from (f"--   {line}" for line in _effect(statement))
        yield f"{statement.sql.rstrip().removesuffix(';')};"
    if transaction and not _ENDS.match(statements[-1].sql):
        yield "COMMIT;"


def _statement_lines(statement: Statement, *, width: int) -> list[str]:
    heading = f"  {statement.where}  {_transaction(statement)}{_times(statement)}"
    effect = [f"{_INDENT}-> {line}" for line in _effect(statement)]
    if not width:
        return [heading, *(f"{_INDENT}{line}" for line in statement.sql.splitlines()), *effect]
    text, room = " ".join(statement.sql.split()), max(20, width - len(_INDENT))
    return [heading, _INDENT + (text if len(text) <= room else f"{text[: room - 3]}..."), *effect]


def _effect(statement: Statement) -> Iterator[str]:
    """Yield what a statement did to others when it was tried; nothing for one that nobody notices."""
    effect = statement.effect
    if effect is None:
        return
    taken = [lock for lock in effect.locks if not lock.startswith(_HARMLESS)]
    if taken or effect.held or effect.work:
        held = f"while it holds {', '.join(effect.held)}" if effect.held else ""
        yield "; ".join(part for part in (", ".join(taken), held, *effect.work, effect.wait) if part)
    if effect.losses:
        yield f"no downgrade brings back the values of {', '.join(effect.losses)}"
    if effect.sizes:
        yield "; ".join(effect.sizes)


def _details(plan: Plan, *, room: int) -> Iterator[str]:
    left_out = 0
    for revision in plan.revisions:
        blocks = [_block(statement) for statement in revision.statements]
        section = ["<details>", f"<summary><code>{revision.revision}</code> {_escaped(revision.title)}</summary>", ""]
        room -= sum(map(len, section)) + 20
        kept = []
        for block in blocks:
            room -= len(block) + 1
            if room > 0:
                kept.append(block)
        left_out += len(blocks) - len(kept)
        if kept:
            yield from (*section, *kept, "</details>", "")
    if left_out:
        yield f"{left_out} more statements are in the JSON plan: a comment has no room for them."


def _block(statement: Statement) -> str:
    text = statement.sql
    if len(text) > _LONGEST_BLOCK:
        text = f"{text[:_LONGEST_BLOCK]}\n-- and {len(statement.sql) - _LONGEST_BLOCK} more characters"
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    effect = "".join(f"- {_escaped(line)}\n" for line in _effect(statement))
    return f"`{statement.where}` {_transaction(statement)}{_times(statement)}\n\n{fence}sql\n{text}\n{fence}\n{effect}"


def _title(plan: Plan) -> str:
    verb = "to apply" if plan.direction == "upgrade" else "to revert"
    place = f"{' and '.join(plan.current) or 'an empty history'} to {' and '.join(plan.target) or 'an empty history'}"
    return f"{_count(len(plan.revisions), 'revision')} {verb}, from {place}"


def _nothing(plan: Plan) -> str:
    return f"nothing to do: {plan.database or 'the database'} is at {' and '.join(plan.current) or 'an empty history'}"


def _kind(plan: Plan, revision: PlannedRevision) -> str:
    return f"{_shape(revision)}; {_back(plan, revision)}" if plan.direction == "upgrade" else _shape(revision)


def _shape(revision: PlannedRevision) -> str:
    outside = sum(not statement.transaction for statement in revision.statements)
    parts = [_count(revision.transactions, "transaction")] if revision.transactions or not outside else []
    return " and ".join([*parts, f"{_count(outside, 'statement')} outside of any"] if outside else parts)


def _back(plan: Plan, revision: PlannedRevision) -> str:
    if plan.direction == "downgrade":
        return "this is the way back"
    if not revision.reversible:
        return f"irreversible: {revision.irreversible}" if revision.irreversible else "irreversible"
    words = {
        "not tried": "reversible, not tried",
        "works": "reversible, tried on an empty copy: leads back to the same schema",
        "lossless": "reversible, proven: its rehearsal gave back the schema and the rows",
        "lossy": "its downgrade loses rows, as its rehearsal showed",
        "differs": "its downgrade leaves another schema",
        "fails": "its downgrade fails",
    }
    return words[revision.way_back]


def _warnings(plan: Plan, revision: PlannedRevision) -> Iterator[str]:
    if revision.depends_on_data:
        lines = ", ".join(str(statement.line) for statement in revision.statements if statement.reads)
        yield f"reads rows (line {lines}): on the database itself, which has other rows, it may send other statements"
    if revision.requires_release and plan.direction == "upgrade":
        yield f"requires release {revision.requires_release}: apply refuses it in staging and production until that is deployed"
    if revision.varies:
        yield "sends other values at each run (a clock, a random id): `migration.apply --plan` will refuse it"
    if revision.way_back_reason:
        yield f"{_back(plan, revision)}: {revision.way_back_reason}"


def _totals(plan: Plan) -> str:
    statements = sum(statement.count for revision in plan.revisions for statement in revision.statements)
    return f"{_count(statements, 'statement')} in {_count(len(plan.revisions), 'revision')}."


def _transaction(statement: Statement) -> str:
    return f"transaction {statement.transaction}" if statement.transaction else "outside a transaction"


def _times(statement: Statement) -> str:
    return f", {statement.count} times, the first:" if statement.count > 1 else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cell(text: str) -> str:
    return _escaped(text).replace("|", "\\|").replace("\n", " ")
