"""The languages of the files that templates make, each with its way to encode a value.

A language follows the output, so that it knows the context of a value: in quotes, in a comment, a whole word, or part
of other text. It encodes the value so that a parser of that language reads exactly the value, or it raises
`NotRepresentable` with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any

from pkibuild.rendering.languages.base import Language, NotRepresentable

__all__ = ["LANGUAGES", "Language", "NotRepresentable", "find_language"]

LANGUAGES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "text": ("plain", "Text"),
        "words": ("plain", "Words"),
        "ini": ("plain", "Ini"),
        "httpd": ("httpd", "Httpd"),
        "m4": ("m4", "M4"),
        "popper": ("popper", "Popper"),
        "shell": ("shell", "Shell"),
        "json": ("data", "Json"),
        "yaml": ("yaml", "Yaml"),
    }
)
"""Module and class by name: only those are imported that a run renders."""


@cache
def find_language(name: str) -> Language[Any]:
    """The language of this name (a key of `LANGUAGES`)."""
    module, kind = LANGUAGES[name]
    language: Language[Any] = getattr(import_module(f"{__name__}.{module}"), kind)()
    return language
