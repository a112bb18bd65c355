"""The manifest's JSON Schema: composed of a base and each pack's options; its fields that are not yet supported."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pkibuild.core.diagnostics import Place
from pkibuild.packs.pack import Pack
from pkibuild.world.files import read_file


def base_schema() -> dict[str, Any]:
    """The schema without any service type."""
    path = posixpath.join(posixpath.dirname(__file__), "pki.schema.base.json")
    schema: dict[str, Any] = json.loads(read_file(path))
    return schema


def compose_schema(packs: Mapping[str, Pack], only: Collection[str] | None = None) -> dict[str, Any]:
    """The whole schema: `$defs` has `service-TYPE` for each pack, and `any-service` that tells them apart.

    With `only` the definitions of the other types are left out (and their packs not read).
    """
    schema = base_schema()
    definitions = schema["$defs"]
    common = definitions.pop("service")
    types = sorted(packs)
    given = types if only is None else [name for name in types if name in only]
    for name in given:
        definitions[service_definition(name)] = _service(common, packs[name])
    definitions["any-service"] = {
        "type": "object",
        "description": common["description"],
        "required": ["type"],
        "properties": {"type": {**common["properties"]["type"], "enum": types}},
    }
    if given:  # an empty list is not a valid `allOf`
        definitions["any-service"]["allOf"] = [
            {
                "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                "then": {"$ref": f"#/$defs/{service_definition(name)}"},
            }
            for name in given
        ]
    return schema


def service_definition(type_name: str) -> str:
    """The name under `$defs` of a service type's schema."""
    return f"service-{type_name}"


def schema_text(packs: Mapping[str, Pack]) -> str:
    """The composed schema as `schemas/pki.schema.json` has it."""
    return json.dumps(compose_schema(packs), indent=2, ensure_ascii=False) + "\n"


def _service(common: Mapping[str, Any], pack: Pack) -> dict[str, Any]:
    """One type's schema: what every service has, and its options beside it."""
    moved = _with_references_below(pack.options_schema, f"#/$defs/{service_definition(pack.type)}")
    service = {key: value for key, value in moved.items() if key not in ("$schema", "$id", "title")}
    own = {"const": pack.type, "description": common["properties"]["type"]["description"]}
    service["type"] = "object"
    service["description"] = pack.summary or common["description"]
    service["properties"] = {**common["properties"], "type": own, **moved.get("properties", {})}
    service["required"] = ["type", *moved.get("required", ())]
    service["additionalProperties"] = False
    service["allOf"] = [*moved.get("allOf", ()), {"oneOf": common["oneOf"]}]
    return service


def _with_references_below(value: Any, pointer: str) -> Any:
    """A schema that is to stand at `pointer`, with its `$ref`s to itself adjusted."""
    if isinstance(value, Mapping):
        return {
            key: f"{pointer}{item[1:]}"
            if key == "$ref" and isinstance(item, str) and item.startswith("#")
            else _with_references_below(item, pointer)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_with_references_below(item, pointer) for item in value]
    return value


Report = Callable[[str, Place, bool], None]
"""Called with what is not supported, its place, and whether the key is meant."""

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


def find_unsupported(section: str, data: Any, place: Place, report: Report) -> None:
    """Report what one declaration (`defaults`, or with section "" the top level) asks for that is not yet supported."""
    if not isinstance(data, Mapping):
        return
    for name, nothing in _FIELDS.get(section, {}).items():
        if name in data and (nothing is ... or data[name] != nothing):
            report(f"`{name}`", (*place, name), True)
    if not section:
        return
    if data.get("issuer") == "external":
        report("`issuer: external`", (*place, "issuer"), False)
    formats = data.get("formats")
    for at, one in enumerate(formats) if isinstance(formats, list) else ():
        if one in _FORMATS:
            report(f"the format `{one}`", (*place, "formats", at), False)
    key = data.get("key")
    if isinstance(key, Mapping):
        if key.get("custody", "here") in ("offline", "host", "pkcs11"):
            report(f"`custody: {key['custody']}`", (*place, "key", "custody"), False)
        if "pkcs11" in key:
            report("`pkcs11`", (*place, "key", "pkcs11"), True)
