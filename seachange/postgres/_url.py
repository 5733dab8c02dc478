"""Read and write a database's address: URLs of libpq, SQLAlchemy and asyncpg, key=value texts."""

from __future__ import annotations

import contextlib
import difflib
import functools
import re
import urllib.parse
from collections.abc import Iterator, Mapping

from seachange.errors import DatabaseUrlError

__all__ = ["display", "keywords", "read", "write"]

_DIALECTS = ("postgresql", "postgres")
_DRIVERS = ("", "psycopg", "psycopg_async", "psycopg2", "psycopg2cffi", "asyncpg", "pg8000")
_FORM = "write it as postgresql://user:password@host:5432/name"
_ENCODE = "percent-encode special characters of user and password: @ is %40, : is %3A, / is %2F, ? is %3F, # is %23, % is %25"

# Names that SQLAlchemy, asyncpg and pg8000 give to what libpq calls differently.
_RENAMED = {"ssl": "sslmode", "database": "dbname", "username": "user", "timeout": "connect_timeout"}
# Settings of those drivers for their own statement caches; they mean nothing to the server.
_OF_DRIVERS = frozenset(
    {
        "async_fallback",
        "command_timeout",
        "max_cacheable_statement_size",
        "max_cached_statement_lifetime",
        "prepare_threshold",
        "prepared_statement_cache_size",
        "prepared_statement_name_func",
        "statement_cache_size",
    }
)
_SSL = {"true": "require", "1": "require", "on": "require", "false": "disable", "0": "disable", "off": "disable"}
_SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


@functools.cache
def keywords() -> Mapping[str, str]:
    """Return every parameter that libpq knows, with its environment variable or nothing."""
    from psycopg import pq

    options = pq.Conninfo.get_defaults()
    return {option.keyword.decode(): (option.envvar or b"").decode() for option in options}


def read(text: str) -> dict[str, str]:
    """Return the libpq parameters that a URL or a key=value text gives.

    No message shows a part of the text that may belong to a password.

    :param text: ``postgresql://...`` with or without a driver's name, or ``host=... dbname=...``.
    :raises DatabaseUrlError: the text is malformed or names another dialect.
    """
    text = text.strip()
    if not text:
        raise DatabaseUrlError("the database URL is empty", hint=_FORM)
    if "\0" in text or "%00" in text:
        raise DatabaseUrlError("the database URL holds a zero byte", hint=_FORM)
    found = re.match(r"([A-Za-z][A-Za-z0-9.+_-]*)://", text)
    if found:
        driver = _driver(found[1].lower())
        return _checked(_read_url(text[found.end() :], plus_is_space=bool(driver)))
    if re.match(r"\w+\s*=", text):
        return _checked(_read_key_values(text))
    hint = "leave out jdbc:" if text.startswith("jdbc:") else _FORM
    raise DatabaseUrlError("the database URL does not begin with postgresql://", hint=hint)


def _driver(scheme: str) -> str:
    dialect, _, driver = scheme.partition("+")
    if dialect not in _DIALECTS:
        raise DatabaseUrlError(f"{scheme}:// is not a PostgreSQL URL; Seachange works with PostgreSQL only", hint=_FORM)
    if driver not in _DRIVERS:
        known = ", ".join(filter(None, _DRIVERS))
        raise DatabaseUrlError(f"{scheme}:// names an unknown driver", hint=f"leave the driver out, or use one of: {known}")
    return driver


def _read_url(rest: str, *, plus_is_space: bool) -> dict[str, str]:
    found = re.fullmatch(r"([^/?]*)(?:/([^?]*))?(?:\?(.*))?", rest, re.DOTALL)
    authority, path, query = (part or "" for part in found.groups()) if found else ("", "", "")
    if authority.count("@") > 1 or "@" in path or ("@" in query and "@" not in authority and ":" in authority):
        raise DatabaseUrlError("the database URL has an @ that is not percent-encoded", hint=_ENCODE)
    userinfo, _, places = authority.rpartition("@")
    user, _, password = userinfo.partition(":")
    parameters = {"user": _decode(user), "password": _decode(password), "dbname": _decode(path), **_read_places(places)}
    parameters = {key: value for key, value in parameters.items() if value}
    _add_query(parameters, query, plus_is_space=plus_is_space)
    return parameters


def _read_places(places: str) -> dict[str, str]:
    hosts, ports = [], []
    for place in places.split(","):
        found = re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::(.*))?", place, re.DOTALL)
        if not found:
            raise DatabaseUrlError("the host of the database URL cannot be read", hint=f"{_FORM}; an IPv6 address stands in [ ]")
        host = _decode(found[1].strip("[]"))
        hosts.append(host)
        ports.append(_port(found[2] or "", host))
    return {"host": ",".join(hosts) if any(hosts) else "", "port": ",".join(ports) if any(ports) else ""}


def _port(text: str, host: str) -> str:
    # What stands where the port should be may be the password of a URL that lost its host: it is never shown.
    if text and not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 65535):
        raise DatabaseUrlError(
            f"the port of host {host!r} in the database URL is not a number from 1 to 65535",
            hint=f"{_FORM}; {_ENCODE}",
        )
    return text


def _add_query(parameters: dict[str, str], query: str, *, plus_is_space: bool) -> None:
    hosts: list[str] = []
    for key, value in _pairs(query, plus_is_space=plus_is_space):
        if key == "host":
            hosts += value.split(",")
        elif key not in _OF_DRIVERS:
            parameters[_known(key, shown="@" not in query)] = value
    if hosts:
        _add_hosts(parameters, hosts)


