"""What the links between revisions show to be wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from seachange.plan import Finding
from seachange.revisions import _order
from seachange.revisions._finding import finding, some
from seachange.revisions._revision import Revision
from seachange.revisions.history import History

__all__ = ["RULES"]

# alembic/script/revision.py, _revision_illegal_chars: they have a meaning where revisions are named on the command line.
_ILLEGAL = "@-+"
_RESERVED = ("base", "head", "heads", "current")


def _duplicates(history: History) -> Iterator[Finding]:
    for copy in history.duplicates:
        first = history.relative(history.by_id[copy.revision].path)
        message = f"revision {copy.revision} is in two files: {first} and {history.relative(copy.path)}"
        yield finding(history, "duplicate-revision", message, hint="give one of them another id", at=copy)


def _illegal_ids(history: History) -> Iterator[Finding]:
    for revision in (*history.by_id.values(), *history.duplicates):
        name = revision.revision
        if bad := sorted(set(name).intersection(_ILLEGAL)):
            message = f"revision id {name} has {' '.join(bad)} in it, which Alembic refuses"
            yield finding(history, "illegal-revision-id", message, hint="use letters, digits and underscores", at=revision)
        elif name in _RESERVED:
            message = f"revision id {name} is a word of Alembic: it cannot name this revision in a command"
            yield finding(history, "illegal-revision-id", message, hint="choose another id", at=revision)


def _missing_parents(history: History) -> Iterator[Finding]:
    ids = history.by_id.keys()
    labels = {label: name for name, revision in history.by_id.items() for label in revision.branch_labels}
    known = ids | labels.keys()
    for revision in history.by_id.values():
        for parent in revision.down_revisions:
            if parent not in ids:
                yield _missing(history, revision, name="down_revision", parent=parent, labels=labels)
        for needed in revision.depends_on:
            if needed not in known:
                yield _missing(history, revision, name="depends_on", parent=needed, labels=labels)


def _missing(history: History, at: Revision, *, name: str, parent: str, labels: Mapping[str, str]) -> Finding:
    message = f"{name} of {at.revision} is {parent}, which is in no file"
    hint = f"add the file of {parent}, or correct {name}; was a branch merged without it?"
    label = parent.partition("@")[0]
    alike = [known for known in history.by_id if parent and known.startswith(parent)]
    if not parent:
        message, hint = f"{name} of {at.revision} is an empty text", f"write {name} = None for the first revision of a branch"
    elif label in labels and name == "down_revision":
        message = f"{name} of {at.revision} is {parent}: in a file Alembic takes only whole ids there, no branch label"
        hint = f"write the id that is meant, {labels[label]} or one that follows it"
    elif label in labels:
        message = f"{name} of {at.revision} is {parent}: in a file Alembic takes ids and branch labels, no label@revision"
        hint = f"write {label!r}, or the id that is meant"
    elif len(alike) == 1:
        message = f"{name} of {at.revision} is {parent}: in a file Alembic takes only whole ids"
        hint = f"write {alike[0]!r}"
    return finding(history, "missing-down-revision", message, hint=hint, at=at, name=name)


def _cycles(history: History) -> Iterator[Finding]:
    for cycle in _order.find_cycles(history.parents, (revision.revision for revision in history.unordered)):
        message = "revisions follow each other in a circle: " + " <- ".join((*cycle, cycle[0]))
        at = history.by_id[cycle[0]]
        # One that is not among its down_revisions is reached by depends_on.
        name = "down_revision" if set(at.down_revisions).intersection(cycle) else "depends_on"
        yield finding(history, "cyclic-down-revision", message, hint=f"correct the {name} of one of them", at=at, name=name)


def _bases(history: History) -> Iterator[Finding]:
    plain = [name for name in history.bases if not history.by_id[name].branch_labels and not history.by_id[name].depends_on]
    if len(plain) > 1:
        message = f"the history has {len(plain)} bases: {some(plain)}"
        hint = "set down_revision of all but the first, or give independent branches their branch_labels"
        yield finding(history, "several-bases", message, hint=hint, at=history.by_id[plain[1]], name="down_revision")


def _heads(history: History) -> Iterator[Finding]:
    """Find branches that end in several heads; those of different labels are meant to."""
    for heads in history.rivals:
        labels = history.labels(heads[0])
        branch = f"the branch {' '.join(sorted(labels))}" if labels else "the history"
        message = f"{branch} has {len(heads)} heads: {some(heads)}"
        hint = "put yours after the other: `invoke migration.rebase`; or join them: `invoke migration.merge`"
        # The last of those that are equally old: later in the order is the likelier newcomer.
        at = max((history.by_id[name] for name in reversed(heads)), key=lambda revision: revision.when)
        yield finding(history, "several-heads", message, hint=hint, at=at, name="down_revision")


def _labels(history: History) -> Iterator[Finding]:
    labelled = [(label, revision) for revision in history.by_id.values() for label in revision.branch_labels]
    for (label, first), (same, second) in pairwise(sorted(labelled, key=lambda pair: pair[0])):
        if label == same:
            message = f"branch label {label} is used by {first.revision} and {second.revision}"
            yield finding(
                history, "duplicate-branch-label", message, hint="choose another label", at=second, name="branch_labels"
            )
    for label, revision in labelled:
        if label in history.by_id:
            message = f"branch label {label} of {revision.revision} is also the id of a revision"
            hint = "choose another label: Alembic refuses it"
            yield finding(history, "duplicate-branch-label", message, hint=hint, at=revision, name="branch_labels")


RULES = (_duplicates, _illegal_ids, _missing_parents, _cycles, _bases, _heads, _labels)
