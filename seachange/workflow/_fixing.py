"""Both forms of a revision on one throwaway server: traced on the way up, tried down and up again, compared."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.config import Settings
from seachange.errors import MigrationFailedError, RefusedError, RevisionRejectedError
from seachange.revisions.history import History, Revision, read_history
from seachange.workflow.fix import Fix, Progress

if TYPE_CHECKING:
    from seachange.postgres.catalog import Catalog
    from seachange.postgres.connection import Database
    from seachange.postgres.shadow import Shadow
    from seachange.revisions.split import NewPart
    from seachange.safety.facts import RevisionFacts
    from seachange.safety.fix import Left, Part, Rewritten

__all__ = ["try_fix"]


def try_fix(settings: Settings, history: History, revision: Revision, *, major: int | None, progress: Progress) -> Fix:
    """Return what a fix would do, tried on a throwaway server.

    :param settings: the project's settings.
    :param history: the revisions.
    :param revision: the one to fix.
    :param major: the version of the server; that of the settings by default.
    :param progress: told what is being done.
    """
    from seachange.revisions.shadow_history import open_shadow

    progress("opening a throwaway server at the revision before it")
    state = tuple(history.parents[revision.revision])
    with open_shadow(settings, history, revisions=state, major=major) as shadow:
        return _Workbench(settings, history, revision, shadow=shadow, progress=progress).fix()


class _Workbench:
    """A server on which one revision is tried in both forms."""

    def __init__(self, settings: Settings, history: History, revision: Revision, *, shadow: Shadow, progress: Progress) -> None:
        self._settings = settings
        self._history = history
        self._revision = revision
        self._shadow = shadow
        self._progress = progress
        self._original = shadow.clone()

    def fix(self) -> Fix:
        from seachange.revisions.split import line_width
        from seachange.safety.fix import measure, remaining, rewrite

        name, major = self._revision.revision, self._shadow.server.major
        self._progress(f"tracing {name} as it is on PostgreSQL {major}")
        (facts,) = self._traced(self._original, self._history, target=name)[-1:]
        text = self._revision.path.read_bytes().decode()
        made = rewrite(text, facts, major=major, width=line_width(self._settings))
        begun = Fix(revision=self._revision, major=major, before=measure([facts]), later=made.later)
        if not made.said:
            return dataclasses.replace(begun, left=_named(remaining(text, facts, known=made.left), facts.file))
        return self._offered(begun, made, facts)

    def _offered(self, begun: Fix, made: Rewritten, facts: RevisionFacts) -> Fix:
        from seachange.revisions._workshop import workshop
        from seachange.revisions.split import write_trial
        from seachange.safety.fix import measure, remaining

        parts = tuple(map(_part, made.parts))
        with workshop(self._settings) as folder:
            names = write_trial(self._settings, self._revision, folder, text=made.text, parts=parts)
            texts = {name: self._text(folder, name) for name in names}
            try:
                traces = self._tried(folder, names, facts=facts, made=made)
            except RevisionRejectedError as exc:
                left = _named(remaining(self._revision.path.read_text(), facts, known=made.left), facts.file)
                return dataclasses.replace(begun, said=made.said, left=left, refused=exc.message)
        after = measure(traces)
        if not after.better_than(begun.before, even=bool(made.keeps)):
            refused = "its trace is not better than that of the revision as it is"
            return dataclasses.replace(begun, said=made.said, after=after, left=made.left, refused=refused)
        ways = "up, down and up again" if self._revision.downgrade == "present" else "up"
        end = ", once the old column is dropped" if made.later else ""
        tried = f"tried {ways} on PostgreSQL {begun.major}: it leads to the same schema{end}"
        kept = [f"{each} runs after it, and fails after the revision as it is" for each in made.keeps]
        fix = self._planned(dataclasses.replace(begun, said=made.said, after=after, facts=(tried, *kept)), made, parts=parts)
        files = fix.split.files if fix.split else ()
        found = [
            each
            for number, (trace, file) in enumerate(zip(traces, files, strict=True))
            for each in _named(remaining(texts[trace.revision], trace, known=() if number else made.left), file)
        ]
        return dataclasses.replace(fix, left=tuple(found))

    def _planned(self, fix: Fix, made: Rewritten, *, parts: Sequence[NewPart]) -> Fix:
        from seachange.revisions.changes import unified_diff
        from seachange.revisions.split import plan_split

        split = plan_split(self._settings, self._history, self._revision, text=made.text, parts=parts)
        diff = unified_diff(split.changes, root=self._settings.root)
        return dataclasses.replace(fix, split=split, diff=diff)

    def _tried(self, folder: Path, names: Sequence[str], *, facts: RevisionFacts, made: Rewritten) -> tuple[RevisionFacts, ...]:
        """Run the new form up, down and up again, and return the trace of the first time.

        :raises RevisionRejectedError: it fails, or does not lead where the revision as it is leads.
        """
        history = read_history(self._settings, extra_locations=(folder,))
        database = self._shadow.clone()
        self._progress(f"tracing the new form: {len(names)} revision{'s' if len(names) > 1 else ''}")
        try:
            traces = self._traced(database, history, target=names[-1], folder=folder)
            if self._revision.downgrade == "present":
                self._there_and_back(database, history, traces, folder=folder)
            self._ask(database, made.keeps)
            self._require_broken(made.keeps)
            self._ask(database, made.later)
            self._require_equal(facts.after, self._catalog(database), "its upgrade does not lead to the same schema")
        except MigrationFailedError as exc:
            raise RevisionRejectedError(f"it fails on the throwaway server {exc.reason}") from exc
        except RefusedError as exc:
            raise RevisionRejectedError(exc.message) from exc
        return traces

    def _there_and_back(self, database: Database, history: History, traces: Sequence[RevisionFacts], *, folder: Path) -> None:
        from seachange.revisions.runner import downgrade, upgrade

        self._progress("trying the new form down and up again")
        there, names = (folder,), [trace.revision for trace in traces]
        states = {name: trace.before for name, trace in zip(names, traces, strict=True)}
        before = [*(self._revision.down_revisions[:1] or ("base",)), *names[:-1]]
        for name, target in reversed(list(zip(names, before, strict=True))):
            downgrade(database, self._settings, target=target, history=history, extra_locations=there)
            self._require_equal(states[name], self._catalog(database), "its downgrade does not lead back to the schema before it")
            if name != names[0]:
                upgrade(database, self._settings, target=name, history=history, extra_locations=there)
                downgrade(database, self._settings, target=target, history=history, extra_locations=there)
        upgrade(database, self._settings, target=names[-1], history=history, extra_locations=there)
        self._require_equal(traces[-1].after, self._catalog(database), "its second upgrade leads elsewhere than the first")

    def _traced(
        self, database: Database, history: History, *, target: str, folder: Path | None = None
    ) -> tuple[RevisionFacts, ...]:
        from seachange.revisions.runner import upgrade
        from seachange.safety.trace import Tracer

        tracer = Tracer(root=self._settings.root, database=database, look=lambda: self._catalog(database))

        def begin(revision: Revision) -> None:
            tracer.begin(revision.revision, path=revision.path, title=revision.title)

        upgrade(
            database,
            self._settings,
            target=target,
            history=history,
            extra_locations=(folder,) if folder else (),
            on_revision=begin,
            listen=tracer.listening,
        )
        return tracer.facts()

    def _catalog(self, database: Database) -> Catalog:
        from seachange.postgres.catalog import read_catalog
        from seachange.postgres.connection import connect

        with contextlib.closing(connect(database)) as session:
            return read_catalog(session, schemas=self._settings.schemas)

    @staticmethod
    def _ask(database: Database, statements: Sequence[str]) -> None:
        """Run what running code asks, or what is left to a later revision.

        :raises RevisionRejectedError: it fails.
        """
        import psycopg

        from seachange.postgres.connection import connect

        with contextlib.closing(connect(database, autocommit=True)) as session:
            for statement in statements:
                try:
                    session.execute(statement)
                except psycopg.Error as exc:
                    raise RevisionRejectedError(f"after it, {statement} fails: {exc}") from exc

    def _require_broken(self, statements: Sequence[str]) -> None:
        """Refuse a new form that keeps something running which the revision as it is does not break either."""
        for statement in statements:
            with contextlib.suppress(RevisionRejectedError):
                self._ask(self._original, [statement])
                raise RefusedError(f"{statement} runs after the revision as it is, too")

    @staticmethod
    def _text(folder: Path, name: str) -> str:
        found = (path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")))
        return next(text for text in found if f'"{name}"' in text or f"'{name}'" in text)

    @staticmethod
    def _require_equal(expected: Catalog | None, actual: Catalog | None, said: str) -> None:
        from seachange.postgres.catalog import diff

        if expected is None or actual is None:
            raise RevisionRejectedError("its trace has no catalogue")
        if found := [] if expected.fingerprint == actual.fingerprint else diff(expected, actual):
            shown = "; ".join(each.sentence for each in found[:3])
            raise RevisionRejectedError(f"{said}: {shown}{f'; and {len(found) - 3} more' if len(found) > 3 else ''}")


def _part(part: Part) -> NewPart:
    from seachange.revisions.split import NewPart

    if (fill := part.backfill) is None:
        return NewPart(title=part.title, text=part.text)
    from seachange.revisions.split import batches

    return NewPart(title=part.title, batches=batches(table=fill.table, key=fill.key, change=fill.change, rows=fill.rows))


def _named(left: Sequence[Left], file: str) -> tuple[Left, ...]:
    return tuple(dataclasses.replace(each, file=file) for each in left)
