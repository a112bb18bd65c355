"""From what each reason of a plan follows: the artifacts whose actions bring it about, or what is written in the
manifest, as a JSON Pointer (RFC 6901) into it, name patterns counted out: `/hosts/web07/aliases`, `/defaults/validity`.

Ids never begin with a slash, so the two cannot be taken for each other. What comes by the clock, or was found in the
output folder, follows from neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pkibuild.core.diagnostics import Place
from pkibuild.model.manifest import Manifest
from pkibuild.model.plan import NOT_BUILT, Action, Change, Reason
from pkibuild.model.recipes import Sign
from pkibuild.rendering.placed import is_secret, place_of

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "subject-changed": ("subject",),
    "issuer-changed": ("issuer",),
    "usage-changed": ("usage",),
    "path-length-changed": ("path_length",),
    "constraints-changed": ("name_constraints",),
    "validity-changed": ("validity",),
    "issued-since": ("issued_since",),
    "algorithm-changed": ("key", "algorithm"),
    "generation-raised": ("key", "generation"),
}
"""Reasons that come from a field of the artifact's own declaration."""
_URLS = {"cRLDistributionPoints": ("crl", "url"), "caIssuers": ("ca_issuers_url",), "OCSP": ("ocsp", "url")}
"""Fields of a certificate that its issuer declares."""
_NOT_FOR_AUTHORITIES = frozenset({"issuer", "validity"})
"""Defaults that do not reach authorities."""
_FRESH = (NOT_BUILT,)
_NAMES = {"DNS": "dns", "IP": "ip", "email": "email", "URI": "uri"}


