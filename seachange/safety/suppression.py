"""Comments beside an operation that allow what a rule finds there, with a reason and, if wanted, an end."""

from __future__ import annotations

import ast
import dataclasses
import datetime
import io
import re
import tokenize
from collections.abc import Collection, Iterable, Iterator

from seachange.plan import Finding, Severity

__all__ = ["REMARK", "Suppression", "apply", "read_suppressions"]

# The rule that what is wrong with a suppression is reported under.
REMARK = "SC1210"

_COMMENT = re.compile(r"(?:#|--|/\*)\s*seachange:\s*(?P<rest>.*?)\s*(?:\*/)?\s*$")
_ALLOW = re.compile(r"allow\b(?P<what>.*)$")
_OPTION = re.compile(r"""(?P<name>\w+)\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>\S+))""")
_EXAMPLE = '# seachange: allow SC104 reason="why it is safe here" until=2030-01-01'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Suppression:
    """One comment.

    ``first`` and ``last`` are the lines that it counts for, both 0 when it is the whole file. ``until`` is the first day on which
    it counts no more. ``fault`` says what is wrong with its text; it allows nothing then.
    """

    file: str
    line: int
    rules: tuple[str, ...] = ()
    reason: str = ""
    until: datetime.date | None = None
    first: int = 0
    last: int = 0
    fault: str = ""

    @property
    def whole_file(self) -> bool:
        """Whether it counts for the whole file."""
        return not self.first

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is where it counts, and of a rule that it names."""
        if finding.code not in self.rules or finding.file != self.file:
            return False
        return self.whole_file or self.first <= finding.line <= self.last


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Comment:
    line: int
    text: str
    alone: bool


def read_suppressions(file: str, text: str) -> tuple[Suppression, ...]:
    """Return what the comments of a file allow.

    One counts for its own line, for the line below when it stands on a line of its own, and for the whole call that it stands in;
    on a line of its own before any code it counts for the file.

    :param file: its name as findings have it; one that ends in ``.sql`` is read as SQL, every other as Python.
    :param text: what is in it.
    """
    if file.endswith(".sql"):
        return tuple(_of_sql(file, text))
    return tuple(_of_python(file, text))


def apply(
    findings: Iterable[Finding],
    suppressions: Collection[Suppression],
    *,
    today: datetime.date,
    known: Collection[str] = (),
    ran: Collection[str] | None = None,
) -> tuple[tuple[Finding, ...], tuple[tuple[Finding, Suppression], ...], tuple[Finding, ...]]:
    """Return the findings that count, those that were suppressed, each by what, and remarks on the suppressions.

    :param findings: what was found.
    :param suppressions: those of the files that were looked at.
    :param today: from ``until`` on a suppression counts no more.
    :param known: the ids of all rules; those of Seachange by default.
    :param ran: the rules that were asked: of others nobody can say that they found nothing. All of them by default.
    """
    known = known or _known()
    asked = known if ran is None else ran
    kept: list[Finding] = []
    suppressed: list[tuple[Finding, Suppression]] = []
    used: set[tuple[int, str]] = set()
    sound = {position: each for position, each in enumerate(suppressions) if not each.fault}
    for finding in findings:
        covering = [(position, each) for position, each in sound.items() if each.covers(finding)]
        used.update((position, finding.code) for position, _ in covering)
        valid = [each for _, each in covering if each.until is None or today < each.until]
        if valid:
            suppressed.append((finding, valid[0]))
        else:
            kept.append(_with_note(finding, [each for _, each in covering]))
    remarks = [
        remark
        for position, each in enumerate(suppressions)
        for remark in _remarks(each, used={rule for at, rule in used if at == position}, known=known, asked=asked)
    ]
    return tuple(kept), tuple(suppressed), tuple(remarks)


def _known() -> frozenset[str]:
    from seachange.safety.rules import load_rules

    return frozenset(load_rules())


def _with_note(finding: Finding, expired: list[Suppression]) -> Finding:
    if not expired:
        return finding
    last = expired[-1]
    note = f"the suppression in line {last.line} ({last.reason}) ended on {last.until}"
    return dataclasses.replace(finding, message=f"{finding.message}; {note}")


def _remarks(each: Suppression, *, used: Collection[str], known: Collection[str], asked: Collection[str]) -> Iterator[Finding]:
    if each.fault:
        yield _remark(each, each.fault, severity="error")
        return
    for rule in each.rules:
        if rule not in known:
            yield _remark(each, f"there is no rule {rule}", severity="warning")
        elif rule not in used and rule in asked:
            where = "in this file" if each.whole_file else "here"
            yield _remark(each, f"{rule} finds nothing {where}: the suppression is unused", severity="warning")


def _remark(each: Suppression, message: str, *, severity: Severity) -> Finding:
    hint = f"write {_EXAMPLE}" if each.fault else "correct or remove it; docs/rules/README.md lists the rules"
    return Finding(
        code=REMARK, message=message, severity=severity, hint=hint, file=each.file, line=each.line, provenance="policy"
    )


def _parsed(file: str, comment: _Comment, lines: tuple[int, int]) -> Suppression | None:
    """Return what a comment says, None when it is not for us."""
    found = _COMMENT.search(comment.text)
    if found is None:
        return None
    allow = _ALLOW.match(found["rest"])
    if allow is None:
        fault = f"a comment for seachange says {found['rest']!r}, where only `allow` is known"
        return Suppression(file=file, line=comment.line, fault=fault)
    what = allow["what"]
    given = tuple(_OPTION.finditer(what))
    named = what[: given[0].start()] if given else what
    rules = tuple(each for each in re.split(r"[\s,]+", named) if each)
    options = {each["name"]: each["double"] or each["single"] or each["bare"] or "" for each in given}
    rest = _OPTION.sub("", what[len(named) :]).strip(" ,")
    until, fault = _date(options.get("until", ""))
    fault = fault or _fault(rules, options, rest)
    first, last = lines
    return Suppression(
        file=file,
        line=comment.line,
        rules=rules,
        reason=options.get("reason", ""),
        until=until,
        first=first,
        last=last,
        fault=fault,
    )


def _fault(rules: tuple[str, ...], options: dict[str, str], rest: str) -> str:
    unknown = sorted(options.keys() - {"reason", "until"})
    if not rules:
        return "the suppression names no rule"
    if unknown or rest:
        return f"the suppression says {' '.join([*unknown, *([rest] if rest else [])])!r}, which means nothing"
    if not options.get("reason", "").strip():
        return f"the suppression of {', '.join(rules)} gives no reason, and so allows nothing"
    return ""


def _date(text: str) -> tuple[datetime.date | None, str]:
    if not text:
        return None, ""
    try:
        return datetime.date.fromisoformat(text), ""
    except ValueError:
        return None, f"until={text} is no day; write it as 2030-01-01"


def _of_python(file: str, text: str) -> Iterator[Suppression]:
    try:
        tree = ast.parse(text)
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (SyntaxError, tokenize.TokenError, ValueError):
        return
    comments = tuple(_python_comments(tokens, docstrings=_docstrings(tree)))
    yield from _placed(file, comments, code=_first_code(tree), calls=_calls(tree))


def _placed(file: str, comments: Collection[_Comment], *, code: int, calls: Iterable[tuple[int, int]]) -> Iterator[Suppression]:
    """Yield what the comments allow, each for the lines that it stands beside."""
    alone = frozenset(each.line for each in comments if each.alone)
    for comment in comments:
        found = _parsed(file, comment, _lines(comment, code=code, calls=calls, alone=alone))
        if found is not None:
            yield found


def _python_comments(tokens: Iterable[tokenize.TokenInfo], *, docstrings: Collection[int]) -> Iterator[_Comment]:
    """Yield the comments of Python, and those of SQL within its strings.

    :param docstrings: lines on which a docstring begins.
    """
    for token in tokens:
        line, column = token.start
        if token.type == tokenize.COMMENT:
            yield _Comment(line=line, text=token.string, alone=not token.line[:column].strip())
        elif token.type in _STRINGS and line not in docstrings:
            for number, part in enumerate(_QUOTED.sub(r"\2", token.string).split("\n")):
                if "--" in part or "/*" in part:
                    text = part.replace('\\"', '"').replace("\\'", "'")
                    yield _Comment(line=line + number, text=text, alone=part.strip().startswith(("--", "/*")))


_QUOTED = re.compile(r"\A\w*(\"{3}|'{3}|\"|')(.*)\1\Z", re.DOTALL)


def _docstrings(tree: ast.Module) -> frozenset[int]:
    statements = (node for node in ast.walk(tree) if isinstance(node, ast.Expr))
    return frozenset(node.lineno for node in statements if isinstance(node.value, ast.Constant))


# From 3.12 on the texts between the braces of an f-string are tokens of their own.
_STRINGS = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def _first_code(tree: ast.Module) -> int:
    """Return the line of the first statement that is no docstring."""
    body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    return body[0].lineno if body else 0


def _calls(tree: ast.Module) -> tuple[tuple[int, int], ...]:
    """Return the first and last line of every simple statement that takes several lines, and of calls in compound ones."""
    found = [
        (node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and not hasattr(node, "body")
    ]
    found += [(node.lineno, node.end_lineno or node.lineno) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return tuple(sorted(set(found), key=lambda lines: lines[0] - lines[1]))


def _lines(comment: _Comment, *, code: int, calls: Iterable[tuple[int, int]], alone: Collection[int]) -> tuple[int, int]:
    """Return the lines that a comment counts for: the widest statement around it, or right below it and its like."""
    if comment.alone and comment.line < code:
        return 0, 0
    for first, last in calls:
        if first <= comment.line <= last:
            return first, last
    if not comment.alone:
        return comment.line, comment.line
    below = comment.line + 1
    while below in alone:
        below += 1
    return comment.line, max([below, *(last for first, last in calls if first == below)])


def _of_sql(file: str, text: str) -> Iterator[Suppression]:
    """Yield the comments of a file of SQL; a statement is what a call is in Python."""
    statements = _sql_statements(text)
    numbered = ((number, part) for number, part in enumerate(text.split("\n"), start=1) if "--" in part or "/*" in part)
    comments = tuple(_Comment(line=number, text=part, alone=part.strip().startswith(("--", "/*"))) for number, part in numbered)
    yield from _placed(file, comments, code=statements[0][0] if statements else 0, calls=statements)


def _sql_statements(text: str) -> tuple[tuple[int, int], ...]:
    """Return the first and last line of each statement, comments before it left out."""
    import postgast

    try:
        tokens = postgast.scan(text).tokens
    except postgast.PgQueryError:
        return ()
    encoded = text.encode()
    found: list[tuple[int, int]] = []
    begin = -1
    for token in tokens:
        if token.token in (_SQL_COMMENT, _C_COMMENT):
            continue
        begin = token.start if begin < 0 else begin
        if encoded[token.start : token.end] == b";":
            found.append((_line(encoded, begin), _line(encoded, token.start)))
            begin = -1
    if begin >= 0:
        found.append((_line(encoded, begin), _line(encoded, len(encoded.rstrip()))))
    return tuple(found)


# Token.SQL_COMMENT and Token.C_COMMENT of libpg_query.
_SQL_COMMENT = 275
_C_COMMENT = 276


def _line(encoded: bytes, position: int) -> int:
    return encoded.count(b"\n", 0, position) + 1
