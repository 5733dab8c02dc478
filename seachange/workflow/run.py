"""One run: its settings, its options, and the things that its steps share."""

from __future__ import annotations

import contextlib
import logging
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from seachange.config import Settings
from seachange.errors import ConfigError, QuestionsOpenError, SeachangeError
from seachange.plan import Plan, StepResult

if TYPE_CHECKING:
    import sqlalchemy as sa

    from seachange.postgres.connection import Database, ServerInfo
    from seachange.postgres.shadow import Shadow
    from seachange.revisions.declared import Declared
    from seachange.revisions.history import History
    from seachange.safety.facts import Trace
    from seachange.workflow.ahead import Ahead
    from seachange.workflow.pipeline import Step
    from seachange.workflow.standing import Standing
    from seachange.workflow.trace import Tried

_T = TypeVar("_T")

# A shadow that is still being opened at the end of a run was interrupted; its server ends with this process in any case.
_PATIENCE_S = 5.0

__all__ = ["Ask", "Listener", "Run", "resolve_database"]

_log = logging.getLogger(__name__)


Ask = Callable[[QuestionsOpenError], Mapping[str, str]]


class Listener(Protocol):
    """What is told about a run while it goes on."""

    def started(self, step: Step) -> None:
        """A step began."""

    def progressed(self, step: str, text: str) -> None:
        """A step says what it is doing."""

    def noted(self, step: str, text: str) -> None:
        """A step says something that is to be kept, from any thread."""

    def ended(self, result: StepResult) -> None:
        """A step ended, or was not tried."""


class _Silent:
    def started(self, step: Step) -> None:
        del step

    def progressed(self, step: str, text: str) -> None:
        del step, text

    def noted(self, step: str, text: str) -> None:
        del step, text

    def ended(self, result: StepResult) -> None:
        del result


