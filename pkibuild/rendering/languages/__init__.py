"""The languages that templates are written in, each with the one way to say a value in it.

A language follows the text as it is put out, so that it knows where a value stands: in quotes, in a comment, as a whole
word, or glued to other text. It says the value so that the reader of that language gets exactly the value, or it
raises `Refused` with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any

from pkibuild.rendering.languages.base import Language, Refused

__all__ = ["LANGUAGES", "Language", "Refused", "find_language"]

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
"""By name, module and class: only those are loaded that a run has something to say in."""


@cache
def find_language(name: str) -> Language[Any]:
    """The language of this name (a key of `LANGUAGES`)."""
    module, kind = LANGUAGES[name]
    found: Language[Any] = getattr(import_module(f"{__name__}.{module}"), kind)()
    return found
