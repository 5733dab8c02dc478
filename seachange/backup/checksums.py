"""What the tables of a live database hold: rows, bytes and a digest of each table's COPY text, as a dump would have it."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import heapq
import io
import os
import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from seachange.backup.contents import LargeObjects, TableContents
from seachange.backup.tally import Tally, TextSplitter, large_objects
from seachange.config import Settings
from seachange.errors import InterruptedRunError

if TYPE_CHECKING:
    from psycopg import Connection

    from seachange.postgres.connection import Database, Session

__all__ = ["DUMP_OPTIONS", "DumpedTable", "large_object_checksum", "read_dumped_tables", "table_checksums"]

# What a dump writes depends on these besides what pg_dump sets itself: a restored copy with another time zone is the same.
DUMP_OPTIONS = "-c TimeZone=UTC -c bytea_output=hex"

_BLOCK = 256 * 1024

# What pg_dump sets in its own session, so that its text and ours are the same.
_SESSION = """\\set ON_ERROR_STOP on
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
{snapshot}
SET client_encoding TO '{encoding}';
SET DateStyle = ISO;
SET IntervalStyle = postgres;
SET extra_float_digits TO 3;
SET TimeZone = 'UTC';
SET bytea_output = hex;
SET synchronize_seqscans = off;
SET quote_all_identifiers = off;
SET row_security = off;
SET statement_timeout = 0;
SET lock_timeout = {lock_timeout_ms};
SELECT pg_catalog.set_config('search_path', '', false) \\g /dev/null
"""
_MARK = "\\qecho '\\\\.'\n"

# pg_dump writes the tables of extensions only where the extension asks for it, and then only the rows it names; unlogged tables
# cannot be read on a standby. Generated columns are computed again.
_TABLES = r"""
    SELECT format('%%I.%%I', n.nspname, c.relname),
           ARRAY(SELECT a.attname::text FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum),
           x.condition,
           CASE WHEN %(only)s::text[] IS NULL OR format('%%I.%%I', n.nspname, c.relname) = ANY (%(only)s)
                THEN pg_table_size(c.oid) END,
           c.oid
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    LEFT JOIN LATERAL (SELECT u.condition FROM pg_extension e, unnest(e.extconfig, e.extcondition) u (config, condition)
                       WHERE u.config = c.oid) x ON true
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
      AND (c.relpersistence = 'p' OR NOT pg_is_in_recovery()) AND (d.objid IS NULL OR x.condition IS NOT NULL)
    ORDER BY 1
"""

_ENCODED = "SELECT convert_to(t, getdatabaseencoding()) FROM unnest(%s::text[]) WITH ORDINALITY AS u (t, n) ORDER BY n"

# Any size, in pieces: lo_get alone is bounded by 1 GB, and pg_largeobject is for superusers.
_LARGE_OBJECTS = """COPY (
    SELECT sized.oid, lo_get(sized.oid, piece * 262144, 262144)
    FROM (SELECT opened.oid, lo_lseek64(opened.fd, 0, 2) + 0 * lo_close(opened.fd) AS size
          FROM (SELECT m.oid, lo_open(m.oid, 262144) AS fd FROM (SELECT oid FROM pg_largeobject_metadata ORDER BY oid) m
                OFFSET 0) opened
          OFFSET 0) sized,
         generate_series(0, greatest(sized.size - 1, 0) / 262144) piece
) TO STDOUT;
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DumpedTable:
    """A table whose rows pg_dump writes: the columns in its text, which rows (of an extension's table), its size on disk."""

    oid: int
    columns: tuple[str, ...]
    condition: str = ""
    size_bytes: int = 0