def pointer(place: Place) -> str:
    """A place of the manifest as a JSON Pointer."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in place)


def differing(before: Any, after: Any, place: Place) -> Iterator[Place]:
    """Where in the manifest the values stand by which two contexts of a template differ.

    `place` is where the whole is declared; a value that knows its own place tells that. Names within a secret are in no
    place.
    """
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        names = dict.fromkeys((*after, *before))
        hidden = any(map(is_secret, names))
        for name in names:
            yield from differing(before.get(name), after.get(name), place if hidden else (*place, name))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differing(one, other, (*place, number))
    else:
        found = [found for one in _apart(before, after) if (found := place_of(one)) is not None]
        yield from dict.fromkeys(found or [place])


def _apart(before: Any, after: Any) -> list[Any]:
    """The values by which two others differ: of lists, the elements that only one of them has."""
    if not isinstance(before, list) or not isinstance(after, list):
        return [after, before]
    return [one for one in after if one not in before] + [one for one in before if one not in after]


def explained(
    actions: Mapping[str, Action], planned: Mapping[str, Action], manifest: Manifest
) -> Iterator[tuple[str, Action]]:
    """The actions by id, each reason with what it follows from; `planned` are they, and those of what they need."""
    causes = _Causes(planned, manifest)
    return ((id, causes.explained(action)) for id, action in actions.items())


class _Causes:
    def __init__(self, actions: Mapping[str, Action], manifest: Manifest) -> None:
        self._actions = actions
        self._manifest = manifest

    def explained(self, action: Action) -> Action:
        if action.reasons == _FRESH:  # most that a great plan says
            return action
        reasons = tuple(
            reason if reason.because else replace(reason, because=self._of(action, reason)) for reason in action.reasons
        )
        return action if reasons == action.reasons else replace(action, reasons=reasons)

    def _of(self, action: Action, reason: Reason) -> tuple[str, ...]:
        own = _declaration(action)
        issuer = action.recipe.issuer if isinstance(action.recipe, Sign) else ""
        match reason.code:
            case "key-changed":
                return self._planned(f"{action.id.rpartition('/')[0]}/key")
            case "rotated":
                return self._planned(f"{action.id.rpartition('/')[0]}/certificate")
            case "retired":
                return self._planned(f"authority/{own[1]}/key")
            case "issuer-rekeyed":
                above = issuer or f"authority/{own[1]}"
                return self._planned(f"{above}/key") or self._planned(f"{above}/certificate") or self._at(own, "issuer")
            case "outlives-issuer":
                return self._planned(f"{issuer}/certificate")
            case "issuer-changed" if self._is_new(issuer):
                return (f"{issuer}/certificate", *self._at(own, "issuer"))
            case "issuer-changed" if self._is_renamed(issuer):
                return (f"{issuer}/certificate",)
            case "subject-changed" if self._is_called_by_fqdn(action, own):
                return self._at(own, "fqdn")
            case "names-changed":
                return self._names(action, own)
            case "urls-changed":
                fields = (_URLS[one.field] for one in action.changes if one.field in _URLS)
                place: Place = ("authorities", issuer.partition("/")[2])
                return tuple(at for field in fields for at in self._at(place, *field))
            case "validity-changed" if action.kind == "crl":
                return self._at(own, "crl", "validity")
            case "path-changed" if action.id.startswith("host/"):
                return self._at(own, "platform")
            case "inputs-changed" | "parts-changed" | "path-changed":
                return (pointer(action.place),)
        return self._at(own, *_FIELDS[reason.code]) if reason.code in _FIELDS else ()

    def _planned(self, id: str) -> tuple[str, ...]:
        return (id,) if id in self._actions else ()

    def _is_new(self, issuer: str) -> bool:
        action = self._actions.get(f"{issuer}/certificate")
        return action is not None and action.verb == "new"

    def _is_renamed(self, issuer: str) -> bool:
        action = self._actions.get(f"{issuer}/certificate")
        return action is not None and any(change.field == "subject" for change in action.changes)

    def _is_called_by_fqdn(self, action: Action, own: Place) -> bool:
        """Whether a host's common name has changed with its full name."""
        host = self._manifest.hosts.get(str(own[1])) if own[0] == "hosts" else None
        name = f"CN={host.fqdn}" if host else ""
        subjects = [one for one in action.changes if one.field == "subject"]
        return bool(name) and any(name in "".join(one.after) and name not in "".join(one.before) for one in subjects)

    def _names(self, action: Action, own: Place) -> tuple[str, ...]:
        """The fields that the names which come and go are written in."""
        changed = [name for one in action.changes if one.field == "subjectAltName" for name in _changed(one)]
        host = self._manifest.hosts.get(str(own[1])) if own[0] == "hosts" else None
        if host is not None and f"DNS:{host.fqdn}" in changed and len(changed) == 2:
            return self._at(own, "fqdn")  # the other one is the full name that it had
        fields: list[tuple[str, ...]] = []
        for name in changed:
            kind, _, value = name.partition(":")
            if host is None:
                fields.append(("names", _NAMES.get(kind, kind)))
            elif kind == "DNS":
                fields.append(("fqdn",) if value == host.fqdn else ("aliases",))
            else:
                fields.append(("addresses",) if kind == "IP" else ("subject",))
        return tuple(dict.fromkeys(at for field in fields for at in self._at(own, *field)))

    def _at(self, own: Place, *field: str) -> tuple[str, ...]:
        return (pointer(written_at(self._manifest, own, *field)),)


def written_at(manifest: Manifest, own: Place, *field: str) -> Place:
    """Where a field is written: in the declaration, else in the defaults, else the declaration itself lacks it."""
    inherited = own[0] != "authorities" or field[0] not in _NOT_FOR_AUTHORITIES
    for base in (own, ("defaults",)) if inherited else (own,):
        for length in range(len(field), 0, -1):
            place = (*base, *field[:length])
            if manifest.is_written is not None and manifest.is_written(place):
                return place
    return own


def _changed(change: Change) -> list[str]:
    return [name for name in (*change.before, *change.after) if (name in change.before) != (name in change.after)]


def _declaration(action: Action) -> Place:
    """The place of the authority, host or certificate that an action's fields are declared at."""
    kind, name = action.id.split("/", 2)[:2]
    if kind == "service":
        return ("hosts", name.rpartition("@")[2])
    return ({"authority": "authorities"}.get(kind, f"{kind}s"), name)
