"""A pack narrowed to one service on one platform, so that what holds for all its hosts is worked out once.

Rules that cannot hold there are gone, conditions that do hold are dropped, constants stand in the texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pkibuild.packs.pack import ByPlatform, Pack
from pkibuild.packs.patterns import ALWAYS, Condition, Path, Text, look_up

_CONSTANT = ("values", "origin")
"""Roots whose values can stand in a text at once. Those of options stay, as their places are wanted in messages."""


def narrow(pack: Pack, platform: str, context: Mapping[str, Any]) -> Pack:
    """`context` has the `options` and `values` of the service on the platform, and of `host` the platform alone."""
    here = _Narrowing(platform, context)
    return replace(
        pack,
        requires=here.rules(pack.requires),
        formats=tuple((name, when) for name, when in here.formats(pack.formats)),
        requests=here.rules(pack.requests, "key", "certificate"),
        materials=here.rules(pack.materials, "path"),
        files=here.rules(pack.files, "path", "source"),
        folders=here.rules(pack.folders, "path"),
        commands={kind: here.rules(rules) for kind, rules in pack.commands.items()},
        endpoints=here.rules(pack.endpoints),
    )


def same_everywhere(pack: Pack, platform: str) -> frozenset[str]:
    """Those parts of an expansion, by their names there, in which nothing hangs on the host; `pack` is narrowed."""
    asked = {kind: _asked(rules) for kind, rules in pack.commands.items()}
    asked["formats"] = [pack.formats_option, *(path for _, when in pack.formats for path in when.asks)]
    asked["ports"] = _asked(pack.endpoints)
    if platform != "user":  # there every path is below the host's `home`
        asked["folders"] = _asked((*pack.folders, *pack.files))
        if not pack.requests:  # else a copy may have the names of several pairs in it
            asked["copies"] = asked["files"] = asked["within"] = _asked((*pack.materials, *pack.files))
    return frozenset(part for part, paths in asked.items() if all(map(is_same, paths)))


def _asked(rules: Iterable[Any]) -> list[Path]:
    return [path for rule in rules for path in rule.asks]


def is_same(path: Path) -> bool:
    """Whether all hosts of one platform have the same value there; an `item` is that of an option."""
    return not path or path[0] in ("options", "values", "origin", "item") or path in _SAME


_SAME = (("host", "platform"), ("service", "name"), ("service", "type"))


def is_settled(path: Path) -> bool:
    """Whether the context of `narrow` has what every host has there."""
    return path[0] in ("options", "values") or path == ("host", "platform")


class _Narrowing:
    def __init__(self, platform: str, context: Mapping[str, Any]) -> None:
        self.platform = platform
        self.context = context

    def rules(self, rules: tuple[Any, ...], *paths: str) -> tuple[Any, ...]:
        """Those rules that can hold; `paths` are their fields by platform, of which the first has to be there."""
        found = []
        for rule in rules:
            when = self.condition(rule.when)
            if when is None or (paths and self.platform not in getattr(rule, paths[0])):
                continue
            fields = {name: self.by_platform(getattr(rule, name)) for name in paths}
            found.append(replace(rule, when=when, **fields))
        return tuple(found)

    def formats(self, formats: tuple[tuple[str, Condition], ...]) -> list[tuple[str, Condition]]:
        narrowed = ((name, self.condition(when)) for name, when in formats)
        return [(name, when) for name, when in narrowed if when is not None]

    def condition(self, when: Condition) -> Condition | None:
        """What is still to be asked of each host; None when the condition never holds."""
        open_: list[tuple[Path, tuple[Any, ...]]] = []
        for test in when.tests:
            if not is_settled(test[0]):
                open_.append(test)
            elif not Condition((test,)).holds(self.context):
                return None
        return Condition(tuple(open_)) if open_ else ALWAYS

    def by_platform(self, texts: ByPlatform) -> ByPlatform:
        return {self.platform: self.text(texts[self.platform])} if self.platform in texts else {}

    def text(self, text: Text) -> Text:
        parts: list[str | Path] = []
        for part in text:
            value = look_up(self.context, part) if not isinstance(part, str) and part[0] in _CONSTANT else part
            if not isinstance(value, str):
                value = part
            if isinstance(value, str) and parts and isinstance(parts[-1], str):
                parts[-1] += value
            else:
                parts.append(value)
        return tuple(parts)
