"""Take passwords out of any text: URLs, key=value texts, SQL, tracebacks, and every secret that was made known here."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterable

__all__ = ["RedactingFilter", "redact", "register_secret"]

_MASK = "***"

# A password in a URL ends at the last @ before white space: whoever forgot to encode one may have put any character there.
_USERINFO = re.compile(r"(?P<before>[A-Za-z][\w+.-]*://[^\s:/@?#]*:)(?:(?!://)\S)*(?=@)")
_KEYWORDS = "password|passwd|pwd|passfile|sslpassword|pgpassword|pgpassfile|oauth_client_secret|scram_client_key|scram_server_key"
_QUOTED = r"""(?P<quote>['"])(?:(?!(?P=quote))[^\\]|\\.|(?P=quote){2})*(?:(?P=quote)|\\?\Z)"""
# A shell joins to a quoted part what follows; a comma before white space belongs to the text around.
_JOINED = r"""(?:'[^']*'|"[^"]*"|[^\s,;)]|[,;)](?=\S))*"""
_UNQUOTED = r"(?:\\.|[^\s\\])+\\?"
_ASSIGNED = re.compile(rf"(?P<before>(?<![A-Za-z])(?:{_KEYWORDS})\s*=\s*)(?:{_QUOTED}{_JOINED}|{_UNQUOTED})", re.I | re.S)
_QUOTED_KEY = re.compile(rf"""(?P<before>["'](?:{_KEYWORDS})["']\s*[:=]\s*b?)(?:{_QUOTED}|{_UNQUOTED})""", re.I | re.S)
_SQL = re.compile(rf"(?P<before>\bPASSWORD\s+E?)(?=')(?:{_QUOTED})", re.I | re.S)
_FORMS = (_USERINFO, _QUOTED_KEY, _ASSIGNED, _SQL)

_SHORTEST = 4
_WHOLE_WORD_BELOW = 8

_lock = threading.RLock()
_secrets: dict[str, re.Pattern[str]] = {}


def redact(text: str) -> str:
    """Return ``text`` with every password replaced by ``***``.

    :param text: a message, the output of a program, a traceback.
    """
    with _lock:
        # The longest first: masking a short one inside of a long one would leave the rest of the long one to be read.
        known = [_secrets[secret] for secret in sorted(_secrets, key=len, reverse=True)]
    for pattern in known:
        text = pattern.sub(_MASK, text)
    for form in _FORMS:
        text = form.sub(_keep_before, text)
    return text


def register_secret(secret: str, *, public: Iterable[str] = ()) -> None:
    """Make a secret known, so that it is masked wherever and however it is written.

    A secret that is no secret (shorter than four characters, or the same as a name that messages must show, as in
    ``postgres:postgres@``) is not registered: masking it would only make messages unreadable.

    :param secret: the secret as it is, not encoded.
    :param public: names that may be shown, such as the user and the database.
    """
    trivial = {"postgres", "postgresql", "password", "localhost", *(name.lower() for name in public)}
    if len(secret) < _SHORTEST or secret.lower() in trivial:
        return
    with _lock:
        if secret not in _secrets:
            _secrets[secret] = _pattern(secret)


class RedactingFilter(logging.Filter):
    """A filter for log handlers that takes passwords out of messages and tracebacks."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record in place and keep it."""
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True


def _keep_before(found: re.Match[str]) -> str:
    quote = found.groupdict().get("quote") or ""
    return f"{found['before']}{quote}{_MASK}{quote}"


def _pattern(secret: str) -> re.Pattern[str]:
    parts = re.findall(r"\\+|[^\\]", secret, re.DOTALL)
    text = "".join(_backslashes(len(part)) if part[0] == "\\" else _spellings(part) for part in parts)
    if len(secret) < _WHOLE_WORD_BELOW:
        text = rf"(?<![A-Za-z0-9])(?:{text})(?![A-Za-z0-9])"
    return re.compile(text)


def _backslashes(count: int) -> str:
    return rf"(?:\\{{{count},}}|(?:%5[Cc]){{{count}}})"


def _spellings(char: str) -> str:
    """Return a pattern for one character as programs write it: as it is, percent-encoded, or escaped once or more."""
    encoded = char.encode("utf-8", "surrogatepass")
    escapes = {ascii(char)[1:-1], repr(char)[1:-1], json.dumps(char)[1:-1], repr(encoded)[2:-1]}
    written = {escape.lstrip("\\") for escape in escapes} | {char}
    if char == " ":
        written.add("+")
    if char in "'\"":
        # SQL doubles it; a shell needs it in quotes of the other kind.
        written |= {char * 2, "'\"'\"'"}
    percent = "".join(f"%{byte:02X}" for byte in encoded)
    forms = "|".join(re.escape(form) for form in sorted(written, key=len, reverse=True))
    return rf"(?:\\*(?:{forms})|(?i:{percent}))" if not char.isalnum() or not char.isascii() else f"(?:{forms}|(?i:{percent}))"
