"""The address of a database as a value, and how it is read from a URL and from the environment."""

from __future__ import annotations

import dataclasses
import getpass
import types
from collections.abc import Mapping
from pathlib import Path

from seachange.errors import DatabaseUrlError
from seachange.postgres import _url
from seachange.postgres.redaction import register_secret

__all__ = ["Database", "from_environment", "parse"]

_SECRETS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
_PUBLIC = ("user", "dbname", "host", "port", "application_name")


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Database:
    """Where a database is, and as whom and how to connect to it: the parameters of libpq, complete in themselves.

    Neither ``str`` nor ``repr`` show a password, and each secret becomes known to ``redact``.
    """

    parameters: Mapping[str, str] = dataclasses.field(repr=False)

    def __post_init__(self) -> None:
        parameters = {key: value for key, value in self.parameters.items() if value}
        object.__setattr__(self, "parameters", types.MappingProxyType(parameters))
        for key in _SECRETS:
            register_secret(parameters.get(key, ""), public=[parameters.get(name, "") for name in _PUBLIC])

    def __hash__(self) -> int:
        return hash(frozenset(self.parameters.items()))

    def __repr__(self) -> str:
        return f"Database({self.redacted!r})"

    def __str__(self) -> str:
        return self.redacted

    @property
    def name(self) -> str:
        """The name of the database; by the rule of libpq the user's name when none is given."""
        return self.parameters.get("dbname") or self.parameters.get("user") or getpass.getuser()

    @property
    def hosts(self) -> int:
        """How many servers libpq may have to try."""
        return 1 + max(self.parameters.get(key, "").count(",") for key in ("host", "hostaddr"))

    @property
    def redacted(self) -> str:
        """The address for messages, without a password."""
        return _url.display({**self.parameters, "dbname": self.name})

    def url(self) -> str:
        """Return the URL *with its secrets*, for the environment of child processes only."""
        return _url.write(self.parameters)

    def with_name(self, name: str) -> Database:
        """Return the address of another database on the same server."""
        return self.with_parameters(dbname=name)

    def with_parameters(self, **parameters: str) -> Database:
        """Return the address with other parameters; an empty value removes one."""
        return Database(parameters={**self.parameters, **parameters})


def parse(text: str, *, environ: Mapping[str, str] = types.MappingProxyType({})) -> Database:
    """Read a URL or a key=value text.

    What the text leaves open is taken from the service that it names, then from the ``PG*`` variables of ``environ``, as
    libpq does it.

    :param text: ``postgresql://...``, ``postgresql+psycopg://...``, ``host=... dbname=...`` and the like.
    :param environ: the environment; nothing is read from ``os.environ``.
    :raises DatabaseUrlError: the text is malformed, is for another kind of database, or names an unknown service.
    """
    return _complete(_url.read(text), environ)


def from_environment(environ: Mapping[str, str]) -> Database | None:
    """Return the database that the environment names, or None.

    ``DATABASE_URL`` counts first; without it the ``PG*`` variables, if one of them says where: ``PGHOST``, ``PGHOSTADDR``,
    ``PGSERVICE`` or ``PGDATABASE``.

    :param environ: the environment.
    :raises DatabaseUrlError: ``DATABASE_URL`` is malformed, or ``PGSERVICE`` names an unknown service.
    """
    if environ.get("DATABASE_URL"):
        return parse(environ["DATABASE_URL"], environ=environ)
    if any(environ.get(name) for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE")):
        return _complete({}, environ)
    return None


def _complete(given: Mapping[str, str], environ: Mapping[str, str]) -> Database:
    # libpq: what is given explicitly counts first, then the service, then the environment. The service is resolved here,
    # because libpq lets it win over PGDATABASE, so that a child program could not be sent to another database.
    service = given.get("service") or environ.get("PGSERVICE", "")
    layers = [_from_variables(environ), _read_service(service, environ) if service else {}, given]
    parameters: dict[str, str] = {}
    for layer in layers:
        if layer.get("host"):
            # libpq would connect to an address left over from a weaker layer and take this host for a mere label.
            parameters.pop("hostaddr", None)
        parameters |= {key: value for key, value in layer.items() if value and key not in ("service", "servicefile")}
    return Database(parameters=parameters)


def _from_variables(environ: Mapping[str, str]) -> dict[str, str]:
    named = {key: environ.get(variable, "") for key, variable in _url.keywords().items() if variable}
    return {key: value for key, value in named.items() if value}


def _read_service(service: str, environ: Mapping[str, str]) -> dict[str, str]:
    files = _service_files(environ)
    for path in files:
        found = _section(path, service)
        if found is not None:
            return found
    raise DatabaseUrlError(
        f"the service {service!r} is in none of the service files", hint=f"looked in {', '.join(map(str, files))}"
    )


def _section(path: Path, service: str) -> dict[str, str] | None:
    found: dict[str, str] | None = None
    inside = False
    for line in map(str.strip, _lines(path)):
        if line.startswith("["):
            inside = line == f"[{service}]"
            found = {} if inside and found is None else found
        elif inside and line and not line.startswith("#") and found is not None:
            key, equals, value = line.partition("=")
            if not equals or key not in _url.keywords():
                raise DatabaseUrlError(
                    f"the service {service!r} in {path} has a line that is no known keyword=value",
                    hint="see The Connection Service File in the documentation of libpq; LDAP is not supported",
                )
            found.setdefault(key, value)
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as exc:
        raise DatabaseUrlError(f"the service file {path} cannot be read: {exc}", hint="check PGSERVICEFILE") from exc


def _service_files(environ: Mapping[str, str]) -> list[Path]:
    home = Path(environ.get("HOME") or Path.home())
    own = Path(environ["PGSERVICEFILE"]) if environ.get("PGSERVICEFILE") else home / ".pg_service.conf"
    folders = [environ["PGSYSCONFDIR"]] if environ.get("PGSYSCONFDIR") else ["/etc/postgresql-common", "/etc"]
    return [own, *(Path(folder) / "pg_service.conf" for folder in folders)]
