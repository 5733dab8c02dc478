"""A catalogue of many tables, described by the targets of sync and by the tools that read it for Prisma and drizzle."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from seachange import config
from seachange.config import Settings
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import throwaway
from seachange.sync import sync
from seachange.sync.registry import target_names
from tests.oracles import converse, environment, node_modules, run_node
from tests.project import Project, clean_environment, copy_scenario

__all__ = ["Measured", "measure_sync"]

# Tables of ten columns with a key, a foreign key, three indexes and comments, as an application has them.
_TABLES = """
DO $do$
BEGIN
    FOR n IN %d..%d LOOP
        EXECUTE format($f$CREATE TABLE table_%%1$s (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            parent_id bigint REFERENCES table_%%2$s ON DELETE CASCADE,
            name varchar(100) NOT NULL,
            state varchar(20) NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'old')),
            mood mood,
            amount numeric(10, 2) NOT NULL DEFAULT 0,
            data jsonb NOT NULL DEFAULT '{}',
            tags text[],
            token uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
            created_at timestamptz NOT NULL DEFAULT now()
        )$f$, n, n / 2);
        EXECUTE format('CREATE INDEX table_%%1$s_parent_id ON table_%%1$s (parent_id)', n);
        EXECUTE format('CREATE INDEX table_%%1$s_recent ON table_%%1$s (state, created_at DESC)', n);
        EXECUTE format('CREATE INDEX table_%%1$s_tags ON table_%%1$s USING gin (tags)', n);
        EXECUTE format('COMMENT ON TABLE table_%%1$s IS %%2$L', n, 'Table number ' || n);
        EXECUTE format('COMMENT ON COLUMN table_%%1$s.name IS %%2$L', n, 'as they say it');
    END LOOP;
END $do$
"""
# More in one transaction need more locks than a server has.
_BATCH = 100
# What runs another program (pg_dump), and what SQLAlchemy reads and compares once more to prove it.
_WITH_OTHERS = ("sql", "models", "dataclasses", "sqlmodel")
_FEW = 200
_SLOW_S = 20
# drizzle-kit's time grows faster than the tables: with a thousand it takes longer than anybody waits.
_ENOUGH_S = 120
# One query for each ten tables.
_QUERY = """
-- name: named_{n}(name)
SELECT id, name, state, mood, amount, tags, created_at FROM table_{n} WHERE name = :name;
"""
_DRIZZLE = """export default {{ dialect: "postgresql", out: "./out", dbCredentials: {credentials} }};
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """Seconds of the runs of ours, and of another tool that does the same, if there is one."""

    name: str
    own: Sequence[float]
    peer: Sequence[float] = ()
    peer_name: str = ""


def measure_sync(*, tables: int, major: int, runs: int) -> Iterator[Measured]:
    """Measure in this process what each target takes, then whole commands beside the other tools, by turns.

    :param tables: how many.
    :param major: the major of the server, 0 for the newest.
    :param runs: runs of each after one to warm up; three at most beside another tool, and one if that takes 20 s.
    """
    with _filled(tables, major) as (database, settings):
        names = target_names()
        ours = tuple(name for name in names if name not in _WITH_OTHERS)
        yield from _in_process(database, settings, targets=ours, runs=runs)
        bench = _Commands(database=database, folder=settings.root)
        yield Measured(name="invoke db.sync, all of these targets", own=_times(runs, lambda: bench.sync(*ours)))
        yield Measured(name="invoke --list", own=_times(runs, bench.listed))
        peers: Mapping[str, tuple[str, Callable[[], None]]] = {
            "prisma": ("prisma db pull (wasm)", bench.prisma_pull),
            "drizzle": ("drizzle-kit pull", bench.drizzle_pull),
        }
        for target, (peer_name, peer) in peers.items():
            if target in names:
                own, theirs = _by_turns(min(runs, 3), functools.partial(bench.sync, target), peer)
                stopped = f" (stopped after {_ENOUGH_S} s)" if max(theirs) >= _ENOUGH_S else ""
                yield Measured(name=f"invoke db.sync --target {target}", own=own, peer=theirs, peer_name=f"{peer_name}{stopped}")
        if "prisma" in names:
            own, theirs = bench.prisma_in_process(settings, runs=min(runs, 3))
            yield Measured(name="target prisma in process", own=own, peer=theirs, peer_name="introspect() in process")
        for name in _WITH_OTHERS if tables <= _FEW else ():
            once = functools.partial(_synced, database, settings, (name,))
            yield Measured(name=f"{name}, read and written, once", own=[_seconds(once)])


def _in_process(database: Database, settings: Settings, *, targets: Sequence[str], runs: int) -> Iterator[Measured]:
    found: dict[str, list[float]] = {}
    for _ in range(runs + 1):
        for name, seconds in _phases(database, settings, targets).items():
            found.setdefault(name, []).append(seconds)
    yield from (Measured(name=name, own=seconds[1:]) for name, seconds in found.items())


