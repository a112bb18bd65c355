"""What plain OpenSSL did in an authority's folder: taken into the journal by an action of its own."""

from __future__ import annotations

from msgspec.structs import replace

from pkibuild.artifacts.kind import PlanningContext
from pkibuild.core.times import plural
from pkibuild.model.manifest import Authority
from pkibuild.model.plan import Action, Reason
from pkibuild.model.recipes import Import
from pkibuild.observe.source import History
from pkibuild.state.journal.histories import journal_of


def plan_authority(context: PlanningContext, authority: Authority) -> None:
    """Before an authority's own artifacts: whether it is here at all, and what plain OpenSSL did beside us."""
    history = context.source.history(authority)
    if not history.known:
        context.draft.unbuilt[authority.name] = history.remembered
    context.draft.problems.extend(history.imported.problems)
    if history.imported:
        _plan_import(context, authority, history)


def _plan_import(context: PlanningContext, authority: Authority, history: History) -> None:
    found = history.imported
    reasons = []
    if found.certificates:
        serials = ", ".join(one.serial for one in found.certificates[:3])
        reasons.append(
            Reason("openssl-issued", f"{plural(len(found.certificates), 'certificate')} of plain OpenSSL ({serials})")
        )
    if found.revocations:
        serials = ", ".join(one.serial for one in found.revocations[:3])
        reasons.append(
            Reason("openssl-revoked", f"{plural(len(found.revocations), 'revocation')} of plain OpenSSL ({serials})")
        )
    if found.crl_number is not None:
        reasons.append(Reason("openssl-crl", f"plain OpenSSL made revocation list number {found.crl_number}"))
    context.draft.signing.setdefault(authority.id, []).append(f"{authority.id}/import")  # it writes to the journal
    recipe = Import(
        authority.name,
        journal_of(authority.name),
        history.generation or authority.key.generation,
        found.certificates,
        tuple(
            (id, replace(one, on=min(one.on, context.dated)))
            for id, one in zip(found.revoked_ids, found.revocations, strict=True)
        ),
        found.crl_number,
    )
    context.draft.add(
        Action(f"{authority.id}/import", "import", "import", tuple(reasons), recipe, (), place=authority.place)
    )
