"""The one place where Invoke meets Seachange: common parameters, dry runs, errors, exit codes."""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import inspect
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import Task
from invoke.tasks import task as invoke_task

from seachange.errors import ConfigError, ConfirmationRequiredError, ExitCode, QuestionsOpenError, SeachangeError, follows
from seachange.tasks._places import OptionalPlaceTask
from seachange.tasks._questions import ask, can_ask

if TYPE_CHECKING:
    from seachange.config import Settings
    from seachange.plan import Finding, RunReport
    from seachange.report.marks import Marks
    from seachange.workflow import Pipeline, Run
    from seachange.workflow.run import Ask, Listener

__all__ = ["Face", "task"]

_FORMATS = ("text", "json")
_COMMON = {
    "format": ("text", "{}; the answer goes to stdout, everything else to stderr"),
    "url": ("", "database URL; overrides DATABASE_URL"),
}
# Objects; Python's own 700 cost a tenth of a second while the libraries are imported.
_COLLECT_AFTER = 50_000
_DRY_RUN = (False, "say what would be done, change nothing (as does `invoke --dry`)")


class Face:
    """One call of a task: its settings, its output, its questions.

    :param context: Invoke's.
    :param name: the task's name, as JSON documents are named after.
    :param format: how the answer is wanted; one that the task offers.
    """

    def __init__(self, context: Context, *, name: str, format: str, url: str, dry_run: bool) -> None:  # noqa: A002
        self.context = context
        self.name = name
        self.format = format
        self.json = format == "json"
        self.dry_run = dry_run
        self._url = url
        self._flags: dict[str, str | None] = {}
        # Kept, because revisions and models run with both redirected into the log, and may still do so when a run was stopped.
        self._out, self._err = sys.stdout, sys.stderr

    @functools.cached_property
    def settings(self) -> Settings:
        """The settings, with ``--url`` as the last layer."""
        from seachange.config import load

        layer = self.context.config.get("seachange", {})
        return load(invoke=dict(layer), flags={"database_url": self._url or None, **self._flags})

    def request(self, **flags: str) -> None:
        """Take flags of the task that are settings, as the last layer; an empty one was not given."""
        self._flags |= {name: value or None for name, value in flags.items()}

    @property
    def remainder(self) -> str:
        """What was written after ``--``."""
        return self.context.remainder

    @property
    def marks(self) -> Marks:
        """How to mark text on stdout."""
        from seachange.report.marks import marks_for

        return marks_for(self._out)

    @property
    def width(self) -> int:
        """How many columns the terminal has that stdout goes to; 0 when it goes elsewhere."""
        return shutil.get_terminal_size().columns if self._out.isatty() else 0

    def answer(self, lines: Iterable[str], data: Mapping[str, Any]) -> None:
        """Print the answer: lines of text, or one JSON document named after the task."""
        if self.json:
            from seachange.plan import jsonable

            print(
                json.dumps({"schema": f"seachange.{self.name}/1", **jsonable(data)}, indent=2, ensure_ascii=False), file=self._out
            )
        else:
            print("\n".join(lines), file=self._out)

    def write(self, document: str) -> None:
        """Print the answer as it is: a document in another format than text and json."""
        print(document.rstrip("\n"), file=self._out, flush=True)

    def say(self, text: str) -> None:
        """Say something about the progress, on stderr."""
        print(text, file=self._err, flush=True)

    def findings(
        self,
        findings: tuple[Finding, ...],
        *,
        clean: str,
        data: Mapping[str, Any] | None = None,
        notes: Iterable[str] = (),
        summary: str = "",
    ) -> None:
        """Print findings, and end with exit code 2 if one is an error.

        :param findings: what was found.
        :param clean: the last line where none is an error.
        :param data: what JSON has besides.
        :param notes: lines of text after the findings.
        :param summary: the last line where one is an error.
        """
        from seachange.report.console import folded_lines
        from seachange.report.documents import FORMATS, findings_document

        faulty = any(finding.severity == "error" for finding in findings)
        if self.format in FORMATS:
            root = self.settings.root
            self.write(findings_document(self.format, findings, name=self.name, clean=clean, root=root))
        else:
            ending = [f"{self.marks.mark('failed' if faulty else 'done')}{summary if faulty else clean}"]
            lines = [*folded_lines(findings, self.marks), *(f"{self.marks.mark('info')}{note}" for note in notes)]
            self.answer([*lines, *(ending if summary or not faulty else ())], {**(data or {}), "findings": findings})
        if faulty:
            raise Exit(code=ExitCode.FOUND)

    def run(self, pipeline: Pipeline, **options: Any) -> None:
        """Run a pipeline, print its report, and end with its exit code."""
        from seachange.report.console import ConsoleListener, report_lines
        from seachange.report.log import open_log
        from seachange.workflow import execute

        out: TextIO = self._err if self.json else self._out
        listener = ConsoleListener(out, self._err)

        def asked(questions: QuestionsOpenError) -> Mapping[str, str]:
            with listener.paused():
                return ask(questions, to=self._err)

        run = self.new_run(listener=listener, options=options, ask=asked if can_ask() else None)
        with contextlib.closing(listener), open_log(self.settings, run_id=run.run_id, step=run.current_step) as problem:
            if problem:
                self.say(f"warning: {problem}")
            self._title(pipeline, out)
            report = execute(pipeline, run)
        self._print_report(report, report_lines)
        if report.exit_code:
            raise Exit(code=report.exit_code)

    def new_run(
        self, *, listener: Listener | None = None, options: Mapping[str, Any] | None = None, ask: Ask | None = None
    ) -> Run:
        """Return a run with this call's settings."""
        from seachange.workflow import Run

        return Run(self.settings, options=options, dry_run=self.dry_run, listener=listener, ask=ask)

    def confirm(self, question: str, *, expected: str, yes: bool) -> None:
        """Ask until the person typed ``expected``; without a terminal only ``--yes`` is an answer.

        :raises ConfirmationRequiredError: the answer was another, or there is nobody to ask.
        """
        if yes or self.dry_run:
            return
        if not sys.stdin.isatty():
            raise ConfirmationRequiredError(question, hint="pass --yes to confirm without a terminal")
        self.say(question)
        print(f"type {expected} to go on: ", end="", file=self._err, flush=True)
        if sys.stdin.readline().strip() != expected:
            raise ConfirmationRequiredError(f"not confirmed: {question}", hint=f"type {expected}, or pass --yes")

    def _title(self, pipeline: Pipeline, out: TextIO) -> None:
        from seachange.report.marks import marks_for

        marks = marks_for(out)
        dry = ", dry run" if self.dry_run else ""
        title = f"{pipeline.name}: {self.settings.project} ({self.settings.app_env}{dry})"
        print(f"{marks.mark('run')}{marks.paint('title', title)}", file=out, flush=True)

    def _print_report(self, report: RunReport, lines: Callable[[RunReport, Marks], list[str]]) -> None:
        questions = [question for step in report.steps for question in step.data.get("questions", ())]
        if self.json and questions:
            from seachange.revisions.questions import document

            print(json.dumps(document(questions, task=self.name), indent=2, ensure_ascii=False), file=self._out)
        elif self.json:
            print(json.dumps(report.to_dict(), indent=2, ensure_ascii=False), file=self._out)
        else:
            print("\n".join(lines(report, self.marks)), file=self._out)
        self._out.flush()


