"""From what the reasons for issuing a certificate follow."""

from __future__ import annotations

from pkibuild.core.diagnostics import Place
from pkibuild.model.plan import Action, Change
from pkibuild.model.recipes import Sign
from pkibuild.review.causes import Causes

_FIELDS = {
    "subject-changed": ("subject",),
    "issuer-changed": ("issuer",),
    "usage-changed": ("usage",),
    "path-length-changed": ("path_length",),
    "constraints-changed": ("name_constraints",),
    "validity-changed": ("validity",),
    "issued-since": ("issued_since",),
}
"""Reasons that come from a field of the declaration."""
_URLS = {"cRLDistributionPoints": ("crl", "url"), "caIssuers": ("ca_issuers_url",), "OCSP": ("ocsp", "url")}
"""Fields of a certificate that its issuer declares."""
_NAMES = {"DNS": "dns", "IP": "ip", "email": "email", "URI": "uri"}


def certificate_causes(reason: str, action: Action, causes: Causes) -> tuple[str, ...]:
    """The causes of a reason (its code); empty where there is none."""
    own = causes.declaration(action)
    issuer = action.recipe.issuer if isinstance(action.recipe, Sign) else ""
    match reason:
        case "key-changed":
            return causes.first(f"{action.id.rpartition('/')[0]}/key")
        case "retired":
            return causes.first(f"authority/{own[1]}/key")
        case "issuer-rekeyed":
            return causes.first(f"{issuer}/key", f"{issuer}/certificate") or causes.field(own, "issuer")
        case "outlives-issuer":
            return causes.first(f"{issuer}/certificate")
        case "issuer-changed":
            return _issuer(own, issuer, causes)
        case "subject-changed" if _is_called_by_fqdn(action, own, causes):
            return causes.field(own, "fqdn")
        case "names-changed":
            return _names(action, own, causes)
        case "urls-changed":
            fields = (_URLS[one.field] for one in action.changes if one.field in _URLS)
            place: Place = ("authorities", issuer.partition("/")[2])
            return tuple(at for field in fields for at in causes.field(place, *field))
    return causes.field(own, *_FIELDS[reason]) if reason in _FIELDS else ()


def _issuer(own: Place, issuer: str, causes: Causes) -> tuple[str, ...]:
    above = causes.planned.get(f"{issuer}/certificate")
    if above is not None and above.verb == "new":
        return (above.id, *causes.field(own, "issuer"))
    if above is not None and any(change.field == "subject" for change in above.changes):
        return (above.id,)
    return causes.field(own, "issuer")


def _is_called_by_fqdn(action: Action, own: Place, causes: Causes) -> bool:
    """Whether a host's common name has changed with its full name."""
    host = causes.manifest.hosts.get(str(own[1])) if own[0] == "hosts" else None
    name = f"CN={host.fqdn}" if host else ""
    subjects = [one for one in action.changes if one.field == "subject"]
    return bool(name) and any(name in "".join(one.after) and name not in "".join(one.before) for one in subjects)


def _names(action: Action, own: Place, causes: Causes) -> tuple[str, ...]:
    """The fields in which the names that come and go are written."""
    changed = [name for one in action.changes if one.field == "subjectAltName" for name in _changed(one)]
    host = causes.manifest.hosts.get(str(own[1])) if own[0] == "hosts" else None
    if host is not None and f"DNS:{host.fqdn}" in changed and len(changed) == 2:
        return causes.field(own, "fqdn")  # the other one is the full name that it had
    fields: list[tuple[str, ...]] = []
    for name in changed:
        kind, _, value = name.partition(":")
        if host is None:
            fields.append(("names", _NAMES.get(kind, kind)))
        elif kind == "DNS":
            fields.append(("fqdn",) if value == host.fqdn else ("aliases",))
        else:
            fields.append(("addresses",) if kind == "IP" else ("subject",))
    return tuple(dict.fromkeys(at for field in fields for at in causes.field(own, *field)))


def _changed(change: Change) -> list[str]:
    return [name for name in (*change.before, *change.after) if (name in change.before) != (name in change.after)]
