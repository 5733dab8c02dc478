"""The database: development server, backups, seeds, artefacts, a look inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seachange.errors import ConfigError, ExitCode
from seachange.tasks._backup import backup
from seachange.tasks._prune import prune
from seachange.tasks._restore import kept, restore, swap
from seachange.tasks._task import Face, task
from seachange.tasks._verify_backup import verify_backup

if TYPE_CHECKING:
    from seachange.postgres.binaries import Installation

__all__ = [
    "backup",
    "backups",
    "generate",
    "integrity",
    "kept",
    "prune",
    "psql",
    "restore",
    "seed",
    "servers",
    "start",
    "stats",
    "stop",
    "swap",
    "sync_",
    "tables",
    "targets",
    "url",
    "verify_backup",
]


@task(changes=True)
def start(face: Face) -> None:
    """Start the project's development server."""
    from seachange.postgres import embedded

    if face.dry_run:
        running = embedded.status(face.settings)
        face.answer(
            [f"{'runs already' if running else 'would start'} below {face.settings.state_dir}"], {"running": bool(running)}
        )
        return
    server = embedded.start(face.settings)
    database = embedded.database(face.settings)
    line = f"PostgreSQL {server.major} runs with pid {server.pid}, database {database.name}: {database.redacted}"
    data = {"major": server.major, "pid": server.pid, "url": database.redacted, "data_dir": server.data_dir}
    face.answer([line], data)


@task(changes=True)
def stop(face: Face) -> None:
    """Stop the project's development server; its data stay."""
    from seachange.postgres import embedded

    running = embedded.status(face.settings) is not None
    stopped = running if face.dry_run else embedded.stop(face.settings)
    words = {
        (True, False): "stopped",
        (True, True): "would stop",
        (False, False): "was not running",
        (False, True): "is not running",
    }
    face.answer([f"the development server {words[stopped, face.dry_run]}"], {"stopped": stopped and not face.dry_run})


@task()
def url(face: Face) -> None:
    """Print the URL of the database, without its password."""
    from seachange.workflow.run import resolve_database

    database = resolve_database(face.settings)
    face.answer([database.redacted], {"url": database.redacted, "database": database.name})


@task(help={"command": "run one command and leave"})
def psql(face: Face, *, command: str = "") -> None:
    """Open psql on the database; arguments after -- go to psql."""
    import shlex

    from invoke.exceptions import Exit

    from seachange.postgres import binaries, programs

    with face.new_run() as run:
        program = binaries.client(face.settings, "psql", major=run.server.major)
        arguments = [*(["--command", command] if command else []), *shlex.split(face.remainder)]
        code = programs.interactive(program, arguments, database=run.database)
    if code:
        raise Exit(code=code)


@task(changes=True, help={"install": "majors to fetch into the cache, such as 14,15,16,17,18"})
def servers(face: Face, *, install: str = "") -> None:
    """List the PostgreSQL versions at hand, and fetch missing ones."""
    from seachange.postgres import binaries
    from seachange.report.tables import table_lines

    majors = _majors(install)
    found = binaries.installations(face.settings)
    if majors and not face.dry_run:
        binaries.install(face.settings, majors, progress=face.say)
        found = binaries.installations(face.settings)
    rows = [(str(one.major), one.version, one.source, _programs(one), str(one.bin_dir)) for one in found]
    lines = list(table_lines(("major", "version", "source", "programs", "folder"), rows))
    missing = [major for major in majors if major not in {one.major for one in found if one.is_server}]
    if missing:
        lines.append(f"would fetch: {', '.join(map(str, missing))}")
    face.answer(
        lines,
        {
            "installations": [
                {"major": one.major, "version": one.version, "source": one.source, "bin_dir": one.bin_dir} for one in found
            ]
        },
    )


@task(changes=True, help={"scale": "units of about 1,000 rows", "yes": "load seed data in production"})
def seed(face: Face, *, scale: int = 1, yes: bool = False) -> None:
    """Load the project's seed data; safe to repeat."""
    from seachange.workflow import Step, pipeline
    from seachange.workflow.seed import seed as seed_step

    face.run(pipeline(Step(name="seed", run=seed_step), name="db.seed"), scale=scale, yes=yes)