def task(
    *,
    changes: bool = False,
    formats: tuple[str, ...] = (),
    collection: str = "",
    positional: tuple[str, ...] = (),
    help: Mapping[str, str] | None = None,  # noqa: A002
    **options: Any,
) -> Callable[[Callable[..., None]], Task[Any]]:
    """Make an Invoke task of a body that takes a :class:`Face`.

    The task gets ``--format`` and ``--url``, and ``--dry-run`` where it changes something; errors that a user can fix
    become one message, one hint and an exit code.

    :param changes: whether the task changes anything, so that a dry run means something.
    :param formats: what ``--format`` takes besides text and json; the body prints those by :meth:`Face.write`.
    :param collection: the collection that lists the task, where that is not the module of the body; none for a private module.
    :param positional: parameters of the body that may be given without their flag.
    :param help: help texts of the body's own parameters.
    :param options: passed to ``invoke.task``.
    """

    def decorate(body: Callable[..., None]) -> Task[Any]:
        name = options.get("name") or body.__name__
        offered = (*_FORMATS, *formats)
        owner = collection or body.__module__.rpartition(".")[2]
        document = (name if owner.startswith("_") else f"{owner}.{name}").replace("_", "-")

        @functools.wraps(body)
        def run(c: Context, /, **given: Any) -> None:
            # Invoke forbids bytecode for its whole process, which would make every later start as slow as the first.
            sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
            _spare_collector()
            common = {key: given.pop(key) for key in ("format", "url")}
            # `invoke --dry` only reaches c.run(); it is honoured here.
            dry_run = bool(given.pop("dry_run", False)) or (changes and bool(c.config.run.dry))
            with _boundary(document, as_json=common["format"] == "json"):
                _require_format(common["format"], offered)
                body(Face(c, name=document, dry_run=dry_run, **common), **given)

        _extend_signature(run, body, changes=changes)
        words = f"{', '.join(offered[:-1])} or {offered[-1]}"
        texts = {**(help or {}), **{key: text.format(words) for key, (_, text) in _COMMON.items()}}
        if changes:
            texts["dry_run"] = _DRY_RUN[1]
        made: Task[Any] = invoke_task(auto_shortflags=False, positional=[], help=texts, klass=OptionalPlaceTask, **options)(run)
        if isinstance(made, OptionalPlaceTask):
            made.places = positional
        return made

    return decorate