def _phases(database: Database, settings: Settings, targets: Sequence[str]) -> dict[str, float]:
    """Return the seconds of reading, of each target, of all together, and of all once more with nothing to write."""
    moments: list[tuple[str, float]] = [("reading", time.perf_counter())]

    def note(text: str) -> None:
        moments.append((text.partition(" ")[2], time.perf_counter()))

    begin, worked = time.perf_counter(), time.process_time()
    with _folder(settings) as place:
        _checked(sync(database, settings=place, targets=targets, progress=note).failed)
        end, worked = time.perf_counter(), time.process_time() - worked
        _checked(sync(database, settings=place, targets=targets).failed)
        again = time.perf_counter() - end
    steps = zip(moments, [*moments[1:], ("", end)], strict=True)
    found = {name: after - before for (name, before), (_, after) in steps}
    together = {"all of these, in process": end - begin, "processor time of that": worked}
    return found | together | {"all of these once more, unchanged": again}


def _synced(database: Database, settings: Settings, targets: Sequence[str]) -> None:
    with _folder(settings) as place:
        _checked(sync(database, settings=place, targets=targets).failed)


def _checked(failed: Sequence[object]) -> None:
    if failed:
        raise AssertionError(failed)


@contextlib.contextmanager
def _folder(settings: Settings) -> Iterator[Settings]:
    folder = Path(tempfile.mkdtemp(dir=settings.root))
    yield dataclasses.replace(settings, sync_dir=str(folder))
    shutil.rmtree(folder)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Commands:
    """Whole commands on one database, each in a folder of its own."""

    database: Database
    folder: Path

    @functools.cached_property
    def project(self) -> Project:
        variables = {**clean_environment(), "DATABASE_URL": self.database.url(), "APP_ENV": "development"}
        project = dataclasses.replace(copy_scenario("linear", self.folder / "project"), environment=variables)
        shutil.copytree(self.folder / "queries", project.path / "queries")
        return project

    def sync(self, *targets: str) -> None:
        self._run("db.sync", f"--target={','.join(targets)}")
        shutil.rmtree(self.project.path / "schema")

    def listed(self) -> None:
        self._run("--list")

    def _run(self, *arguments: str) -> None:
        outcome = self.project.invoke(*arguments, timeout_s=600)
        if outcome.exit_code:
            raise AssertionError(outcome.stdout + outcome.stderr)

    def prisma_pull(self) -> None:
        answer = run_node("prisma_engine.mjs", input=json.dumps(self._introspect()) + "\n", timeout_s=600)
        _checked([told for told in [json.loads(answer)] if "error" in told])

    def _introspect(self) -> dict[str, object]:
        return {"do": "introspect", "url": self.database.url(), "schemas": ["public"]}

    def prisma_in_process(self, settings: Settings, *, runs: int) -> tuple[list[float], list[float]]:
        with converse("prisma_engine.mjs") as prisma:
            return _by_turns(
                runs,
                lambda: _synced(self.database, settings, ("prisma",)),
                lambda: prisma.ask(**self._introspect()),
            )

    @functools.cached_property
    def drizzle(self) -> Path:
        folder = self.folder / "drizzle"
        folder.mkdir()
        (folder / "node_modules").symlink_to(node_modules())
        place = {name: self.database.parameters[name] for name in ("host", "user")}
        credentials = {**place, "port": int(self.database.parameters["port"]), "database": self.database.name, "ssl": False}
        (folder / "drizzle.config.js").write_text(_DRIZZLE.format(credentials=json.dumps(credentials)), encoding="utf-8")
        return folder

    def drizzle_pull(self) -> None:
        command = ["node", "node_modules/drizzle-kit/bin.cjs", "pull"]
        try:
            done = subprocess.run(
                command, cwd=self.drizzle, env=environment(), capture_output=True, text=True, check=False, timeout=_ENOUGH_S
            )
        except subprocess.TimeoutExpired:
            return
        if done.returncode or not (self.drizzle / "out" / "schema.ts").is_file():
            raise AssertionError(done.stdout + done.stderr)
        shutil.rmtree(self.drizzle / "out")


@contextlib.contextmanager
def _filled(tables: int, major: int) -> Iterator[tuple[Database, Settings]]:
    with tempfile.TemporaryDirectory(prefix="seachange-bench-") as folder:
        settings = config.load(Path(folder), environ=clean_environment())
        with throwaway(settings, major=major or None) as server:
            database = server.database()
            with connect(database, autocommit=True, statement_timeout_ms=0) as session:
                session.execute("CREATE TYPE mood AS ENUM ('happy', 'sad')")
                for first in range(0, tables, _BATCH):
                    session.execute((_TABLES % (first, min(first + _BATCH, tables) - 1)).encode())
                session.execute("ANALYZE")
            _write_queries(settings.root, tables)
            yield database, settings


def _write_queries(root: Path, tables: int) -> None:
    (root / "queries").mkdir()
    (root / "queries" / "named.sql").write_text("".join(_QUERY.format(n=n) for n in range(0, tables, 10)), encoding="utf-8")


def _times(runs: int, work: Callable[[], object]) -> list[float]:
    return [_seconds(work) for _ in range(runs + 1)][1:]


def _by_turns(runs: int, own: Callable[[], object], peer: Callable[[], object]) -> tuple[list[float], list[float]]:
    pairs = [(_seconds(own), _seconds(peer))]
    # Beyond that, warming up makes no difference.
    if pairs[0][1] < _SLOW_S:
        pairs = [(_seconds(own), _seconds(peer)) for _ in range(runs)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
