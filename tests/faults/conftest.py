"""What the tests of faults share, and the record of what they saw, which `scripts/faults` makes a document of."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from seachange import config
from seachange.config import Settings
from seachange.postgres.connection import Database
from tests.faults.fault import Observed
from tests.integration.backup.conftest import (  # noqa: F401  # fixtures
    back_up,
    backup,
    big,
    bring_back,
    clinic,
    gate,
    here,
    role,
    small_disk,
    tidy,
)
from tests.project import Project, clean_environment

_SOURCE = Path(__file__).with_name("failing_disk.c")
_RECORD = pytest.StashKey[dict[str, dict[str, Any]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option by which `scripts/faults` asks for the record."""
    parser.addoption("--faults-to", default="", help="file to write what the tests of faults saw to, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Begin the record."""
    config.stash[_RECORD] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note how each test of a fault ended, and why it was skipped."""
    report = yield
    found = getattr(getattr(item, "function", None), "fault", None)
    if found is not None:
        entry = item.config.stash[_RECORD].setdefault(found.test, {"failed": False, "skipped": "", "observed": []})
        entry["failed"] |= report.failed
        if report.skipped:
            entry["skipped"] = re.sub(
                r"^Skipped: ", "", str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
            )
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the record where it was asked for."""
    target = session.config.getoption("faults_to", default="")
    if target:
        Path(target).write_text(json.dumps(session.config.stash[_RECORD], indent=2))


@pytest.fixture
def observed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Observed]:
    """What this test sees; a test of a fault that sees nothing is none."""
    seen = Observed(tmp_path)
    yield seen
    entry = request.config.stash[_RECORD][request.function.fault.test]
    entry["observed"] += [sentence for sentence in seen.sentences if sentence not in entry["observed"]]
    assert entry["failed"] or seen.sentences


@pytest.fixture(params=["custom", "directory"])
def each_format(request: pytest.FixtureRequest, here: Settings) -> Settings:  # noqa: F811  # the fixture of that name
    """Settings of an empty project, for each format of backups."""
    return dataclasses.replace(here, backup_format=request.param)


@pytest.fixture
def linear(scenario: Callable[[str], Project], database: Database) -> Project:
    """A project with three revisions, for an empty database."""
    project = scenario("linear")
    return dataclasses.replace(project, environment={**project.environment, "DATABASE_URL": database.url()})


@pytest.fixture
def open_settings(linear: Project) -> Callable[..., Settings]:
    """Return the settings of the project; arguments are flags."""
    return lambda **flags: config.load(linear.path, flags=flags, environ=clean_environment())


@pytest.fixture(scope="session")
def failing_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that makes system calls of a program fail, hang or be its last; see failing_disk.c."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("system calls are made to fail by a small C library, and there is no C compiler here")
    library = tmp_path_factory.mktemp("failing-disk") / "failing_disk.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-ldl"], check=True, capture_output=True)
    return library
