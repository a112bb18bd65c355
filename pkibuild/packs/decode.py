"""A descriptor's plain data (already valid by `service.schema.json`) into a `Pack`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pkibuild.documents.schema.pointer import resolve
from pkibuild.model.desired import Rights
from pkibuild.packs.pack import (
    ByPlatform,
    CommandRule,
    EndpointRule,
    FileRule,
    FolderRule,
    MaterialRule,
    Pack,
    RequestRule,
    Requirement,
)
from pkibuild.packs.patterns import Path, Text, parse_condition, parse_path, parse_text

PLATFORMS = ("debian", "redhat", "freebsd", "user")
REQUIREMENTS = ("platform", "issuer", "usage", "key", "names", "option")
COMMANDS = ("enable", "check", "reload", "start")


class BadDescriptor(Exception):
    """What the schema cannot say is wrong; `path` leads to it in the descriptor."""

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.path = path


def decode(data: Mapping[str, Any], options: Mapping[str, Any], root: str, files_read: tuple[str, ...]) -> Pack:
    """Raises BadDescriptor."""
    secrets, paths = marked_options(options)
    return Pack(
        type=data["type"],
        version=data["version"],
        root=root,
        summary=data.get("summary", ""),
        options_schema=options,
        files_read=files_read,
        requires=tuple(_requirement(one) for one in data.get("requires", ())),
        defaults=data.get("defaults", {}),
        values={platform: _values(data, platform) for platform in PLATFORMS},
        formats=tuple(_format(one) for one in _list(data.get("formats", ()))),
        formats_option=_option(data.get("formats", ())),
        requests=tuple(_request(role, one) for role, one in data.get("requests", {}).items()),
        materials=tuple(_material(index, one) for index, one in enumerate(data.get("materials", ()))),
        files=tuple(_file(index, one) for index, one in enumerate(data.get("files", ()))),
        folders=tuple(_folder(index, one) for index, one in enumerate(data.get("folders", ()))),
        commands={kind: tuple(map(_command, data.get("commands", {}).get(kind, ()))) for kind in COMMANDS},
        endpoints=tuple(_endpoint(index, one) for index, one in enumerate(data.get("endpoints", ()))),
        reads=tuple(data.get("reads", ())),
        secrets=secrets,
        paths=paths,
    )


def _list(value: Any) -> Any:
    return () if isinstance(value, str) else value


def _option(value: Any) -> Path:
    return parse_path(value) if isinstance(value, str) and value else ()


def _text(value: Any, *path: str | int) -> Text:
    try:
        return parse_text(str(value))
    except ValueError as error:
        raise BadDescriptor(str(error), *path) from None


def _by_platform(value: Any, *path: str | int) -> ByPlatform:
    """One text for all platforms, or one for each that is named."""
    if isinstance(value, Mapping):
        return {platform: _text(text, *path, platform) for platform, text in value.items()}
    text = _text(value, *path)
    return dict.fromkeys(PLATFORMS, text)


def _values(data: Mapping[str, Any], platform: str) -> dict[str, Any]:
    """The constants of one platform: each is one value for all, or a mapping by platform."""
    found: dict[str, Any] = {}
    for name, value in data.get("values", {}).items():
        if not isinstance(value, Mapping):
            found[name] = value
        elif platform in value:
            found[name] = value[platform]
    return found


def _rights(data: Mapping[str, Any], mode: int = 0o644) -> Rights:
    return Rights(data.get("owner", ""), data.get("group", ""), int(data["mode"], 8) if "mode" in data else mode)


def _requirement(data: Mapping[str, Any]) -> Requirement:
    kind = next(one for one in REQUIREMENTS if one in data)
    value = data[kind]
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    return Requirement(
        kind,  # type: ignore[arg-type] # one of REQUIREMENTS
        values,
        data.get("message", ""),
        data.get("hint", ""),
        parse_condition(data.get("when")),
        parse_path(data["each"]) if "each" in data else (),
    )


def _format(data: Any) -> tuple[str, Any]:
    if isinstance(data, str):
        return data, parse_condition(None)
    return data["format"], parse_condition(data.get("when"))


def _request(role: str, data: Mapping[str, Any]) -> RequestRule:
    key, certificate = data["key"], data["certificate"]
    return RequestRule(
        role=role,
        usages=tuple(data["usage"]),
        common_name=_text(data.get("common_name", ""), "requests", role, "common_name"),
        names=data.get("names", "host"),
        key=_by_platform(key["path"], "requests", role, "key", "path"),
        key_rights=_rights(key, 0o400),
        certificate=_by_platform(certificate["path"], "requests", role, "certificate", "path"),
        certificate_rights=_rights(certificate),
        when=parse_condition(data.get("when")),
    )


def _material(index: int, data: Mapping[str, Any]) -> MaterialRule:
    parts = tuple(data.get("parts", ()))
    return MaterialRule(
        name=data["name"],
        path=_by_platform(data["path"], "materials", index, "path"),
        parts=parts,
        of=(data["of"],) if isinstance(data.get("of"), str) else tuple(data.get("of", ("host",))),
        authorities=parse_path(data["authorities"]) if "authorities" in data else (),
        rights=_rights(data, 0o400 if "key" in parts else 0o644),
        when=parse_condition(data.get("when")),
    )


def _file(index: int, data: Mapping[str, Any]) -> FileRule:
    at = ("files", index)
    kind = data.get("kind", "file")
    rights = _rights(data, {"directory": 0o755, "link": 0o777}.get(kind, 0o644))
    return FileRule(
        kind=kind,
        name=data.get("name", ""),
        path=_by_platform(data["path"], *at, "path"),
        template=_text(data.get("template", ""), *at, "template"),
        from_manifest=data.get("template_from", "pack") == "manifest",
        language=_text(data.get("language", "text"), *at, "language"),
        rights=rights,
        mode=_text(data.get("mode_from", ""), *at, "mode_from"),
        owner=_text(data.get("owner_from", ""), *at, "owner_from"),
        group=_text(data.get("group_from", ""), *at, "group_from"),
        target=_text(data.get("target", ""), *at, "target"),
        source=_by_platform(data["source"], *at, "source") if "source" in data else {},
        command=tuple(_text(word, *at, "command") for word in data.get("command", ())),
        when=parse_condition(data.get("when")),
        each=parse_path(data["each"]) if "each" in data else (),
    )


def _folder(index: int, data: Mapping[str, Any]) -> FolderRule:
    path = _by_platform(data["path"], "folders", index, "path")
    return FolderRule(path, _rights(data, 0o700), parse_condition(data.get("when")))


def _command(data: Mapping[str, Any]) -> CommandRule:
    run = data["run"]
    return CommandRule(
        argv=tuple(_text(word, "commands") for word in _list(run)),
        option=_option(run),
        when=parse_condition(data.get("when")),
        each=parse_path(data["each"]) if "each" in data else (),
    )


def _endpoint(index: int, data: Mapping[str, Any]) -> EndpointRule:
    return EndpointRule(
        protocol=data["protocol"],
        tls=data.get("tls", "implicit"),
        port=_text(data["port"], "endpoints", index, "port"),
        addresses=parse_path(data["addresses"]) if "addresses" in data else (),
        names=parse_path(data["names"]) if "names" in data else (),
        sharable=data.get("sharable", False),
        when=parse_condition(data.get("when")),
        each=parse_path(data["each"]) if "each" in data else (),
    )


def marked_options(schema: Mapping[str, Any]) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Which options are secret (`writeOnly`), and which are paths (`format: manifest-path`)."""
    found = list(dict.fromkeys(_marks(schema, (), schema, set())))
    secrets = tuple(path for path, mark in found if mark == "secret")
    if secrets:  # what lies so deep that it is not looked at may be one
        secrets += tuple(path for path, mark in found if mark == "deep")
    return secrets, tuple(path for path, mark in found if mark == "path")


