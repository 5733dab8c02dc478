"""The steps of ``migration.workflow``; a team's own pipelines are made of the same."""

from __future__ import annotations

from seachange.workflow.compatibility import compatibility as _compatibility
from seachange.workflow.data import check_data
from seachange.workflow.pipeline import Step, pipeline
from seachange.workflow.steps import _apply, _backup, _check, _clean, _generate, _lint, _rehearse, _sync, _verify

__all__ = [
    "WORKFLOW",
    "apply",
    "backup",
    "check",
    "clean",
    "compatibility",
    "data",
    "generate",
    "lint",
    "rehearse",
    "sync",
    "validate",
    "verify",
]

validate = Step(name="validate", run=_check.validate, needs=(), title="the history in the files is one order")
check = Step(name="check", run=_check.check, needs=("validate",), title="what everything else relies on")
backup = Step(name="backup", run=_backup.backup, needs=("check",), title="a dump with a manifest")
generate = Step(name="generate", run=_generate.generate, needs=("check",), title="a revision from the models")
lint = Step(name="lint", run=_lint.lint, needs=("check", "generate"), title="what pending revisions do, and whether that is safe")
rehearse = Step(
    name="rehearse",
    run=_rehearse.rehearse,
    needs=("check", "backup", "generate", "lint"),
    title="pending revisions on a copy of the rows",
)
apply = Step(name="apply", run=_apply.apply, needs=("check", "backup", "generate", "lint", "rehearse"), title="pending revisions")
sync = Step(name="sync", run=_sync.sync, needs=("check", "apply"), title="artefacts of other consumers")
verify = Step(name="verify", run=_verify.verify, needs=("check", "apply"), title="the database is what it should be")
compatibility = Step(name="compatibility", run=_compatibility, needs=("check",), title="running code works with the new schema")
data = Step(name="data", run=check_data, needs=("check",), title="the rows are ready for what is pending")
clean = Step(name="clean", run=_clean.clean, needs=("sync", "verify"), title="stale output and leftovers")

WORKFLOW = pipeline(check, backup, generate, lint, rehearse, apply, sync, verify, clean, name="migration.workflow")
