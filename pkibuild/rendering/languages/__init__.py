"""The languages that templates are written in, each with the one way to say a value in it.

A language follows the text as it is put out, so that it knows where a value stands: in quotes, in a comment, as a whole
word, or glued to other text. It says the value so that the reader of that language gets exactly the value, or it
raises `Refused` with the reason.
"""

from __future__ import annotations

from typing import Any

from pkibuild.rendering.languages.base import Language, Refused
from pkibuild.rendering.languages.data import Json
from pkibuild.rendering.languages.httpd import Httpd
from pkibuild.rendering.languages.m4 import M4
from pkibuild.rendering.languages.plain import Ini, Text, Words
from pkibuild.rendering.languages.popper import Popper
from pkibuild.rendering.languages.shell import Shell
from pkibuild.rendering.languages.yaml import Yaml

__all__ = ["LANGUAGES", "Language", "Refused"]

LANGUAGES: dict[str, type[Language[Any]]] = {
    "text": Text,
    "words": Words,
    "ini": Ini,
    "httpd": Httpd,
    "m4": M4,
    "popper": Popper,
    "shell": Shell,
    "json": Json,
    "yaml": Yaml,
}
