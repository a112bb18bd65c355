"""Defaults of a pack's options, filled in after its schema at every depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def complete(schema: Mapping[str, Any], value: Any) -> Any:
    """`value` with every `default` of the schema that it lacks, in mappings and in the elements of lists.

    Options without a default stay away. Nothing is checked here.
    """
    if isinstance(value, Mapping):
        properties: Mapping[str, Any] = schema.get("properties", {})
        done = {key: complete(properties[key], below) if key in properties else below for key, below in value.items()}
        for key, below in properties.items():
            if key not in done and "default" in below:
                done[key] = complete(below, below["default"])
        return done
    if isinstance(value, list | tuple) and "items" in schema:
        return [complete(schema["items"], below) for below in value]
    return value
