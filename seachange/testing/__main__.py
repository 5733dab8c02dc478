"""``python -m seachange.testing --pg 17``: the life of this project's history on a throwaway server of one major."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from seachange import config
from seachange.config import Settings
from seachange.errors import BinaryNotFoundError, ExitCode, SeachangeError

if TYPE_CHECKING:
    from seachange.plan import RunReport
    from seachange.postgres.connection import Database

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(ExitCode.ERROR, f"error: {message}\n")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Options:
    major: int | None
    scale: int
    json: bool
    install_missing: bool
    check_server: bool


def main(argv: Sequence[str] | None = None) -> int:
    """Run the flow, print its report, and return the exit code.

    :param argv: the arguments; those of the process by default.
    """
    from seachange.workflow.execute import TerminatedError, termination_as_exception

    options = _parse(argv)
    try:
        with termination_as_exception():
            return _say_server(options) if options.check_server else _run(options).exit_code
    except SeachangeError as exc:
        return _print_error(exc, options)
    except TerminatedError:
        print("error: stopped by SIGTERM", file=sys.stderr)
        return ExitCode.TERMINATED
    except KeyboardInterrupt:
        print("error: stopped by Ctrl-C", file=sys.stderr)
        return ExitCode.INTERRUPTED


def _parse(argv: Sequence[str] | None) -> _Options:
    parser = _Parser(
        prog="python -m seachange.testing", description="Run this project's history on a throwaway PostgreSQL server."
    )
    parser.add_argument("--pg", type=int, metavar="MAJOR", help="major version of the server (default: the newest at hand)")
    parser.add_argument("--seed-scale", type=int, default=1, metavar="N", help="scale of the seed data (default: 1)")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what goes to stdout (default: text)")
    parser.add_argument("--install-missing", action="store_true", help="fetch a server of that major where there is none")
    parser.add_argument("--check-server", action="store_true", help="only say whether there is a server of that major")
    given = parser.parse_args(argv)
    return _Options(
        major=given.pg,
        scale=given.seed_scale,
        json=given.format == "json",
        install_missing=given.install_missing,
        check_server=given.check_server,
    )


def _say_server(options: _Options) -> int:
    from seachange.postgres import binaries

    found = binaries.server(config.load(), options.major)
    print(f"PostgreSQL {found.version}: {found.bin_dir}")
    return ExitCode.DONE


def _run(options: _Options) -> RunReport:
    from seachange.report.console import ConsoleListener, report_lines
    from seachange.report.marks import marks_for
    from seachange.testing.flow import life_of_a_history
    from seachange.workflow import Run, execute

    out = sys.stderr if options.json else sys.stdout
    marks = marks_for(out)
    with _throwaway_project(options) as (settings, version):
        name = f"migrations(pg{version.split('.')[0]})"
        title = f"{name}: {settings.project} on PostgreSQL {version}"
        print(f"{marks.mark('run')}{marks.paint('title', title)}", file=out, flush=True)
        with contextlib.closing(ConsoleListener(out, sys.stderr)) as listener:
            run = Run(settings, options={"scale": options.scale, "every": True}, listener=listener)
            report = execute(life_of_a_history(name), run)
    if options.json:
        print(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    else:
        print("\n".join(report_lines(report, marks)))
    return report


@contextlib.contextmanager
def _throwaway_project(options: _Options) -> Iterator[tuple[Settings, str]]:
    """Yield the settings of the project with a throwaway database and folders, and the server's version."""
    from seachange.postgres.connection import create_database
    from seachange.postgres.server import throwaway

    settings = config.load()
    if options.install_missing:
        _install_missing(settings, options.major)
    with tempfile.TemporaryDirectory(prefix="seachange-") as folder, throwaway(settings, major=options.major) as server:
        database = server.database("migrations")
        create_database(database)
        version = server.installation.version if server.installation else str(server.major)
        yield _moved(settings, database, Path(folder)), version


@dataclasses.dataclass(frozen=True, kw_only=True)
class _MovedSettings(Settings):
    """Settings of a project whose own state is not touched: it would take the run for one of its database."""

    state: Path

    @property
    def state_dir(self) -> Path:
        """A temporary folder."""
        return self.state


def _moved(settings: Settings, database: Database, folder: Path) -> Settings:
    # For an env.py or seeds that look at the variable themselves: they must not meet a real database either.
    url = database.url()
    variables = {name: url for name in ("DATABASE_URL", "DIRECT_URL") if name == "DATABASE_URL" or name in os.environ}
    os.environ.update(variables)
    given = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    moved = {
        "environment": {**settings.environment, **variables},
        "database_url": url,
        "direct_url": "",
        "app_env": "test",
        "backup_dir": str(folder / "backups"),
        "sync_dir": str(folder / "schema"),
        "log_file": str(folder / "migration.log"),
    }
    return _MovedSettings(**{**given, **moved}, state=folder)


def _install_missing(settings: Settings, major: int | None) -> None:
    from seachange.postgres import binaries

    try:
        binaries.server(settings, major)
    except BinaryNotFoundError:
        if major is None:
            raise
        binaries.install(settings, (major,), progress=lambda text: print(text, file=sys.stderr, flush=True))


def _print_error(exc: SeachangeError, options: _Options) -> int:
    from seachange.postgres.redaction import redact

    message, hint = redact(exc.message), redact(exc.hint)
    if options.json:
        error = {"type": type(exc).__name__, "message": message, "hint": hint, "exit_code": int(exc.exit_code)}
        print(json.dumps({"schema": "seachange.error/1", "task": "testing", "error": error}, indent=2, ensure_ascii=False))
    print(f"error: {message}" + (f"\nhint: {hint}" if hint else ""), file=sys.stderr)
    return int(exc.exit_code)


if __name__ == "__main__":
    sys.exit(main())
