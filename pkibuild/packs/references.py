"""Whether every name that a user's descriptor refers to exists: a misspelt option in `when` would simply never hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pkibuild.core.diagnostics import Diagnostic, Place, nearest
from pkibuild.documents import Document
from pkibuild.packs.decode import marked_options
from pkibuild.packs.patterns import ROOTS, Path, below, parse_path, parse_text
from pkibuild.rendering.languages import LANGUAGES

HOST = ("name", "fqdn", "names", "addresses", "platform", "home", "usage")
SERVICE = ("name", "type", "id")
PATHS = ("key", "certificate", "certificates", "private", "fullchain", "chain", "der", "combined")
_PATH_FIELDS = frozenset({"each", "authorities", "addresses"})
"""Fields whose text is the path of a value."""
_LITERAL_FIELDS = frozenset({"type", "summary", "message", "hint", "protocol", "values", "defaults"})
"""Fields in which nothing is a placeholder."""


def check_references(descriptor: Document, options: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Unknown options, paths and languages, each at its line; the descriptor is valid by its schema."""
    data = descriptor.data
    known = {
        "host": set(HOST),
        "service": set(SERVICE),
        "options": set(options.get("properties", {})),
        "values": set(data.get("values", {})),
        "paths": set(_paths(data)),
    }
    secrets, _ = marked_options(options)
    for place, path in _references(data, ()):
        if isinstance(path, str):
            yield _told(descriptor, place, path, "")
            continue
        if not {"when", "each"}.intersection(place) and _is_secret(_option_of(path, data, place), secrets):
            message = f"`{'.'.join(path)}` is secret, and would be seen in plans, receipts and lists of processes"
            yield _told(descriptor, place, message, "only a template may use it: write it into a file")
        names = known.get(path[0])
        if names is not None and len(path) > 1 and path[1] not in names:
            near = nearest(path[1], names)
            message = f"there is no `{path[0]}.{path[1]}`"
            hint = f"did you mean `{near}`?" if near else f"there are: {', '.join(sorted(names))}" if names else ""
            yield _told(descriptor, place, message, hint)
    for index, file in enumerate(data.get("files", ())):
        language = file.get("language", "text")
        if language not in LANGUAGES and "{" not in language:
            hint = f"there are: {', '.join(sorted(LANGUAGES))}"
            yield _told(descriptor, ("files", index, "language"), f"there is no language `{language}`", hint)
    yield from _check_roles(descriptor)


def _option_of(path: Path, data: Any, place: Place) -> Path:
    """The path itself, or of an `item` that of the option for each of whose elements the rule at a place is."""
    for step in place if path[0] == "item" else ():
        data = data[step]
        if isinstance(data, Mapping) and isinstance(data.get("each"), str):
            return (*parse_path(data["each"]), "*", *path[1:])
    return path


def _is_secret(path: Path, secrets: Iterable[Path]) -> bool:
    """Whether a placeholder names a secret option, a part of one, or something that one is a part of."""
    return len(path) > 1 and any(below(("options", *secret), path) is not None for secret in secrets)


def _told(descriptor: Document, place: Place, message: str, hint: str) -> Diagnostic:
    return Diagnostic("bad-pack", message, hint=hint, span=descriptor.locate(place))


def _check_roles(descriptor: Document) -> Iterator[Diagnostic]:
    roles = {"host", *descriptor.data.get("requests", {})}
    for index, material in enumerate(descriptor.data.get("materials", ())):
        named = material.get("of", "host")
        several = [named] if isinstance(named, str) else named
        for name in several:
            if name not in roles:
                message, hint = f"there is no request `{name}`", f"there are: {', '.join(sorted(roles))}"
                yield _told(descriptor, ("materials", index, "of"), message, hint)
        if len(several) > 1 and not set(material.get("parts", ("key",))) <= {"chain", "root"}:
            message, hint = "only `chain` and `root` can be those of several", "write a material for each"
            yield _told(descriptor, ("materials", index, "of"), message, hint)


def _paths(data: Mapping[str, Any]) -> Iterator[str]:
    yield from PATHS
    yield from (one["name"] for kind in ("files", "materials") for one in data.get(kind, ()) if "name" in one)
    for role in data.get("requests", {}):
        yield from (f"{role}_key", f"{role}_certificate")


def _references(data: Any, place: Place) -> Iterator[tuple[Place, Path | str]]:
    """Every path of a value in the descriptor, or in its stead the message why a text is none."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _field(str(key), value, (*place, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _references(value, (*place, index))
    elif isinstance(data, str):
        try:
            yield from ((place, part) for part in parse_text(data) if not isinstance(part, str))
        except ValueError as error:
            yield place, str(error)


def _field(key: str, value: Any, place: Place) -> Iterator[tuple[Place, Path | str]]:
    if key in _LITERAL_FIELDS:
        return
    if key == "when" and isinstance(value, Mapping):
        yield from (((*place, name), _option(name)) for name in value)
    elif key in _PATH_FIELDS or (key in ("run", "formats") and isinstance(value, str)):
        yield place, _option(value)
    elif key == "names":
        yield from ((place, _option(one)) for one in _names(value))
    elif key == "option":
        yield from ((place, parse_path(one)) for one in value)
    else:
        yield from _references(value, place)


def _names(value: Any) -> Iterable[str]:
    if isinstance(value, list):
        return value
    return () if value in ("host", "fqdn", "none") else (value,)


def _option(text: str) -> Path:
    """The path of a value, as far as it can be checked: `sites.names` is about the option `sites`."""
    path = parse_path(text)
    return path[:2] if path[0] in ROOTS else path
