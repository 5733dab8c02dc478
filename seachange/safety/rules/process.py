"""L: the history and the way that revisions take, which other commands decide."""

from __future__ import annotations

from seachange.safety.rules._registry import declare_decided

__all__ = ()


declare_decided(
    1201,
    "several-heads",
    "The history has several heads, or a revision was put before published ones",
    reason=(
        "With two heads `upgrade head` refuses, and databases that have what was published never run what is put before it. "
        "Both come from two people who branched off at the same revision."
    ),
    source="docs/findings.md, several-heads, behind-base, below-published",
    remedy="put yours after the other: `invoke migration.rebase`; or join them: `invoke migration.merge`",
    by="migration.validate (several-heads) and migration.heads --check (behind-base, below-published)",
)
declare_decided(
    1202,
    "edited-later",
    "A revision was changed after it was applied",
    reason=(
        "Databases that have it keep what it was, new ones get what it is, and nothing tells the two apart. Each applied "
        "revision is recorded with a hash of its code and of what that imports, comments and format left out."
    ),
    source="docs/history.md",
    remedy="take the change back and make a new revision; `invoke migration.repair` records a change that is none",
    by="migration.status and migration.check (changed-after-apply)",
)
declare_decided(
    1203,
    "models-differ",
    "The models and the history differ",
    reason=(
        "What the models have and no revision makes, production lacks. Plain Alembic sees no labels of enums, no check "
        "constraints, no functions and no policies; Seachange compares the catalogues."
    ),
    source="Alembic documentation, What does Autogenerate Detect; docs/generate.md",
    remedy="`invoke migration.generate`",
    by="migration.check (model-difference)",
)
declare_decided(
    1204,
    "drift",
    "The database is not what the history makes",
    reason=(
        "Somebody changed it by hand: a revision may fail there that passes everywhere else, and findings of a trace hold for "
        "the schema of the history only."
    ),
    source="docs/history.md; docs/compatibility.md",
    remedy="take the change back, or make a revision of it",
    by="migration.check and the workflow's step verify (drift)",
)
declare_decided(
    1205,
    "upgrade-from-base",
    "The history does not run from nothing",
    reason=(
        "A new developer, a test and a new region begin with an empty database. Each revision is run from base on a throwaway "
        "server, in order, whenever a schema of the history is needed."
    ),
    source="pytest-alembic, test_upgrade; docs/plan.md",
    remedy="mend the revision that fails; what presumes a table has to make it",
    by="migration.plan and migration.trace (the throwaway server runs every revision)",
)
declare_decided(
    1206,
    "downgrade-leaves-traces",
    "A downgrade fails, or does not lead back to what was before",
    reason=(
        "A downgrade that nobody tried is found broken when it is needed. Each pending revision goes up and down on a "
        "throwaway server, and the catalogues before and after are compared."
    ),
    source="docs/plan.md",
    remedy="mend `downgrade()`, or let it raise and say why",
    by="migration.plan --try-back (works, differs, fails)",
)
declare_decided(
    1207,
    "up-down-up",
    "Up, down and up again is not what up was",
    reason=(
        "A downgrade that leaves a type, a sequence or rows behind makes the second upgrade fail: 'type already exists'. The "
        "same try finds it, with the rows that the revisions themselves make."
    ),
    source="Alembic documentation, Autogenerate (enum types); docs/plan.md",
    remedy="drop in `downgrade()` all that `upgrade()` makes, enum types too",
    by="migration.plan --try-back and the Nox session migrations, which goes up, down and up again",
)
declare_decided(
    1208,
    "replay-differs",
    "Replaying the history does not give the schema of production",
    reason=(
        "The fingerprint of the real database's catalogue is compared with that of a throwaway server at the same revision; "
        "where they differ each difference is named."
    ),
    source="docs/history.md",
    remedy="make a revision of the difference, or take it back",
    by="migration.check (drift)",
)
declare_decided(
    1209,
    "deploy-role",
    "The revision needs rights that the deploying role has not",
    reason=(
        "On the throwaway server the role may do everything. On the real one ALTER TABLE takes the owner, CREATE EXTENSION a "
        "trusted one or a superuser, CREATE a right on the schema."
    ),
    source="PostgreSQL documentation, 5.8 Privileges",
    remedy="migrate as the owner of the tables; have the administrator do once what takes a superuser",
    by="migration.apply (the server refuses, and nothing is changed); SC520 names what takes a superuser",
)
declare_decided(
    1210,
    "suppression",
    "A suppression without a reason, out of date, or of nothing",
    reason=(
        "A rule that is passed over for no stated reason is passed over for ever. The comment beside the op names the rule, "
        "the reason and, if it is to be looked at again, a day."
    ),
    source="squawk, unused-ignore; online_migrations, safety_assured with a reason",
    remedy='write `# seachange: allow SC104 reason="..." until=2027-01-01`, and remove what is not needed',
    example='op.drop_table("imports")  # seachange: allow SC601 reason="empty since release 2.1"',
    by="migration.lint",
)
