"""Restore backups, swap what was restored for what is in use, and drop what is no longer needed of either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seachange.errors import ConfigError
from seachange.tasks._task import Face, task

if TYPE_CHECKING:
    from seachange.backup.globals import MissingRole
    from seachange.postgres.connection import Database

__all__ = ["kept", "restore", "swap"]


@task(
    changes=True,
    collection="db",
    positional=("backup",),
    iterable=("role",),
    help={
        "backup": "name of the backup, or the beginning of it (default: the newest)",
        "into": "database to restore into (default: a new one beside the original; with --swap the project's database)",
        "swap": "put it into the place of the database --into, which is kept under a dated name",
        "role": "OLD=NEW: what a role of the backup is called here (repeatable)",
        "no_owner": "everything belongs to the user that restores",
        "globals_": "make the roles that the backup needs and the server lacks, without passwords",
        "data_dir": "new folder for the cluster of a physical backup",
        "verify": "compare all contents with the manifest afterwards, not only numbers of rows and the schema",
        "jobs": "connections to restore over (default: by size and processors)",
        "yes": "do not ask",
    },
)
def restore(  # noqa: PLR0913  # each parameter is a flag of the command
    face: Face,
    *,
    backup: str = "latest",
    into: str = "",
    swap: bool = False,
    role: Sequence[str] | None = None,
    no_owner: bool = False,
    globals_: bool = False,
    data_dir: str = "",
    verify: bool = False,
    jobs: int = 0,
    yes: bool = False,
) -> None:
    """Restore a backup, into a new database unless told otherwise."""
    from seachange.workflow import Step, pipeline
    from seachange.workflow.restore import restore as restore_step
    from seachange.workflow.restore import restore_data_directory

    if data_dir:
        if into or swap or role or no_owner or globals_:
            raise ConfigError("--data-dir takes a whole cluster as it was", hint="leave the other flags out")
        step = Step(name="restore", run=restore_data_directory)
        face.run(pipeline(step, name="db.restore"), backup=backup, data_dir=data_dir)
        return
    names = _roles(role or ())
    options = {"backup": backup, "into": into, "roles": names, "owners": not no_owner, "jobs": jobs, "overwrite": swap}
    options["full"] = verify
    if globals_:
        options["missing_roles"] = _agreed_roles(face, backup, yes=yes)
    if swap:
        options["into"] = into = into or _project_database(face).name
        face.confirm(
            f"{into} will be replaced by backup {backup}: what was written since is in the old one only, which is kept under a "
            "dated name; its sessions are ended",
            expected=into,
            yes=yes,
        )
    face.run(pipeline(Step(name="restore", run=restore_step), name="db.restore"), **options)


@task(
    changes=True,
    collection="db",
    positional=("name",),
    help={
        "name": "a database that a restore made, or that one kept",
        "into": "database whose place it takes (default: the project's database)",
        "yes": "do not ask",
    },
)
def swap(face: Face, *, name: str = "", into: str = "", yes: bool = False) -> None:
    """Put a restored database into the place of the one in use, or back."""
    import datetime

    from seachange.backup.kept import put_in_place, require_kept

    if not name:
        raise ConfigError("db.swap needs the name of a database", hint="`invoke db.kept` lists those that restores left")
    server = _project_database(face)
    target = into or server.name
    require_kept(server, name)
    face.confirm(
        f"{name} will take the place of {target}, which is kept under a dated name; its sessions are ended",
        expected=target,
        yes=yes,
    )
    if face.dry_run:
        face.answer([f"would put {name} into the place of {target}"], {"database": target, "was": name})
        return
    old_name = put_in_place(server, name, instead_of=target, now=datetime.datetime.now(datetime.UTC))
    lines = [f"{name} is {target} now; the database that was there is kept as {old_name}"]
    face.answer(lines, {"database": target, "was": name, "replaced": old_name})


@task(
    changes=True,
    collection="db",
    iterable=("drop",),
    help={"drop": "drop this one (repeatable)", "yes": "do not ask"},
)
def kept(face: Face, *, drop: Sequence[str] | None = None, yes: bool = False) -> None:
    """List the databases that restores left beside those in use, or drop some."""
    from seachange.backup.kept import drop_kept, list_kept, require_kept
    from seachange.report.backups import kept_lines

    server = _project_database(face)
    for name in drop or ():
        require_kept(server, name)
    for name in drop or ():
        face.confirm(f"{name} will be dropped, with all that is in it", expected=name, yes=yes)
        if not face.dry_run:
            drop_kept(server, name)
            face.say(f"{name} is dropped")
    found = list_kept(server)
    face.answer(kept_lines(found), {"databases": found})


def _agreed_roles(face: Face, backup: str, *, yes: bool) -> Sequence[MissingRole]:
    from seachange.workflow.restore import find_missing_roles

    with face.new_run(options={"backup": backup}) as run:
        missing = find_missing_roles(run)
    for role in missing:
        face.say(f"role {role.name}: {role.attributes}")
    if missing:
        names = ", ".join(role.name for role in missing)
        face.confirm(f"the roles {names} will be made on the server, without passwords", expected="roles", yes=yes)
    return missing


def _roles(pairs: Sequence[str]) -> dict[str, str]:
    roles = {}
    for pair in pairs:
        old, equals, new = pair.partition("=")
        if not (old and equals and new):
            raise ConfigError(f"--role {pair}: it is not OLD=NEW", hint="--role clinic=vetai, once for each role")
        roles[old] = new
    return roles


def _project_database(face: Face) -> Database:
    from seachange.workflow.run import resolve_database

    return resolve_database(face.settings)
