"""What a plan is shown with besides its actions: the causes of reasons, and the fields of new certificates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from pkibuild.artifacts import registry
from pkibuild.artifacts.certificate.review import new_certificate
from pkibuild.model.manifest import Manifest
from pkibuild.model.plan import NOT_BUILT, Action, Plan
from pkibuild.model.recipes import Sign
from pkibuild.review.causes import Causes, pointer

_NEW = (NOT_BUILT,)


def with_causes(
    actions: Mapping[str, Action], planned: Mapping[str, Action], manifest: Manifest
) -> Iterator[tuple[str, Action]]:
    """The actions by id, each reason with its causes; `planned` are they, and those of what they need."""
    causes = Causes(planned, manifest)
    return ((id, _with_causes(action, causes)) for id, action in actions.items())


def _with_causes(action: Action, causes: Causes) -> Action:
    if action.reasons == _NEW:  # most of a large plan
        return action
    reasons = tuple(
        reason if reason.because else replace(reason, because=_causes(reason.code, action, causes))
        for reason in action.reasons
    )
    return action if reasons == action.reasons else replace(action, reasons=reasons)


def _causes(reason: str, action: Action, causes: Causes) -> tuple[str, ...]:
    if reason == "path-changed":
        own = causes.declaration(action)
        return causes.field(own, "platform") if action.id.startswith("host/") else (pointer(action.place),)
    kind = registry.find(action.kind)
    return kind.causes(reason, action, causes) if kind is not None else ()


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
