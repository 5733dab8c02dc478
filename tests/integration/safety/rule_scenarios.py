"""Scenarios of rules: small histories in tests/projects/rules/, whose last revision is the hazard, and what is said of it."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from seachange import config
from seachange.errors import MigrationFailedError
from seachange.plan import Finding
from seachange.postgres.catalog import Catalog, read_catalog
from seachange.postgres.connection import Database, connect
from seachange.revisions.history import History, Revision, read_history
from seachange.revisions.runner import upgrade
from seachange.safety.environment import Environment
from seachange.safety.facts import RevisionFacts
from seachange.safety.lint import Choice, available_rules, lint
from seachange.safety.rules import Context, Thresholds
from seachange.safety.statistics import Statistics, TableStatistics
from seachange.safety.trace import Tracer
from tests.project import REPOSITORY, clean_environment

__all__ = ["FOLDER", "Scenario", "found_in", "rule_facts", "scenarios", "shown"]

FOLDER = REPOSITORY / "tests" / "projects" / "rules"

_HEADER = re.compile(r"# (\w+): (.*)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scenario:
    """One folder: revisions in ``versions/``, and in ``expected.txt`` what is said of the last one, a line for each finding.

    Comments at its beginning say what else there is: ``majors`` of PostgreSQL to try, ``rules`` that are off by default and are
    wanted here, ``server`` the version and settings of the real server, ``tables`` with rows and bytes, ``budget`` of disk.
    """

    name: str
    path: Path

    @property
    def text(self) -> str:
        """What ``expected.txt`` says now."""
        path = self.path / "expected.txt"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def header(self) -> Mapping[str, str]:
        """The comments at its beginning."""
        found = (_HEADER.fullmatch(line) for line in self.text.splitlines())
        return {match[1]: match[2] for match in found if match}

    @property
    def majors(self) -> tuple[int, ...]:
        """The versions of PostgreSQL to try; 0 is the newest at hand."""
        return tuple(int(major) for major in self.header.get("majors", "0").split())

    @property
    def choice(self) -> Choice:
        """The rules that are switched on."""
        known = available_rules()
        return Choice(severity=tuple((name, known[name].severity) for name in self.header.get("rules", "").split()))

    @property
    def context(self) -> Context:
        """What is known of the real server."""
        server, tables = _pairs(self.header.get("server", "")), _pairs(self.header.get("tables", ""))
        version = int(server.pop("version", "0"))
        sizes = {name: tuple(int(part) for part in value.split("/")) for name, value in tables.items()}
        return Context(
            environment=Environment(version=version, settings=server) if version else None,
            statistics=Statistics(tables={name: TableStatistics(rows=rows, bytes=size) for name, (rows, size) in sizes.items()})
            if sizes
            else None,
            thresholds=Thresholds(disk_budget_bytes=int(self.header.get("budget", "0"))),
        )

    def written(self, lines: tuple[str, ...]) -> str:
        """Return the text of ``expected.txt`` with other findings under the same comments."""
        kept = [f"# {name}: {value}" for name, value in self.header.items()]
        return "".join(f"{line}\n" for line in (*kept, *lines))


def scenarios() -> tuple[Scenario, ...]:
    """Return every scenario, by name."""
    folders = sorted(path for path in FOLDER.iterdir() if (path / "versions").is_dir())
    return tuple(Scenario(name=path.name, path=path) for path in folders)


def shown(finding: Finding) -> str:
    """Return a finding as a line of ``expected.txt``."""
    return (
        f"{finding.code} {finding.severity} {finding.where.removeprefix('migrations/')} {finding.provenance}: {finding.message}"
    )


def found_in(scenario: Scenario, target: Path, database: Database) -> tuple[str, ...]:
    """Return what the rules say of a scenario's last revision, run on a database of a throwaway server.

    :param target: a folder that does not exist yet, for a copy.
    :param database: an empty database.
    """
    facts = rule_facts(scenario, target, database)
    return tuple(map(shown, lint([facts], context=scenario.context, choice=scenario.choice)))


def rule_facts(scenario: Scenario, target: Path, database: Database) -> RevisionFacts:
    """Return what the last revision of a scenario did; the parameters are those of :func:`found_in`."""
    shutil.copytree(FOLDER / "_project", target)
    shutil.copytree(scenario.path / "versions", target / "migrations" / "versions", ignore=shutil.ignore_patterns("__pycache__"))
    settings = config.load(target, environ=clean_environment())
    history = read_history(settings)
    *before, last = history.revisions
    if before:
        upgrade(database, settings, target=before[-1].revision, history=history)
    with contextlib.closing(connect(database, autocommit=True)) as session:

        def look() -> Catalog:
            return read_catalog(session)

        tracer = Tracer(root=target, database=database, look=look)
        with contextlib.suppress(MigrationFailedError):
            _trace(tracer, database, settings, history=history, target=last.revision)
        return tracer.facts()[0]


def _trace(tracer: Tracer, database: Database, settings: config.Settings, *, history: History, target: str) -> None:
    def begin(revision: Revision) -> None:
        tracer.begin(revision.revision, path=revision.path, title=revision.title)

    upgrade(database, settings, target=target, history=history, on_revision=begin, listen=tracer.listening)


def _pairs(text: str) -> dict[str, str]:
    return dict(_split(text))


def _split(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split():
        name, _, value = part.rpartition("=")
        yield name, value
