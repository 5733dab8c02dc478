"""What the code of one revision shows to be wrong, rule by rule."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seachange.plan import Severity
from seachange.revisions._code._calls import Call, calls_of
from seachange.revisions._code._sent import Sent, line_of, place_in, sent_by
from seachange.revisions._code.fault import Fault

__all__ = ["faults_of"]

# Walking the tree takes a third of the time that parsing takes: only where the text has something to find.
_WORTH_A_LOOK = (b".execute", b".exec_driver_sql", b".scalar", b"postgresql_concurrently", b".commit", b".rollback")

_IN_BLOCK = "put it into `with op.get_context().autocommit_block():`"


def faults_of(source: bytes, tree: ast.Module) -> tuple[Fault, ...]:
    """Return the faults of what a revision sends to the database, in the order of its lines.

    :param source: the file's bytes.
    :param tree: its syntax tree.
    """
    if not any(word in source for word in _WORTH_A_LOOK):
        return ()
    calls = calls_of(tree)
    by_call = [(call, sent_by(call)) for call in calls]
    sent = [each for _, several in by_call for each in several]
    rules = (
        *_not_checked(sent),
        *_commits(calls),
        *_in_order(by_call),
        *(fault for each in sent for rule in (_syntax, _parameters, _copies, _runs_alone) for fault in rule(each)),
    )
    # One text may be sent in several places, or both ways.
    return tuple(sorted(dict.fromkeys(rules), key=lambda fault: (fault.line, fault.code)))


def _syntax(sent: Sent) -> Iterator[Fault]:
    error = sent.parsed.error if sent.parsed and sent.checkable else None
    if error is None:
        return
    line, place = line_of(sent, error.position), place_in(sent, error)
    if error.meta:
        message = f"{error.meta} is a command of psql, and no SQL that a server knows"
        yield Fault(code="psql-command", message=message, hint=f"leave it out, or write what it does in SQL; {place}", line=line)
    elif error.copies:
        yield _copy(line)
    else:
        message = f"SQL that does not parse: {error.message}"
        yield Fault(code="sql-syntax", message=message, hint=place, line=line)


def _copies(sent: Sent) -> Iterator[Fault]:
    if any(statement.copies for statement in sent.statements):
        yield _copy(line_of(sent))


def _copy(line: int) -> Fault:
    message = "COPY from or to the client cannot be run as a statement: no driver takes its data in the text"
    hint = "use op.bulk_insert() or INSERT, or cursor.copy() of the driver's own connection"
    return Fault(code="copy-in-text", message=message, hint=hint, line=line)


def _parameters(sent: Sent) -> Iterator[Fault]:
    if sent.unbound:
        name, *more = sent.unbound
        names = f":{name}" + (f" and {len(more)} more" if more else "")
        message = f"SQLAlchemy takes {names} in the text for a parameter, and nothing gives it a value"
        hint = rf"write \:{name} for a colon in the text, or give it a value: sa.text(...).bindparams({name}=...)"
        yield Fault(code="unbound-parameter", message=message, hint=hint, line=line_of(sent))


def _runs_alone(sent: Sent) -> Iterator[Fault]:
    names = [statement.alone for statement in sent.statements if statement.alone]
    if names and len(sent.statements) > 1 and sent.call.autocommit:
        message = (
            f"{names[0]} stands in one text with other statements, which the server runs as one transaction: it refuses that"
        )
        hint = "execute each statement by a call of its own"
        yield Fault(code="runs-alone", message=message, hint=hint, line=line_of(sent))


def _in_order(by_call: list[tuple[Call, tuple[Sent, ...]]]) -> Iterator[Fault]:
    """Follow the transaction through what is sent: what ends it, and what must not run in it."""
    ended: dict[str, bool] = {}
    for call, several in by_call:
        if call.autocommit:
            continue
        if name := _concurrent_operation(call):
            yield _needs_block(call.direction, name, call.line, ended=ended.get(call.direction, False))
        for each, statement in [(one, statement) for one in several for statement in one.statements]:
            if statement.control:
                ended[call.direction] = statement.control != "begin"
                yield _control(statement.control, line_of(each))
            elif statement.alone:
                yield _needs_block(call.direction, statement.alone, line_of(each), ended=ended.get(call.direction, False))


def _control(control: str, line: int) -> Fault:
    what = {
        "commit": "COMMIT in the text ends the migration's transaction: what ran before stays when the rest fails",
        "rollback": "ROLLBACK in the text discards what the migration did so far, which is recorded as applied all the same",
        "begin": "BEGIN in the text begins no transaction: the migration is in one already",
    }
    hint = f"leave it out; what needs to run outside a transaction: {_IN_BLOCK}"
    return Fault(code="raw-transaction", message=what[control], hint=hint, line=line, severity="warning")


def _needs_block(direction: str, name: str, line: int, *, ended: bool) -> Fault:
    # After a raw COMMIT psycopg2 leaves the transaction to the next statement; psycopg begins one before it.
    severity: Severity = "warning" if ended else "error"
    where = "after a raw COMMIT, where psycopg 3 begins the next transaction," if ended else "in the migration's transaction,"
    message = f"{direction}() runs {name} {where} and PostgreSQL refuses it there"
    return Fault(code="needs-autocommit", message=message, hint=_IN_BLOCK, line=line, severity=severity)


def _concurrent_operation(call: Call) -> str:
    """Return the statement that an operation of Alembic makes of ``postgresql_concurrently=True``."""
    name = {"create_index": "CREATE INDEX CONCURRENTLY", "drop_index": "DROP INDEX CONCURRENTLY"}.get(call.method, "")
    given = next((keyword.value for keyword in call.node.keywords if keyword.arg == "postgresql_concurrently"), None)
    if not name or given is None:
        return ""
    values = call.scope.values(given.id) if isinstance(given, ast.Name) else (given,)
    return name if values and all(isinstance(each, ast.Constant) and bool(each.value) for each in values) else ""


def _commits(calls: tuple[Call, ...]) -> Iterator[Fault]:
    what = {
        "commit": "commits the migration's connection: plain Alembic loses what follows and exits 0",
        "rollback": "rolls the migration's connection back: what it did so far is lost",
    }
    for call in calls:
        if call.method in what:
            message = f"{call.direction}() {what[call.method]}"
            hint = f"leave it out; what must not be rolled back: {_IN_BLOCK}, or a revision of its own"
            yield Fault(code="connection-commit", message=message, hint=hint, line=call.line, severity="warning")


def _not_checked(sent: list[Sent]) -> Iterator[Fault]:
    """Say once for the whole file what cannot be checked."""
    computed = sorted({each.call.line for each in sent if each.parsed is None or each.template})
    open_ = sorted({each.call.line for each in sent if not each.checkable}.difference(computed))
    if not (count := len(computed) + len(open_)):
        return
    parts = [f"computed when the revision runs ({_lines(computed)})"] if computed else []
    parts += [f"with parameters where no value can stand ({_lines(open_)})"] if open_ else []
    message = f"{count} {'text' if count == 1 else 'texts'} of SQL cannot be checked: {'; '.join(parts)}"
    hint = "a text that is written out can be checked; `invoke migration.check` runs every revision on a throwaway server"
    yield Fault(code="sql-not-checkable", message=message, hint=hint, line=min(computed + open_), severity="info")


def _lines(lines: list[int]) -> str:
    return f"{'line' if len(lines) == 1 else 'lines'} {', '.join(str(line) for line in lines)}"