def _marks(schema: Any, path: Path, root: Mapping[str, Any], seen: set[tuple[int, Path]]) -> Iterator[tuple[Path, str]]:
    """Every marked place. What may stand there by one of several schemas is marked when one of them marks it."""
    if not isinstance(schema, Mapping) or (id(schema), path) in seen:
        return
    if len(path) > _DEEPEST:
        yield path, "deep"
        return
    if len(seen) > _MOST:
        raise BadDescriptor("the options' schema refers to itself without end")
    seen.add((id(schema), path))
    if "$ref" in schema:
        yield from _marks(_referred(schema["$ref"], root), path, root, seen)
    for word in ("anyOf", "oneOf", "allOf"):
        for one in schema.get(word, ()):
            yield from _marks(one, path, root, seen)
    for word in ("if", "then", "else"):
        yield from _marks(schema.get(word), path, root, seen)
    for below in schema.get("dependentSchemas", {}).values():
        yield from _marks(below, path, root, seen)
    if schema.get("writeOnly") is True:
        yield path, "secret"
    if schema.get("format") == "manifest-path":
        yield path, "path"
    for name, below in schema.get("properties", {}).items():
        yield from _marks(below, (*path, name), root, seen)
    for below in (*schema.get("patternProperties", {}).values(), *schema.get("prefixItems", ())):
        yield from _marks(below, (*path, "*"), root, seen)
    for word in ("items", "contains", "additionalProperties", "unevaluatedItems", "unevaluatedProperties"):
        yield from _marks(schema.get(word), (*path, "*"), root, seen)


def _referred(target: Any, root: Mapping[str, Any]) -> Any:
    try:
        return resolve(target, root)
    except (LookupError, TypeError, ValueError):
        raise BadDescriptor(f"the options' schema refers to `{target}`, which is not there") from None


_DEEPEST = 8
"""Levels of options that are looked at: a schema may refer to itself."""
_MOST = 20_000
"""Places that are looked at."""