def table_checksums(
    database: Database,
    settings: Settings,
    *,
    tables: Mapping[str, TableContents | None] | None = None,
    snapshot: str = "",
    jobs: int = 1,
    progress: Callable[[int], None] | None = None,
) -> dict[str, TableContents]:
    """Read tables as pg_dump does and return what they hold; a faithful restore gives the same as its original.

    The digest is of the rows in their order on disk. A restore keeps that order with ``pg_restore --jobs`` of 2 and more and with
    ``--single-transaction``; else rows of very different sizes may change places.

    :param database: the database.
    :param settings: where programs come from; ``migration_timeout`` and ``stall_timeout``.
    :param tables: those of a manifest, to be read with the columns that they had (None: with those that a dump has); by default
        all that a dump contains. One that the database does not have is left out of the answer.
    :param snapshot: an exported snapshot; by default one of its own.
    :param jobs: how many connections to read with.
    :param progress: told how many bytes were read so far.
    :raises ProgramFailedError: the server refused, or the connection was lost.
    :raises TimeoutExceededError: nothing moved for too long.
    """
    from seachange.postgres.connection import connect

    with contextlib.ExitStack() as stack:
        session = stack.enter_context(contextlib.closing(connect(database, statement_timeout_ms=0)))
        snapshot = snapshot or stack.enter_context(_exported(session))
        found = read_dumped_tables(session, only=tables)
        wanted = found if tables is None else {name: _as_it_was(found[name], tables[name]) for name in tables if name in found}
        statements = [_statement(name, table) for name, table in wanted.items()]
        texts = dict(zip(wanted, _in_its_encoding(session, statements), strict=True))
        reading = _Reading(session, database, settings, snapshot=snapshot, progress=progress)
        tallies = reading.read(texts, sizes={name: table.size_bytes for name, table in wanted.items()}, jobs=jobs)
    return {name: tallies[name].contents(columns=wanted[name].columns) for name in sorted(wanted)}


def large_object_checksum(database: Database, settings: Settings, *, snapshot: str = "") -> LargeObjects:
    """Read all large objects of a database and return what they hold together.

    :param database: the database.
    :param settings: where programs come from; ``stall_timeout``.
    :param snapshot: an exported snapshot; by default one of its own.
    :raises ProgramFailedError: the server refused, or the connection was lost.
    :raises TimeoutExceededError: nothing moved for too long.
    """
    from seachange.postgres.connection import connect

    with contextlib.closing(connect(database, statement_timeout_ms=0)) as session:
        row = session.execute("SELECT EXISTS (SELECT FROM pg_largeobject_metadata)").fetchone()
        if not (row and row[0]):
            return large_objects({})
        return _Reading(session, database, settings, snapshot=snapshot, progress=None).read_large_objects()


def read_dumped_tables(session: Connection[Any], *, only: Collection[str] | None = None) -> dict[str, DumpedTable]:
    """Return the tables whose rows a dump of the whole database contains, by qualified name.

    :param session: to the database.
    :param only: those whose sizes are wanted, which waits for their locks; all by default.
    """
    return {
        full: DumpedTable(oid=oid, columns=tuple(columns), condition=condition or "", size_bytes=size or 0)
        for full, columns, condition, size, oid in session.execute(_TABLES, {"only": None if only is None else list(only)})
    }


def _as_it_was(table: DumpedTable, before: TableContents | None) -> DumpedTable:
    if before and before.columns and set(before.columns) <= set(table.columns):
        return dataclasses.replace(table, columns=before.columns)
    return table


def _statement(name: str, table: DumpedTable) -> str:
    from psycopg import sql

    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns)).as_string()
    whole = f"{name} ({columns})" if columns else name
    source = f"(SELECT {columns} FROM {name} {table.condition})" if table.condition else whole  # noqa: S608 - names of its own
    return f"COPY {source} TO STDOUT;\n"


def _in_its_encoding(session: Connection[Any], statements: Sequence[str]) -> list[bytes]:
    return [row[0] for row in session.execute(_ENCODED, [list(statements)])]


def _shares(names: Iterable[str], *, sizes: Mapping[str, int], count: int) -> list[list[str]]:
    """Share tables out so that no share is much larger than another."""
    shares: list[tuple[int, int, list[str]]] = [(0, index, []) for index in range(count)]
    for name in sorted(names, key=lambda name: -sizes[name]):
        size, index, some = heapq.heappop(shares)
        some.append(name)
        heapq.heappush(shares, (size + sizes[name], index, some))
    return [some for _, _, some in shares if some]


