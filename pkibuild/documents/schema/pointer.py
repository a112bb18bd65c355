"""JSON pointers within a schema, as `$ref` has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any] | bool


def resolve(target: str, root: Mapping[str, Any]) -> Schema:
    """The schema at a pointer such as `#/$defs/host`. Raises LookupError, TypeError or ValueError if there is none."""
    schema: Any = root
    for step in target[2:].split("/") if target != "#" else ():
        step = step.replace("~1", "/").replace("~0", "~")
        schema = schema[int(step)] if isinstance(schema, list) else schema[step]
    result: Schema = schema
    return result
