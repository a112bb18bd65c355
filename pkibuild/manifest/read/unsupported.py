"""Fields that the schema knows and this version does not do yet: refused, never silently ignored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pkibuild.core.diagnostics import Place

Tell = Callable[[str, Place, bool], None]
"""Told what is not supported, where, and whether the key is meant."""

_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "authorities": {"adopt": ..., "revoked": [], "on_replace": "keep", "ocsp": ..., "succeeds": ...,
                    "cross_signed_by": [], "retired": False, "keystore": ...},
    "hosts": {"adopt": ..., "keystore": ...},
    "certificates": {"adopt": ..., "keystore": ...},
    "defaults": {"keystore": ...},
    "": {"trust": ..., "moved": []},
}  # fmt: skip
"""By section: fields, each with the value that asks for nothing (`...`: every value asks for something)."""

_FORMATS = ("pkcs12", "jks")


def find_unsupported(section: str, data: Any, place: Place, tell: Tell) -> None:
    """Tell of everything in one declaration (of `defaults`, or of the top level: section "") that is not done yet."""
    if not isinstance(data, Mapping):
        return
    for name, nothing in _FIELDS.get(section, {}).items():
        if name in data and (nothing is ... or data[name] != nothing):
            tell(f"`{name}`", (*place, name), True)
    if not section:
        return
    if data.get("issuer") == "external":
        tell("`issuer: external`", (*place, "issuer"), False)
    formats = data.get("formats")
    for at, one in enumerate(formats) if isinstance(formats, list) else ():
        if one in _FORMATS:
            tell(f"the format `{one}`", (*place, "formats", at), False)
    key = data.get("key")
    if isinstance(key, Mapping):
        if key.get("custody", "here") in ("offline", "host", "pkcs11"):
            tell(f"`custody: {key['custody']}`", (*place, "key", "custody"), False)
        if "pkcs11" in key:
            tell("`pkcs11`", (*place, "key", "pkcs11"), True)
