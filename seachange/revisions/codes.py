"""What each finding about revision files means: the rules of SARIF and of docs/findings.md."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

__all__ = ["CODES", "STRUCTURAL", "Code"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Code:
    """One kind of finding: what it is, why it matters, what helps."""

    code: str
    severity: str
    title: str
    why: str
    remedy: str


def _table(*rows: tuple[str, str, str, str, str]) -> Mapping[str, Code]:
    return {
        code: Code(code=code, severity=severity, title=title, why=why, remedy=remedy)
        for code, severity, title, why, remedy in rows
    }


_FILES = _table(
    (
        "unreadable-location",
        "error",
        "A version location cannot be read",
        "Alembic reads no revision from a folder that is not there, and says nothing about it.",
        "Create the folder, mend its permissions, or correct `version_locations`.",
    ),
    (
        "unreadable-file",
        "error",
        "A revision file cannot be read",
        "Alembic stops at it, and so does every command.",
        "Check the permissions of the file.",
    ),
    (
        "no-environment",
        "error",
        "There is no env.py",
        "Alembic runs nothing without it.",
        "Create it, or correct `script_location`.",
    ),
    (
        "syntax-error",
        "error",
        "A revision file does not compile",
        "Alembic imports every file before it runs one: one broken file stops them all.",
        "Mend the file; `python -m py_compile` shows the place.",
    ),
    (
        "no-revision",
        "error",
        "A file in a version location names no revision",
        "Alembic stops at a Python file without `revision`.",
        'Add `revision = "..."`, or move the file out of the location.',
    ),
    (
        "computed-header",
        "error",
        "A revision computes its id or its links",
        "Seachange does not run revisions to read them, nor do most tools: what is computed they cannot know.",
        "Write `revision`, `down_revision`, `branch_labels` and `depends_on` out as texts.",
    ),
    (
        "unreadable-release",
        "error",
        "`requires_release` is no release",
        "Nothing can be compared with it, so the revision would never run.",
        "Write dotted numbers, such as `2.4.0`.",
    ),
    (
        "file-name-contradicts",
        "error or warning",
        "The file name says another revision than the file",
        (
            "People look for revisions by file name; tools that order by name order them differently. A warning "
            "where ids are random."
        ),
        "Rename the file, or correct the revision and the `down_revision` that names it.",
    ),
)

_GRAPH = _table(
    (
        "duplicate-revision",
        "error",
        "Two files have the same revision id",
        "Alembic takes the one that it reads last and only warns; the other is never run.",
        "Give one of them another id.",
    ),
    (
        "illegal-revision-id",
        "error",
        "A revision id that Alembic refuses or cannot be told",
        "`@`, `-` and `+` have a meaning on the command line; `base`, `head`, `heads` and `current` are words of Alembic.",
        "Use letters, digits and underscores.",
    ),
    (
        "missing-down-revision",
        "error",
        "`down_revision` or `depends_on` names what is in no file",
        (
            "Alembic cannot build the graph and every command fails. In a file it takes whole ids, and for "
            "`depends_on` branch labels "
            "as well; no partial ids and no `label@head`."
        ),
        "Add the missing file, or write the id that is meant.",
    ),
    (
        "cyclic-down-revision",
        "error",
        "Revisions follow each other in a circle",
        "There is no order in which they could run.",
        "Correct the `down_revision` or `depends_on` of one of them.",
    ),
    (
        "several-bases",
        "error",
        "Several revisions follow no other one",
        "Usually one lost its `down_revision`. Independent branches say so by `branch_labels` or `depends_on`.",
        "Set `down_revision` of all but the first, or give independent branches their labels.",
    ),
    (
        "several-heads",
        "error",
        "A branch ends in several heads",
        (
            "`alembic upgrade head` refuses, and what the models have cannot be told from one of them. Branches "
            "of different labels may "
            "have a head each."
        ),
        "Put yours after the other: `invoke migration.rebase`; or join them: `invoke migration.merge`.",
    ),
    (
        "duplicate-branch-label",
        "error",
        "A branch label is used twice, or is a revision id",
        "Alembic refuses to build the graph.",
        "Choose another label.",
    ),
    (
        "duplicate-timestamp",
        "error or warning",
        "Two revisions have the same timestamp",
        (
            "Tools that order by it are free to swap them. An error where the ids are timestamps, a warning "
            "where only dates are equal."
        ),
        "Give the later one a later timestamp.",
    ),
    (
        "decreasing-timestamp",
        "error or warning",
        "A revision is older than what it follows",
        "Tools that order by timestamps run them the wrong way round. An error where the ids are timestamps.",
        "Rename it with a timestamp after its `down_revision`: `invoke migration.rebase`.",
    ),
)

_BODIES = _table(
    (
        "missing-upgrade",
        "error",
        "A revision has no `upgrade()`",
        "Alembic fails when it comes to it.",
        "Add it; a revision that only joins heads has an empty one.",
    ),
    (
        "empty-upgrade",
        "warning",
        "`upgrade()` does nothing",
        "Usually a revision that was generated and never filled in.",
        "Fill it in or remove the revision.",
    ),
    (
        "missing-downgrade",
        "warning",
        "A revision has no `downgrade()`",
        "It cannot be reverted, and Alembic fails only in the middle of trying.",
        'Write what undoes it, or `irreversible("why")` of seachange, which says why that cannot be.',
    ),
    (
        "empty-downgrade",
        "warning",
        "`downgrade()` does nothing",
        "Going back leaves the schema as it is and records otherwise.",
        'Write what undoes it, or `irreversible("why")` of seachange, which says why that cannot be.',
    ),
    (
        "unexplained-downgrade",
        "warning",
        "`downgrade()` refuses and does not say why",
        "Whoever has to go back at night learns only that it does not work, and neither plan nor revert can say more.",
        'Call `irreversible("why")` of seachange there, with the reason written out.',
    ),
    (
        "imports-models",
        "warning",
        "A revision imports the live models",
        "What it does changes when the models do: a new database gets another schema than the old ones, or the import fails.",
        "Describe the tables that it needs in the revision itself: `sa.table()`, `sa.column()`.",
    ),
    (
        "imports-project-code",
        "warning",
        "A revision imports code of the project",
        "The revision changes, or fails to import, when that code does.",
        "Copy what the revision needs into it, or keep it in a module beside the revisions that nobody changes.",
    ),
    (
        "relative-import",
        "error",
        "A revision imports relatively",
        "Alembic loads a revision as a module of no package, where a relative import fails.",
        "Import by the whole name, or write what is needed into the revision.",
    ),
)

_SQL = _table(
    (
        "sql-syntax",
        "error",
        "SQL that does not parse",
        (
            "PostgreSQL refuses it. The text of `op.execute()` is parsed by the grammar of PostgreSQL 18: "
            "literals, also in `sa.text()`, "
            "with names, in loops over literals, and f-strings of constants. Branches for other databases are left out."
        ),
        "Mend the text at the place that the hint shows.",
    ),
    (
        "sql-not-checkable",
        "info",
        "SQL that cannot be checked",
        (
            "It is computed when the revision runs, or has parameters where the grammar takes no value. A parameter elsewhere is "
            "parsed as `$1`. Said once for a file."
        ),
        "Nothing needs to be done; a text that is written out can be checked.",
    ),
    (
        "unbound-parameter",
        "error",
        "A colon that SQLAlchemy takes for a parameter",
        "`text()` takes `:name` for a parameter even within quotes, as in a JSON literal, and fails when it gets no value.",
        r"Write `\:name`, or give it a value by `sa.text(...).bindparams(name=...)`.",
    ),
    (
        "copy-in-text",
        "error",
        "COPY from or to the client as a statement",
        "Its data do not travel in the text of a statement: no driver can run it by `op.execute()`.",
        "Use `op.bulk_insert()`, INSERT, or `cursor.copy()` of the driver's own connection.",
    ),
    (
        "psql-command",
        "error",
        "A command of psql in the text",
        r"`\connect`, `\i`, `\copy` and the like are read by psql; no server knows them.",
        "Leave it out, or write what it does in SQL.",
    ),
    (
        "needs-autocommit",
        "error or warning",
        "A statement that PostgreSQL refuses in a transaction",
        (
            "CREATE, DROP or REINDEX INDEX CONCURRENTLY, DETACH PARTITION CONCURRENTLY, VACUUM, CREATE DATABASE "
            "and the like, also "
            "`postgresql_concurrently=True`, outside `autocommit_block()`, in either direction. A warning after "
            "a raw COMMIT: that "
            "works with psycopg2 and fails with psycopg 3."
        ),
        "Put it into `with op.get_context().autocommit_block():`.",
    ),
    (
        "runs-alone",
        "error",
        "A statement that must be alone in its text",
        "The server runs the statements of one text as one transaction, also in autocommit mode.",
        "Execute each statement by a call of its own.",
    ),
    (
        "raw-transaction",
        "warning",
        "BEGIN, COMMIT or ROLLBACK in the text",
        (
            "It ends the transaction of the migration behind Alembic's back: a failure leaves half of the "
            "revision, or what ran before "
            "is lost and recorded as applied."
        ),
        "Leave it out; what needs no transaction goes into `with op.get_context().autocommit_block():`.",
    ),
    (
        "connection-commit",
        "warning",
        "A revision commits or rolls back the connection itself",
        "After `op.get_bind().commit()` plain Alembic loses what follows and exits 0.",
        "Leave it out, use `autocommit_block()`, or split the revision.",
    ),
)

_BASE_BRANCH = _table(
    (
        "behind-base",
        "error",
        "A new revision follows one that the base branch has gone on from",
        "Merged as it is, the history has two heads. Found by `migration.heads --check`.",
        "Merge or rebase the base branch, then `invoke migration.rebase`.",
    ),
    (
        "below-published",
        "error",
        "A new revision was put before published ones",
        "Databases that have those never run it. Found by `migration.heads --check`.",
        "Give the published revision its `down_revision` back, and put yours at the end: `invoke migration.rebase`.",
    ),
)

# What these find makes the history no order, or a file no revision; the others matter to the revision that they are found in.
STRUCTURAL = frozenset({**_FILES, **_GRAPH})

CODES: Mapping[str, Code] = {**_FILES, **_GRAPH, **_BODIES, **_SQL, **_BASE_BRANCH}