@contextlib.contextmanager
def _exported(session: Session) -> Iterator[str]:
    import psycopg

    session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    session.read_only = True
    row = session.execute("SELECT pg_export_snapshot()").fetchone()
    yield row[0] if row else ""


class _Reading:
    """Runs of psql, which is faster by far than a driver that hands over row by row, each in the same snapshot."""

    def __init__(
        self, session: Session, database: Database, settings: Settings, *, snapshot: str, progress: Callable[[int], None] | None
    ) -> None:
        self._database, self._settings, self._progress = database, settings, progress
        self._major = session.info.server_version // 10_000
        self._over = threading.Event()
        self._read = 0
        self._lock = threading.Lock()
        self._session = _SESSION.format(
            snapshot=f"SET TRANSACTION SNAPSHOT '{snapshot}';" if snapshot else "",
            encoding=session.info.parameter_status("server_encoding"),
            lock_timeout_ms=max(1, settings.migration_timeout),
        ).encode()

    def read(self, texts: Mapping[str, bytes], *, sizes: Mapping[str, int], jobs: int) -> dict[str, Tally]:
        found: dict[str, Tally] = {}
        with concurrent.futures.ThreadPoolExecutor(max(1, jobs)) as pool:
            try:
                groups = _shares(texts, sizes=sizes, count=max(1, jobs))
                for some in pool.map(lambda names: self._tables(names, texts), groups):
                    found |= some
            except BaseException:
                self._over.set()
                raise
        return found

    def read_large_objects(self) -> LargeObjects:
        objects: dict[int, Tally] = {}
        with self._output(self._session + _LARGE_OBJECTS.encode()) as output:
            for line in output:
                number, _, piece = line.rstrip(b"\n").partition(b"\t")
                # Text of bytea as COPY writes it: a doubled backslash, x, and two digits for each byte.
                objects.setdefault(int(number), Tally()).add(bytes.fromhex(piece[3:].decode("ascii")))
                self._count(len(line))
        return large_objects(objects)

    def _tables(self, names: Sequence[str], texts: Mapping[str, bytes]) -> dict[str, Tally]:
        script = self._session + b"".join(texts[name] + _MARK.encode() for name in names)
        splitter = TextSplitter()
        with self._output(script) as output:
            while block := output.read1(_BLOCK):
                splitter.add(block)
                self._count(len(block))
        return dict(zip(names, splitter.finished, strict=True))

    def _count(self, size: int) -> None:
        with self._lock:
            self._read += size
        if self._progress:
            self._progress(self._read)

    @contextlib.contextmanager
    def _output(self, script: bytes) -> Iterator[io.BufferedReader[io.FileIO]]:
        """Run a script while the block reads what it prints; a failure of the program is raised at the end of the block."""
        readable, writable = os.pipe()
        with (
            concurrent.futures.ThreadPoolExecutor(1) as pool,
            io.BufferedReader(io.FileIO(readable), _BLOCK) as output,
            tempfile.TemporaryFile() as source,
        ):
            source.write(script)
            source.seek(0)
            run = pool.submit(self._run, source, os.fdopen(writable, "wb", 0))
            try:
                yield output
            except ValueError:
                # A text that ends too early is the failure of the program that was to write it.
                run.result()
                raise
            except BaseException:
                self._over.set()
                raise
            run.result()

    def _run(self, source: IO[bytes], sink: BinaryIO) -> None:
        from seachange.postgres import binaries
        from seachange.postgres.programs import run

        with sink:
            run(
                binaries.client(self._settings, "psql", major=self._major),
                ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--file=-"],
                database=self._database,
                stdin=source,  # type: ignore[arg-type]
                stdout=sink,
                stall_timeout_s=(self._settings.stall_timeout + self._settings.migration_timeout) / 1000,
                progress=self._moves,
            )

    def _moves(self) -> int:
        if self._over.is_set():
            raise InterruptedRunError("the reading of tables was given up")
        return self._read