class Run:
    """One run of a pipeline, given to each of its steps.

    ``standing`` is where the database stood before it was moved, ``settled`` what a way back has verified of it at the end.

    :param settings: the settings.
    :param options: values for single steps, such as ``name`` for generate.
    :param dry_run: steps say what they would do and change nothing.
    :param listener: told about the progress.
    :param ask: asks a person what a step has to know; None where nobody can be asked.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        options: Mapping[str, Any] | None = None,
        dry_run: bool = False,
        listener: Listener | None = None,
        ask: Ask | None = None,
    ) -> None:
        self.settings = settings
        self.options = dict(options or {})
        self.dry_run = dry_run
        self.listener: Listener = listener or _Silent()
        self.answers: dict[str, str] = {}
        self.results: dict[str, StepResult] = {}
        self.run_id = uuid.uuid4().hex[:12]
        self.steps: frozenset[str] = frozenset()
        self.command = ""
        self.interrupted = False
        self.standing: Standing | None = None
        self.settled = ""
        self._open = contextlib.ExitStack()
        self._made: dict[str, Any] = {}
        self._locks: dict[str, threading.RLock] = {}
        self._step = threading.local()
        self._before: tuple[str, ...] | None = None
        self._ask = ask
        self._preparing: threading.Thread | None = None
        self._ahead: Ahead | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._preparing is not None:
            self._preparing.join(_PATIENCE_S)
        self._open.close()

    @contextlib.contextmanager
    def in_step(self, name: str) -> Iterator[None]:
        """Note that this thread works for the step ``name``."""
        self._step.name = name
        try:
            yield
        finally:
            self._step.name = ""

    def current_step(self) -> str:
        """Return the step that this thread works for; empty outside of steps."""
        return getattr(self._step, "name", "")

    def progress(self, text: str) -> None:
        """Say what the step of this thread is doing."""
        self.listener.progressed(self.current_step(), text)

    def teller(self) -> Callable[[str], None]:
        """Return a function that says for good, from any thread, what the step of this thread meets, and logs it."""
        step = self.current_step()

        def tell(text: str) -> None:
            _log.info("%s", text)
            self.listener.noted(step, text)

        return tell

    @property
    def can_ask(self) -> bool:
        """Whether there is a person to ask."""
        return self._ask is not None

    def answer(self, questions: QuestionsOpenError) -> None:
        """Have questions answered into ``answers``.

        :raises QuestionsOpenError: there is nobody to ask, or no answer.
        """
        if self._ask is None:
            raise questions
        self.answers |= self._ask(questions)

    @property
    def database(self) -> Database:
        """The database of this run; in development an embedded one is started where none is named."""
        return self._once("database", lambda: resolve_database(self.settings))

    @property
    def known_database(self) -> str:
        """The database of this run as far as it was looked at, without its password."""
        return self._made["database"].redacted if "database" in self._made else ""

    @property
    def server(self) -> ServerInfo:
        """What the server says of itself, once it was reached within ``migration_timeout``."""
        return self._once("server", self._reach_server)

    @property
    def history(self) -> History:
        """The revisions in the files; read anew after :meth:`history_changed`."""
        from seachange.revisions.history import read_history

        return self._once("history", lambda: read_history(self.settings))

    def history_changed(self) -> None:
        """Forget the revisions that were read, and what depends on them: a file was written."""
        self._made.pop("history", None)
        self._made.pop("tried", None)
        self._made.pop("declared", None)

    @property
    def trace(self) -> Trace:
        """What the pending revisions did on a throwaway server, up to option ``to``; anew after :meth:`history_changed`."""
        return self._tried.trace

    @property
    def pending_plan(self) -> Plan | None:
        """What would be applied, with the hash that ``migration.plan`` gives it; None where a revision fails when it is tried."""
        return self._tried.plan

    @property
    def _tried(self) -> Tried:
        from seachange.workflow.trace import try_pending

        return self._once("tried", lambda: try_pending(self, target=str(self.options.get("to") or "heads")))

    @property
    def metadata(self) -> sa.MetaData:
        """The tables that the project's models declare."""
        from seachange.revisions.models import load_metadata

        return self._once("metadata", lambda: load_metadata(self.settings))

    @property
    def shadow(self) -> Shadow:
        """A throwaway server of the database's major version that holds the history up to its head."""
        return self._once("shadow", self._open_shadow)

    @property
    def declared(self) -> Declared:
        """What the models make on the shadow's server."""
        from seachange.revisions.declared import declare_on

        return self._once("declared", lambda: declare_on(self.shadow, self.metadata))

    def prepare_shadow(self) -> None:
        """Open the shadow in the background if a step of this run will ask for it."""
        if not self.steps & {"generate", "verify"}:
            return

        def prepare() -> None:
            with contextlib.suppress(SeachangeError):  # the step that needs the shadow meets the same error and tells it
                _ = self.shadow

        self._preparing = threading.Thread(target=prepare, name="shadow", daemon=True)
        self._preparing.start()

    def look_ahead(self, *, target: str = "heads", major: int | None = None) -> None:
        """Begin in the background to make what tracing the revisions up to ``target`` will most likely need.

        :param target: as for :func:`seachange.revisions.runner.upgrade`.
        :param major: the version of the server; that of the run's database by default.
        """
        from seachange.postgres.connection import connect
        from seachange.revisions.planning import plan_upgrade
        from seachange.revisions.runner import guess_current
        from seachange.workflow.ahead import Ahead

        # Who asks for the revisions in earnest meets the same error, and tells it.
        with contextlib.suppress(SeachangeError):
            with contextlib.closing(connect(self.database, autocommit=True)) as session:
                guess = guess_current(session, self.settings)
            if guess is not None and plan_upgrade(self.history, current=guess, target=target).revisions:
                self._ahead = Ahead(self.settings, self.history, revisions=guess, major=major or self.server.major)
                self._open.callback(self._ahead.close)

    def prepared(self, revisions: Iterable[str], *, major: int | None) -> Database | None:
        """Return the throwaway database that :meth:`look_ahead` began to make, once, if it is at ``revisions``.

        :param revisions: the state that is needed.
        :param major: the version of the server that is needed.
        """
        return self._ahead.take(revisions, major=major) if self._ahead is not None else None

    def _open_shadow(self) -> Shadow:
        from seachange.revisions.shadow_history import open_shadow

        return self._open.enter_context(open_shadow(self.settings, self.history, major=self.server.major))

    def _reach_server(self) -> ServerInfo:
        from seachange.postgres.connection import wait_until_reachable

        timeout_s = self.settings.migration_timeout / 1000
        return wait_until_reachable(
            self.database, timeout_s=timeout_s, on_retry=lambda _, reason: self.progress(f"waiting for the server: {reason}")
        )

    def _once(self, name: str, make: Callable[[], _T]) -> _T:
        """Make a shared thing at its first use, once, whichever of the steps that run side by side asks first."""
        with self._locks.setdefault(name, threading.RLock()):
            if name not in self._made:
                self._made[name] = make()
            found: _T = self._made[name]
            return found

    def current(self) -> tuple[str, ...]:
        """Return the revisions that the database says it is at."""
        from seachange.postgres.connection import connect
        from seachange.revisions.runner import current

        with contextlib.closing(connect(self.database, autocommit=True)) as connection:
            found = current(connection, self.settings)
        if self._before is None:
            self._before = found
        return found

    def state(self) -> str:
        """Return one sentence about the state that the database is in now; what a way back has verified is said by it."""
        if self.settled:
            return self.settled
        if "database" not in self._made:
            return "no database was touched"
        before = self._before
        if before is None:
            return f"{self.known_database} was not changed by this run"
        try:
            now = self.current()
        except SeachangeError as exc:
            return f"the state of {self.known_database} is unknown: {exc.message}"
        place = " and ".join(now) or "an empty history"
        if now == before:
            return f"{self.known_database} is at {place}, as before"
        return f"{self.known_database} was moved from {' and '.join(before) or 'an empty history'} to {place}"


def resolve_database(settings: Settings) -> Database:
    """Return the database that the settings name.

    :raises ConfigError: none is named, and the environment is not one where a development server may be started.
    """
    from seachange.postgres.connection import from_environment, parse

    if settings.database_url:
        return parse(settings.database_url, environ=settings.environment)
    named = from_environment(settings.environment)
    if named is not None:
        return named
    if settings.app_env not in ("development", "test"):
        raise ConfigError(
            f"APP_ENV is {settings.app_env}, and no database is named",
            hint="set DATABASE_URL; only development starts a server of its own",
        )
    from seachange.postgres import embedded

    return embedded.database(settings)
