"""Nothing that is not ours is overwritten."""

from __future__ import annotations

from pkibuild.artifacts.kind import Context
from pkibuild.model.desired import Artifact


def refuse_foreign(context: Context, artifact: Artifact) -> None:
    """An error: something lies at an artifact's path that pkibuild did not make."""
    context.draft.seen.add(artifact.id)
    context.draft.problems.error(
        "not-ours",
        f"`{artifact.path}` is there already, and pkibuild did not make it",
        artifact.place,
        "move it away, or choose another `output:`; nothing that is not ours is overwritten",
    )
