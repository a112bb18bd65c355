"""Validation against a JSON Schema (draft 2020-12): jsonschema-rs decides, jsonschema says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from msgspec import Struct, field

from pkibuild.core.diagnostics import Diagnostic, Place
from pkibuild.documents.schema.engine import compile_schema, has_whole_float, validator_class
from pkibuild.documents.schema.words import MAX_ERRORS, IsSecret, explain, refused


class Validator(Struct):
    """Validates values against schemas named by pointers (`#/$defs/host`) into one root schema."""

    root: Mapping[str, Any]
    _fast: dict[str, Any] = field(default_factory=dict)
    _strict: dict[str, Any] = field(default_factory=dict)

    def accepts(self, pointer: str, value: Any) -> bool:
        """Whether a value is valid."""
        if has_whole_float(value):
            return self._by_strict_rules(pointer, value)
        fast = self._fast.get(pointer)
        if fast is None:
            fast = self._fast[pointer] = compile_schema(self._schema(pointer))
        try:
            valid: bool = fast.is_valid(value)
        except ValueError:  # a text with a surrogate, which has no form in UTF-8
            return self._by_strict_rules(pointer, value)
        return valid

    def problems(self, pointer: str, value: Any, place: Place, secret: IsSecret) -> list[Diagnostic]:
        """What is wrong with a value that stands at `place`; empty when nothing is."""
        if self.accepts(pointer, value):
            return []
        errors = islice(self._validator(pointer).iter_errors(value), MAX_ERRORS)
        in_order = sorted(errors, key=lambda error: list(map(str, error.absolute_path)))
        diagnostics = [one for error in in_order for one in explain(error, place, secret)]
        return diagnostics or [refused(value, place, secret)]

    def _by_strict_rules(self, pointer: str, value: Any) -> bool:
        valid: bool = self._validator(pointer).is_valid(value)
        return valid

    def _validator(self, pointer: str) -> Any:
        if pointer not in self._strict:
            self._strict[pointer] = validator_class()(self._schema(pointer))
        return self._strict[pointer]

    def _schema(self, pointer: str) -> Mapping[str, Any]:
        return self.root if pointer == "#" else {"$ref": pointer, "$defs": self.root.get("$defs", {})}