def _spare_collector() -> None:
    """Have the collector of cycles look seldom at what imports make, which stays, and not at all when the process ends."""
    gc.set_threshold(_COLLECT_AFTER)
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)


def _require_format(given: str, offered: tuple[str, ...]) -> None:
    if given not in offered:
        raise ConfigError(f"--format: {given!r} is not one of {', '.join(offered)}")


def _extend_signature(run: Callable[..., None], body: Callable[..., None], *, changes: bool) -> None:
    own = list(inspect.signature(body).parameters.values())[1:]
    context = inspect.Parameter("c", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    added = {key: default for key, (default, _) in _COMMON.items()} | ({"dry_run": _DRY_RUN[0]} if changes else {})
    extra = [inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=value) for key, value in added.items()]
    own = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    run.__signature__ = inspect.Signature([context, *own, *extra])  # type: ignore[attr-defined]


@contextlib.contextmanager
def _boundary(document: str, *, as_json: bool) -> Iterator[None]:
    from seachange.workflow.execute import TerminatedError, termination_as_exception

    try:
        with termination_as_exception():
            yield
            sys.stdout.flush()
    except SeachangeError as exc:
        code = ExitCode.TERMINATED if follows(exc, TerminatedError) else exc.exit_code
        raise _exit(exc, document, as_json=as_json, code=code) from exc
    except BrokenPipeError as exc:
        # The reader went away (`| head`); nothing is left to say, and Python would complain once more at shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Exit(code=ExitCode.DONE) from exc
    except TerminatedError as exc:
        raise Exit("error: stopped by SIGTERM", code=ExitCode.TERMINATED) from exc
    except KeyboardInterrupt as exc:
        raise Exit("error: stopped by Ctrl-C", code=ExitCode.INTERRUPTED) from exc


def _exit(exc: SeachangeError, document: str, *, as_json: bool, code: int) -> Exit:
    from seachange.postgres.redaction import redact

    message, hint = redact(exc.message), redact(exc.hint)
    if as_json:
        error = {"type": type(exc).__name__, "message": message, "hint": hint, "exit_code": int(code)}
        print(json.dumps({"schema": "seachange.error/1", "task": document, "error": error}, indent=2, ensure_ascii=False))
    return Exit(f"error: {message}" + (f"\nhint: {hint}" if hint else ""), code=int(code))