@task(help={"check": "read every backup and compare its digests"})
def backups(face: Face, *, check: bool = False) -> None:
    """List the backups, newest first."""
    from invoke.exceptions import Exit

    from seachange.backup import list_backups
    from seachange.report.backups import backup_lines
    from seachange.tasks._external import external_answer

    found = list_backups(face.settings, digests=check)
    lines, data = external_answer(face.settings)
    face.answer([*backup_lines(found), *lines], {"backups": [one.to_dict() for one in found], **data})
    if check and any(one.problems for one in found):
        raise Exit(code=ExitCode.FOUND)


_TARGETS = "only these targets, such as sql,prisma"


@task(
    changes=True,
    name="sync",
    aliases=("dev",),
    help={"check": "write nothing, exit 2 if a file is stale", "target": f"{_TARGETS} (default: setting sync_targets)"},
)
def sync_(face: Face, *, check: bool = False, target: str = "") -> None:
    """Write the artefacts of other consumers from the live database."""
    from seachange.workflow import Step, pipeline
    from seachange.workflow.steps import _sync

    function = _sync.check_sync if check else _sync.sync_only
    face.run(pipeline(Step(name="sync", run=function), name="db.sync"), targets=_names(target))


@task(
    changes=True,
    help={"check": "write nothing, exit 2 if a file is stale", "target": f"{_TARGETS} (default: setting sync_clients)"},
)
def generate(face: Face, *, check: bool = False, target: str = "") -> None:
    """Write client code from the live database and run its generators."""
    from seachange.workflow import Step, pipeline
    from seachange.workflow.steps import _sync

    function = _sync.check_client if check else _sync.client
    face.run(pipeline(Step(name="generate", run=function), name="db.generate"), targets=_names(target))


@task()
def targets(face: Face) -> None:
    """List what db.sync and db.generate can write, and where to."""
    from seachange.report.tables import table_lines
    from seachange.sync.synchronise import list_targets

    found = list_targets(face.settings)
    rows = [(one.name, one.summary, one.path, ", ".join(one.commands)) for one in found]
    face.answer(table_lines(("target", "what it is", "where", "written by"), rows), {"targets": found})


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


@task(
    help={
        "every": "look at all foreign keys, also those that PostgreSQL vouches for",
        "key": "a foreign key that is planned: child.column=parent.column",
    }
)
def integrity(face: Face, *, every: bool = False, key: str = "") -> None:
    """Look for orphans, invalid indexes and sequences that lag."""
    from seachange.workflow.steps._verify import integrity as find

    with face.new_run(options={"every": every, "planned": (key,) if key else ()}) as run:
        findings = find(run)
    face.findings(findings, clean="no orphans, no invalid index, no unvalidated constraint, sequences ahead of their columns")


@task(default=True)
def tables(face: Face) -> None:
    """List the tables with rows and sizes."""
    from seachange.report.tables import size, table_lines
    from seachange.workflow.tables import list_tables

    with face.new_run() as run:
        found = list_tables(run)
    rows = [(one.schema, one.name, f"{one.rows:,}", size(one.table_bytes), size(one.index_bytes)) for one in found]
    face.answer(table_lines(("schema", "table", "rows (estimated)", "table", "indexes"), rows), {"tables": found})


@task(help={"export": "file to write all of it to as JSON, for setting statistics"})
def stats(face: Face, *, export: str = "") -> None:
    """List tables by size, with what the server has counted."""
    from pathlib import Path

    from seachange.report.statistics import statistics_lines
    from seachange.workflow.statistics import live_statistics, write_statistics

    with face.new_run() as run:
        found = live_statistics(run, columns=bool(export))
    if export:
        write_statistics(found, Path(export))
        face.say(f"the statistics were written to {export}")
    face.answer(statistics_lines(found), {"statistics": found})


def _majors(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    wrong = [part for part in parts if not part.isdigit()]
    if wrong:
        raise ConfigError(f"--install: {wrong[0]!r} is not a major version", hint="for example --install 14,15,16,17,18")
    return tuple(int(part) for part in parts)


def _programs(installation: Installation) -> str:
    kinds = (("server", "postgres"), ("clients", "pg_dump"))
    return " and ".join(kind for kind, program in kinds if program in installation.programs) or "none"
