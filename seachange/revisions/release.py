"""Releases as values that can be compared, and the revisions that wait for one: ``requires_release`` in a revision file."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

from seachange.revisions._revision import Revision

__all__ = ["Gate", "Release", "closed_gates", "newest", "parse"]

_FORM = re.compile(
    r"(?:v|release[-_/]?)?(?P<numbers>\d+(?:\.\d+)*)"
    r"(?:[-._]?(?P<stage>dev|alpha|a|beta|b|preview|pre|rc|c|post)[-._]?(?P<count>\d*))?(?:\+[\w.-]+)?",
    re.IGNORECASE,
)
# As PEP 440 orders them; a release itself stands between its candidates and what comes after it.
_STAGES = {"dev": -4, "a": -3, "alpha": -3, "b": -2, "beta": -2, "c": -1, "rc": -1, "pre": -1, "preview": -1, "": 0, "post": 1}


@dataclasses.dataclass(frozen=True, order=True)
class Release:
    """A release by its numbers (``2.4`` is ``2.4.0``), its stage and the count of that."""

    numbers: tuple[int, ...]
    stage: int = 0
    count: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gate:
    """A revision that may only run once a release is deployed, and the one that is; empty when none is known."""

    revision: str
    title: str
    required: str
    deployed: str

    @property
    def reason(self) -> str:
        """What is missing, in words."""
        deployed = f"{self.deployed} is" if self.deployed else "nobody says which one is"
        return f"requires release {self.required}, and {deployed} deployed"

    @property
    def sentence(self) -> str:
        """The same with the revision."""
        title = f" ({self.title})" if self.title else ""
        return f"revision {self.revision}{title} {self.reason}"


def parse(text: str) -> Release | None:
    """Return the release that a text names, such as ``2.4.0``, ``v2.4``, ``release-2.4.0rc1``; None when it names none."""
    found = _FORM.fullmatch(text.strip())
    if not found:
        return None
    numbers = [int(part) for part in found["numbers"].split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return Release(tuple(numbers), _STAGES[(found["stage"] or "").lower()], int(found["count"] or 0))


def newest(names: Iterable[str]) -> str:
    """Return the name of the newest release; those that name none are passed over."""
    known = [(release, name) for name in names if (release := parse(name))]
    return max(known)[1] if known else ""


def closed_gates(revisions: Iterable[Revision], *, deployed: str) -> tuple[Gate, ...]:
    """Return which of ``revisions`` wait for a release that is not deployed yet, in their order.

    :param revisions: the revisions to run.
    :param deployed: the release that is deployed; empty when nobody says.
    """
    here = parse(deployed)
    found = []
    for revision in revisions:
        required = parse(revision.requires_release) if revision.requires_release else None
        if revision.requires_release and (required is None or here is None or here < required):
            found.append(
                Gate(revision=revision.revision, title=revision.title, required=revision.requires_release, deployed=deployed)
            )
    return tuple(found)
