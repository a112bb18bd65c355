"""What new certificates will say, field by field: it follows from their recipes, and is added where it is shown."""

from __future__ import annotations

from msgspec.structs import replace

from pkibuild.artifacts.certificate.review import new_certificate
from pkibuild.model.manifest import Manifest
from pkibuild.model.plan import Action, Plan
from pkibuild.model.recipes import Sign


def describe_new(plan: Plan, manifest: Manifest) -> Plan:
    """The plan, with a change for each field of each new certificate."""
    actions = tuple(_described(one, manifest) if one.verb == "new" else one for one in plan.actions)
    return replace(plan, actions=actions)


def _described(action: Action, manifest: Manifest) -> Action:
    recipe = action.recipe
    if not isinstance(recipe, Sign):
        return action
    issuer = manifest.authorities.get(recipe.signer.unit.removeprefix("authority/"))
    if recipe.signer.unit == recipe.unit:
        issuer = None
    fields = new_certificate(recipe.profile, recipe.not_after, issuer.subject if issuer else recipe.profile.subject)
    return replace(action, changes=(*action.changes, *fields))
