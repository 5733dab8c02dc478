"""The clinic's web service: whether it is healthy, and two read endpoints on its data."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import orm
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app import _documents
from app.models import Appointment, AppointmentState, Client, MedicalRecord, Pet, Veterinarian
from seachange import config
from seachange.config import Settings
from seachange.errors import SeachangeError
from seachange.postgres.connection import connect, redact
from seachange.revisions.history import read_history
from seachange.workflow.run import resolve_database

__all__ = ["app", "application"]

_log = logging.getLogger(__name__)

_DEFAULT_LIMIT, _MAXIMUM_LIMIT = 50, 500
_STATEMENT_TIMEOUT_MS = 5_000
_CONNECT_TIMEOUT_S = 3


class _Store:
    """The service's database: found and opened at the first request, closed at the end."""

    def __init__(self, settings: Settings | None) -> None:
        self._settings = settings
        self._engine: sa.Engine | None = None
        self._opening = threading.Lock()

    @property
    def settings(self) -> Settings:
        """The settings of the project that this service belongs to."""
        if self._settings is None:
            self._settings = config.load(config.find_root(Path(__file__).parent))
        return self._settings

    def session(self) -> orm.Session:
        """Begin a read-only unit of work."""
        with self._opening:
            if self._engine is None:
                self._engine = _open_engine(self.settings)
        return orm.Session(self._engine)

    def close(self) -> None:
        """Close every connection."""
        with self._opening:
            if self._engine is not None:
                self._engine.dispose()
            self._engine = None


def _open_engine(settings: Settings) -> sa.Engine:
    database = resolve_database(settings)
    return sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(
            database,
            application_name="vetai",
            statement_timeout_ms=_STATEMENT_TIMEOUT_MS,
            connect_timeout_s=_CONNECT_TIMEOUT_S,
        ),
        execution_options={"postgresql_readonly": True},
        pool_pre_ping=True,
        pool_timeout=_CONNECT_TIMEOUT_S,
    )


def health(request: Request) -> Response:
    """Answer 200 if the database is at the head of the revision files, else 503 with the reason."""
    store: _Store = request.app.state.store
    try:
        head = read_history(store.settings).heads
        with store.session() as session:
            revision = _applied(session)
    except (SeachangeError, sa.exc.SQLAlchemyError) as exc:
        return _health(reason=_reason(exc))
    if set(revision) != set(head):
        place = " and ".join(revision) or "no revision"
        return _health(reason=f"the database is at {place}, the files are at {' and '.join(head)}", revision=revision, head=head)
    return _health(revision=revision, head=head)


def _health(*, reason: str = "", revision: tuple[str, ...] = (), head: tuple[str, ...] = ()) -> Response:
    known = {"revision": revision, "head": head} if head else {}
    body = {"status": "unavailable", "reason": reason, **known} if reason else {"status": "ok", **known}
    return JSONResponse(body, status_code=503 if reason else 200, headers={"Cache-Control": "no-store"})


def _applied(session: orm.Session) -> tuple[str, ...]:
    if session.scalar(sa.text("SELECT to_regclass('alembic_version')")) is None:
        return ()
    return tuple(session.scalars(sa.text("SELECT version_num FROM alembic_version ORDER BY version_num")))


def list_appointments(request: Request) -> Response:
    """Answer the latest appointments, of one state if ``state`` is given, ``limit`` of them at most."""
    parameters = _parameters(request, known=("state", "limit"))
    latest = sa.select(Appointment).order_by(Appointment.scheduled_at.desc(), Appointment.id.desc())
    latest = latest.limit(_limit(parameters.get("limit", str(_DEFAULT_LIMIT)))).options(
        orm.joinedload(Appointment.pet), orm.joinedload(Appointment.veterinarian).joinedload(Veterinarian.user)
    )
    if "state" in parameters:
        latest = latest.where(Appointment.state == _state(parameters["state"]))
    with request.app.state.store.session() as session:
        found = [_documents.appointment(row) for row in session.scalars(latest)]
    return JSONResponse({"appointments": found})


def show_pet(request: Request) -> Response:
    """Answer one pet with its owner, its medical records and its vaccinations."""
    _parameters(request, known=())
    number = request.path_params["pet_id"]
    if not (number.isascii() and number.isdigit() and len(number) <= 18):
        raise HTTPException(404, f"no pet has the id {number!r}")
    whole = [
        orm.joinedload(Pet.client).joinedload(Client.user),
        orm.selectinload(Pet.medical_records).selectinload(MedicalRecord.prescriptions),
        orm.selectinload(Pet.vaccinations),
    ]
    with request.app.state.store.session() as session:
        pet = session.get(Pet, int(number), options=whole)
        if pet is None:
            raise HTTPException(404, f"no pet has the id {number}")
        return JSONResponse({"pet": _documents.pet(pet)})


def _parameters(request: Request, *, known: tuple[str, ...]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, text in request.query_params.multi_items():
        if name not in known:
            raise HTTPException(400, f"unknown parameter {name!r}; known are: {', '.join(known) or 'none'}")
        if name in values:
            raise HTTPException(400, f"parameter {name} is given twice")
        values[name] = text
    return values


def _state(text: str) -> AppointmentState:
    try:
        return AppointmentState(text)
    except ValueError as exc:
        raise HTTPException(400, f"state is {text!r}; it must be one of {', '.join(AppointmentState)}") from exc


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= _MAXIMUM_LIMIT):
        raise HTTPException(400, f"limit is {text!r}; it must be a whole number from 1 to {_MAXIMUM_LIMIT}")
    return int(text)


def _reason(exc: Exception) -> str:
    """Say what is wrong without statement, parameters or password, which SQLAlchemy's own text may hold."""
    cause = exc.orig if isinstance(exc, sa.exc.DBAPIError) and exc.orig is not None else exc
    return redact(str(cause).strip().split("\n")[0])


def _refused(request: Request, exc: Exception) -> Response:
    del request
    refusal = exc if isinstance(exc, HTTPException) else HTTPException(500)
    return JSONResponse({"error": refusal.detail}, status_code=refusal.status_code, headers=refusal.headers)


def _unavailable(request: Request, exc: Exception) -> Response:
    _log.error("%s %s: %s", request.method, request.url.path, _reason(exc))
    return JSONResponse({"error": "the database cannot answer; /health says why"}, status_code=503)


def application(settings: Settings | None = None) -> Starlette:
    """Return the service; it connects to nothing before its first request.

    :param settings: the project's settings; read from its folder and the environment by default.
    """
    store = _Store(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await run_in_threadpool(store.close)

    service = Starlette(
        routes=[Route("/health", health), Route("/appointments", list_appointments), Route("/pets/{pet_id}", show_pet)],
        exception_handlers={HTTPException: _refused, SeachangeError: _unavailable, sa.exc.SQLAlchemyError: _unavailable},
        lifespan=lifespan,
    )
    service.state.store = store
    return service


app = application()
