"""Building what a deploy needs."""

from __future__ import annotations

from seachange.tasks._task import Face, task

__all__ = ["build"]


@task(changes=True)
def build(face: Face) -> None:
    """Build the wheel and the context of a container image."""
    from seachange.workflow.build import build as use_case

    if face.dry_run:
        face.answer(["would build dist/*.whl and dist/image/"], {"built": False})
        return
    made = use_case(face.settings, progress=face.say)
    root = face.settings.root
    lines = [f"built {made.wheel.relative_to(root)}", f"built {made.context.relative_to(root)}/ with {len(made.files)} files"]
    face.answer(lines, {"wheel": made.wheel, "context": made.context, "files": made.files})
