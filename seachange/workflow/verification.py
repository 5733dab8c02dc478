"""Verification of backups: which ones, and what came out, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seachange.errors import ExitCode, InterruptedRunError, SeachangeError
from seachange.plan import Finding, StepResult
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.backup import Backup
    from seachange.backup.verification import Verification

__all__ = ["DAMAGED", "UNKNOWN", "finding_of", "may_stay", "sentence", "verify_backups"]

DAMAGED = "backup-damaged"
UNKNOWN = "backup-not-verified"


def verify_backups(run: Run) -> StepResult:
    """Verify the backup that option ``backup`` names, or with option ``every`` all of them; option ``fast`` looks at files only.

    :raises BackupNotFoundError: there is no such backup.
    :raises SeachangeError: the only backup could not be verified here, which says nothing about it.
    """
    from seachange.backup import find_backup, list_backups

    every, fast = bool(run.options.get("every")), bool(run.options.get("fast"))
    known = list_backups(run.settings)
    chosen = known if every else (find_backup(run.settings, run.options.get("backup") or "latest", physical=None),)
    if run.dry_run or not chosen:
        return StepResult(status="skipped", summary=_plan(chosen, fast=fast))
    newest = next((backup.name for backup in known if backup.complete and backup.whole), "")
    facts: list[str] = []
    findings: list[Finding] = []
    data: list[dict[str, Any]] = []
    for number, backup in enumerate(chosen, start=1):
        place = f"{backup.name}, {number} of {len(chosen)}" if every else backup.name
        found, problem = _verified(run, backup, place=place, keep=backup.name == newest and not fast, alone=not every)
        data.append({"backup": backup.name, **(found.to_dict() if found else {"ok": None, "problems": [problem]})})
        if found and found.ok:
            facts.append(f"{backup.name}: {sentence(found, backup)}")
        findings += [finding_of(backup, text) for text in found.problems] if found else [_unknown(backup, problem)]
        facts += [f"{backup.name}: {note}" for note in found.notes] if found else []
    return _result(facts, findings, data)


def sentence(found: Verification, backup: Backup) -> str:
    """Return what a verification proved.

    :param found: one that found nothing wrong.
    :param backup: what was verified.
    """
    took = f"{found.duration_s:.1f} s"
    if found.method == "fast":
        manifest = backup.manifest
        listed = manifest is not None and not manifest.encryption and manifest.format != "physical"
        return f"every file has its digest{', and the table of contents can be read' if listed else ''} ({took})"
    what = f"{', '.join(found.proven)} as the manifest says" if found.proven else "nothing to compare"
    return f"restored on PostgreSQL {found.server_version} in {took}: {what}"


def finding_of(backup: Backup, problem: str) -> Finding:
    """Return one thing that is wrong with a backup.

    :param backup: the backup.
    :param problem: a sentence of its verification.
    """
    return Finding(code=DAMAGED, message=f"{backup.name}: {problem}")


def may_stay(run: Run, backup: Backup) -> bool:
    """Whether what was restored to be verified may stay in the cache for a rehearsal; not in plain text what is encrypted.

    :param run: the run.
    :param backup: what is verified.
    """
    encrypted = bool(backup.manifest and backup.manifest.encryption)
    return run.settings.rehearsal_source != "off" and not encrypted


def _verified(run: Run, backup: Backup, *, place: str, keep: bool, alone: bool) -> tuple[Verification | None, str]:
    from seachange.backup.proof import verify_backup

    try:
        found = verify_backup(
            backup,
            run.settings,
            fast=bool(run.options.get("fast")),
            keep=keep and may_stay(run, backup),
            progress=lambda text: run.progress(f"{place}: {text}"),
        )
    except InterruptedRunError:
        raise
    except SeachangeError as exc:
        if alone:
            raise
        return None, exc.message
    return found, ""


def _unknown(backup: Backup, problem: str) -> Finding:
    return Finding(code=UNKNOWN, message=f"{backup.name} could not be verified: {problem}", severity="warning")


def _plan(chosen: tuple[Backup, ...], *, fast: bool) -> str:
    if not chosen:
        return "there are no backups"
    what = chosen[0].name if len(chosen) == 1 else f"{len(chosen)} backups"
    return f"would {'read every file of' if fast else 'restore and compare'} {what}"


def _result(facts: list[str], findings: list[Finding], data: list[dict[str, Any]]) -> StepResult:
    bad = sum(entry["ok"] is False for entry in data)
    unknown = sum(entry["ok"] is None for entry in data)
    good = [entry for entry in data if entry["ok"]]
    words = [f"{len(good)} {'looked at' if good and good[0]['method'] == 'fast' else 'verified'}"] if good else []
    words += [f"{bad} damaged"] if bad else []
    words += [f"{unknown} not verified"] if unknown else []
    return StepResult(
        status="failed" if bad or unknown else "done",
        summary=", ".join(words),
        facts=tuple(facts),
        findings=tuple(findings),
        hint="`invoke db.backups` lists the others, `invoke db.backup` makes a new one" if bad else "",
        exit_code=ExitCode.FOUND if bad else ExitCode.ERROR if unknown else ExitCode.DONE,
        data={"verifications": data},
    )
