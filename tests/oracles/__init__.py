"""Other tools as judges of what sync writes: pinned npm packages in the user's cache, and programs of Node that use them."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seachange import config
from seachange.config import Settings
from seachange.partial import partial_folder
from seachange.postgres._places import cache_folder, publish, short_hash
from tests.project import REPOSITORY

__all__ = [
    "Conversation",
    "OracleMissingError",
    "command",
    "converse",
    "environment",
    "install",
    "node",
    "node_modules",
    "run_node",
]

_HERE = Path(__file__).parent
_NPM = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
# None of the tools may look for news of itself, or for programs that it has no use for.
_QUIET = {
    "CHECKPOINT_DISABLE": "1",
    "DO_NOT_TRACK": "1",
    "NO_UPDATE_NOTIFIER": "1",
    "PRISMA_HIDE_UPDATE_MESSAGE": "1",
    "PRISMA_SCHEMA_ENGINE_BINARY": "/bin/true",
}


class OracleMissingError(Exception):
    """Node, npm or the packages are not at hand."""


def install(settings: Settings | None = None) -> Path:
    """Install the packages into the cache unless they are there, and return their folder, ``node_modules`` of npm.

    :param settings: ``cache_dir`` counts; those of this repository by default.
    :raises OracleMissingError: Node or npm is missing, or npm fails.
    """
    found = _folder(settings)
    if not (found / "node_modules").is_dir():
        _program("node")
        npm = _program("npm")
        with partial_folder(found.parent) as fresh:
            for name in ("package.json", "package-lock.json"):
                shutil.copyfile(_HERE / name, fresh / name)
            done = subprocess.run(
                [npm, *_NPM], cwd=fresh, capture_output=True, check=False, text=True, timeout=900, env=environment()
            )
            if done.returncode:
                raise OracleMissingError(f"npm ci failed: {(done.stderr or done.stdout).strip()}")
            publish(fresh, found)
    return found / "node_modules"


def node_modules(settings: Settings | None = None) -> Path:
    """Return the folder of the installed packages.

    :param settings: ``cache_dir`` counts; those of this repository by default.
    :raises OracleMissingError: Node is missing, or they are not installed.
    """
    node()
    found = _folder(settings) / "node_modules"
    if not found.is_dir():
        raise OracleMissingError("the npm packages of tests/oracles are not installed; scripts/oracles installs them")
    return found


def node() -> str:
    """Return the path of Node.

    :raises OracleMissingError: it is not on PATH.
    """
    return _program("node")


def environment(**more: str) -> dict[str, str]:
    """Return the environment for tools of Node: nothing is looked for on the network.

    :param more: further variables.
    """
    return {**os.environ, **_QUIET, **more}


def run_node(program: str, *arguments: str, input: str = "", env: Mapping[str, str] | None = None, timeout_s: float = 120) -> str:  # noqa: A002 - as in subprocess
    """Run a program of this folder, which imports the packages by their names, and return what it prints.

    :param program: its file name.
    :param arguments: its arguments.
    :param input: what it reads from stdin.
    :param env: further variables of the environment.
    :raises AssertionError: it fails, with what it said.
    """
    done = subprocess.run(
        command(program, *arguments),
        input=input,
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=environment(**(env or {})),
    )
    assert done.returncode == 0, f"{program} ended with {done.returncode}: {done.stderr or done.stdout}"
    return done.stdout


class Conversation:
    """A program that answers each line of JSON with one, so that many questions cost one start."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, **question: object) -> Any:
        """Return the answer to a question.

        :raises AssertionError: the program answers with an error, or ends.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"error": "it ended"}')
        assert "error" not in answer, answer["error"]
        return answer["result"]


@contextlib.contextmanager
def converse(program: str, *arguments: str) -> Iterator[Conversation]:
    """Start a program of this folder that answers lines of JSON, and end it afterwards.

    :param program: its file name.
    :param arguments: its arguments.
    """
    words = command(program, *arguments)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        try:
            yield Conversation(process)
        finally:
            process.kill()


def command(program: str, *arguments: str) -> list[str]:
    """Return how a program of this folder is started.

    :param program: its file name.
    :param arguments: its arguments.
    :raises OracleMissingError: Node is missing, or the packages are not installed.
    """
    packages = f"--import={(_HERE / '_packages.mjs').as_uri()}?{node_modules().as_uri()}"
    return [node(), "--no-warnings", "--experimental-wasm-modules", packages, str(_HERE / program), *arguments]


def _folder(settings: Settings | None) -> Path:
    return cache_folder(settings or _settings(), "oracles") / short_hash(
        (_HERE / "package-lock.json").read_text(encoding="utf-8")
    )


@functools.cache
def _settings() -> Settings:
    return config.load(REPOSITORY)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise OracleMissingError(f"{name} is not on PATH; Node 20.19 or later with npm is needed to ask the other tools")
    return found