def _add_hosts(parameters: dict[str, str], hosts: list[str]) -> None:
    # SQLAlchemy writes several hosts as ?host=a:5432&host=b:5433, libpq as ?host=a,b&port=5432,5433.
    if any(re.fullmatch(r"[^:/]+:\d+|\[.*\]:\d+", host) for host in hosts):
        parameters |= _read_places(",".join(hosts))
    else:
        parameters["host"] = ",".join(host.strip("[]") for host in hosts)


def _pairs(query: str, *, plus_is_space: bool) -> Iterator[tuple[str, str]]:
    for part in filter(None, query.split("&")):
        key, equals, value = part.partition("=")
        if not equals:
            raise DatabaseUrlError("a query parameter of the database URL has no value", hint=f"write ?name=value; {_ENCODE}")
        yield _decode(key), _decode(value.replace("+", " ") if plus_is_space else value)


def _known(key: str, *, shown: bool) -> str:
    name = _RENAMED.get(key, key)
    if name in keywords():
        return name
    if key == "schema":
        hint = "use options=-csearch_path%3Dname"
    else:
        close = difflib.get_close_matches(key, [*keywords(), *_RENAMED], n=1)
        hint = f"did you mean {close[0]}?" if close and shown else "see Parameter Key Words in the documentation of libpq"
    name = f" {key!r}" if shown else ""
    raise DatabaseUrlError(f"the database URL has an unknown query parameter{name}", hint=hint)


def _decode(text: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise DatabaseUrlError("the database URL has a % that is not followed by two hexadecimal digits", hint=_ENCODE)
    # The error is raised outside, because the one from inside would carry the text, which may be a password.
    with contextlib.suppress(UnicodeDecodeError):
        return urllib.parse.unquote(text, errors="strict")
    raise DatabaseUrlError("the database URL has percent-encoded bytes that are not UTF-8", hint=_ENCODE)


def _read_key_values(text: str) -> dict[str, str]:
    import psycopg
    from psycopg import conninfo

    try:
        return {key: str(value) for key, value in conninfo.conninfo_to_dict(text).items()}
    except psycopg.ProgrammingError as exc:
        found = re.search(r'invalid connection option "([^"]*)"', str(exc))
    # Raised outside of the except block: libpq quotes the text that it stumbled over, which may be half a password.
    if found and "password" not in text.lower():
        raise DatabaseUrlError(
            f"the database parameters have an unknown keyword {found[1]!r}",
            hint="see Parameter Key Words in the documentation of libpq",
        )
    raise DatabaseUrlError(
        "the database parameters cannot be read as key=value pairs",
        hint="put values with spaces in single quotes, and a backslash before ' and \\",
    )


def _checked(parameters: dict[str, str]) -> dict[str, str]:
    mode = parameters.get("sslmode")
    if mode is not None:
        parameters["sslmode"] = mode = _SSL.get(mode.lower(), mode)
        if mode not in _SSLMODES:
            raise DatabaseUrlError(f"sslmode of the database is {mode!r}", hint=f"use one of: {', '.join(_SSLMODES)}")
    for port in parameters.get("port", "").split(","):
        _port(port, parameters.get("host", ""))
    seconds = parameters.get("connect_timeout")
    if seconds is not None:
        if not re.fullmatch(r"\d+(\.\d+)?", seconds):
            raise DatabaseUrlError(f"connect_timeout of the database is {seconds!r}", hint="give whole seconds")
        parameters["connect_timeout"] = str(round(float(seconds) + 0.49))
    return {key: value for key, value in parameters.items() if value}


def write(parameters: Mapping[str, str]) -> str:
    """Return the URL of these parameters, secrets included, in a form that both libpq and SQLAlchemy read."""
    rest = dict(parameters)
    user, password = rest.pop("user", ""), rest.get("password", "")
    userinfo = _quote(user)
    if user and password:
        userinfo += ":" + _quote(rest.pop("password"))
    place = _place(rest)
    path = _quote(rest.pop("dbname", ""))
    query = "&".join(f"{key}={_quote(value)}" for key, value in rest.items())
    return f"postgresql://{userinfo}{'@' if userinfo else ''}{place}/{path}{'?' if query else ''}{query}"


def _place(rest: dict[str, str]) -> str:
    host, port = rest.get("host", ""), rest.get("port", "")
    numeric = re.fullmatch(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", host)
    if not host or "," in port or not (numeric or re.fullmatch(r"[A-Za-z0-9._-]+", host)):
        return ""
    del rest["host"]
    rest.pop("port", None)
    return (f"[{host}]" if numeric else host) + (f":{port}" if port else "")


def display(parameters: Mapping[str, str]) -> str:
    """Return the address for messages: no password, nothing encoded that reads better as it is."""
    user, host, port = (parameters.get(key, "") for key in ("user", "host", "port"))
    hosts, ports = (host or parameters.get("hostaddr", "")).split(","), port.split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    sockets = [place for place in hosts if place.startswith(("/", "@"))]
    if sockets:
        place, query = "", f"?host={host}" + (f"&port={port}" if port else "")
    else:
        pairs = zip(hosts, ports, strict=False)
        place = ",".join((f"[{name}]" if ":" in name else name) + (f":{number}" if number else "") for name, number in pairs)
        query = ""
    return f"postgresql://{user}{'@' if user else ''}{place}/{parameters.get('dbname', '')}{query}"


def _quote(text: str) -> str:
    return urllib.parse.quote(text, safe="")
