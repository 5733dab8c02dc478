"""Which database stands for which, when one env.py migrates several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seachange.config import Settings
from seachange.errors import EnvironmentFailedError

if TYPE_CHECKING:
    from seachange.postgres.connection import Database
    from seachange.revisions._redirect import Address

__all__ = ["Databases"]


class Databases:
    """The databases that ``databases`` names, each given to one address of env.py in the order in which it connects.

    The first is the one that a command works on. Where that is the project's own database, each other one is what the variable
    ``DATABASE_URL_<NAME>`` says, else what env.py says. Anywhere else, on a throwaway server above all, it is a database of the
    same server, made when it is missing: nothing but the project's own database leads to env.py's own URLs.

    :param settings: the project's settings.
    :param main: the database that the command works on.
    """

    def __init__(self, settings: Settings, *, main: Database) -> None:
        self._settings = settings
        self._main = main
        self._found: dict[Address, Database] = {}

    def route(self, address: Address) -> Database:
        """Return where an engine for ``address`` shall connect to.

        :raises EnvironmentFailedError: env.py connects to more databases than are named.
        """
        if address not in self._found:
            names = self._settings.databases
            if len(self._found) == len(names):
                raise EnvironmentFailedError(
                    f"env.py connects to {address}, besides the {len(names)} databases that are named: {', '.join(names)}",
                    hint="name every database in databases of [tool.seachange], in the order in which env.py connects",
                )
            self._found[address] = self._place(address, names[len(self._found)]) if self._found else self._main
        return self._found[address]

    def require_all(self) -> None:
        """Refuse an env.py that has not connected to every database that is named.

        :raises EnvironmentFailedError: one is missing.
        """
        if missing := self._settings.databases[len(self._found) :]:
            raise EnvironmentFailedError(
                f"env.py connected to {len(self._found)} databases, and none is left for {', '.join(missing)}",
                hint="databases of [tool.seachange] names each database of env.py once, in the order in which it connects",
            )

    def _place(self, address: Address, name: str) -> Database:
        from seachange.postgres.connection import create_database, exists_database, parse

        if not self._own():
            beside = self._main.with_name(f"{self._main.name}_{name}")
            if not exists_database(beside):
                create_database(beside)
            return beside
        url = self._settings.environment.get(f"DATABASE_URL_{name.upper()}", "")
        return parse(url, environ=self._settings.environment) if url else address.database

    def _own(self) -> bool:
        """Whether the main database is the one that the project is configured with."""
        from seachange.postgres.connection import from_environment, parse

        settings = self._settings
        configured = parse(settings.database_url, environ=settings.environment) if settings.database_url else None
        configured = configured or from_environment(settings.environment)
        where = ("host", "hostaddr", "port", "dbname")
        return configured is not None and all(configured.parameters.get(key) == self._main.parameters.get(key) for key in where)
