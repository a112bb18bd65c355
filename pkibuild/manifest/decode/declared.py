"""From what was written to what was declared: checked against the schema, patterns counted out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from pkibuild.core.diagnostics import Diagnostic, Place
from pkibuild.documents.schema.validator import Validator
from pkibuild.documents.schema.words import IsSecret, quote
from pkibuild.manifest.decode.context import Context, Raw
from pkibuild.manifest.read.compose import find_unsupported, service_definition
from pkibuild.manifest.read.gather import SECTIONS, Written
from pkibuild.manifest.read.patterns import NAME, BadPattern, expand, is_pattern, other_lengths, range_of
from pkibuild.model.manifest import EXTERNAL, SELF

MAX_HOSTS = 100_000
"""The most declarations of one section, patterns counted out."""

_WITH_PATTERNS = ("hosts", "certificates")
_DEFINITIONS = {"authorities": "authority", "hosts": "host", "certificates": "certificate"}
_SECRETS = ("passphrase", "password", "pin")


class Declared(Struct):
    """By section: declarations that the schema accepts, and the names of all that were written."""

    valid: dict[str, dict[str, Raw]] = field(default_factory=lambda: {section: {} for section in SECTIONS})
    names: dict[str, dict[str, Raw]] = field(default_factory=lambda: {section: {} for section in SECTIONS})


def read_declarations(context: Context, validator: Validator, types: list[str], secret: IsSecret) -> Declared:
    """Every named declaration, with every problem that the schema finds reported."""
    declared = Declared()
    reader = _Reader(context, validator, types, secret)
    for section in SECTIONS:
        for written in context.gathered.sections[section].values():
            for raw, valid in reader.read(section, written, declared.names[section]):
                declared.names[section][raw.name] = raw
                if valid:
                    declared.valid[section][raw.name] = raw
    return declared


class _Reader(Struct):
    context: Context
    validator: Validator
    types: list[str]
    secret: IsSecret

    def read(self, section: str, written: Written, taken: dict[str, Raw]) -> Iterator[tuple[Raw, bool]]:
        place: Place = (section, written.name)
        find_unsupported(section, written.data, place, self.context.not_supported)
        if is_pattern(written.name) and section in _WITH_PATTERNS:
            yield from self._fleet(section, written, taken)
        elif NAME.fullmatch(written.name) is None or (section == "authorities" and written.name in (SELF, EXTERNAL)):
            self._bad_name(section, written.name, place)
        elif written.name in taken:
            self._taken(section, written.name, written.name, taken)
        else:
            bad = self._bad_fields(section, written.data, place)
            yield self._raw(section, written.name, written, written.data, bad)

    def _bad_name(self, section: str, name: str, place: Place) -> None:
        if section == "authorities" and name in (SELF, EXTERNAL):
            message, hint = f"`{name}` cannot be an authority's name: `issuer: {name}` means something else", ""
        else:
            message = f"{quote(name)} cannot be a name"
            hint = "a letter or digit in lower case, then letters, digits, `.`, `_`, `-`; 63 characters at most"
            if is_pattern(name):
                hint = "only hosts and certificates may have name patterns"
        self.context.error("bad-name", message, place, hint, at_key=True)

    def _taken(self, section: str, name: str, written: str, taken: dict[str, Raw]) -> None:
        self.context.error("name-taken", f"{quote(name)} is declared twice", (section, written), at_key=True,
                           related=(("also declared here", (section, taken[name].written)),))  # fmt: skip

    # -- fleets -----------------------------------------------------------------------

    def _fleet(self, section: str, written: Written, taken: dict[str, Raw]) -> Iterator[tuple[Raw, bool]]:
        place: Place = (section, written.name)
        try:
            names = range_of(written.name)
            if names is None:
                raise BadPattern("write a range as `web[001:200]`")
        except BadPattern as error:
            self.context.error(
                "bad-pattern", f"{quote(written.name)} is not a valid name pattern: {error}", place, at_key=True
            )
            return
        count = len(names)
        if count + len(taken) > MAX_HOSTS:
            self.context.error("too-many", f"{quote(written.name)} stands for {count} names, and at most {MAX_HOSTS} "
                               f"{section} are allowed", place, at_key=True)  # fmt: skip
            return
        bad = self._other_ranges(written, place, count).union(
            *(self._bad_fields(section, expand(written.data, count, at), place) for at in (0, count - 1))
        )
        for at in range(count):
            name = names[at]
            if NAME.fullmatch(name) is None:
                self._bad_name(section, name, place)
                return
            if name in taken:
                self._taken(section, name, written.name, taken)
                continue
            self.context.gathered.names[section, name] = written.name
            yield self._raw(section, name, written, expand(written.data, count, at), bad)

    def _other_ranges(self, written: Written, place: Place, count: int) -> set[str]:
        """The fields in which a range is not as long as the name's, each reported."""
        bad = set()
        for name, value in written.data.items() if isinstance(written.data, dict) else ():
            for text in other_lengths(value, count):
                message = f"the range in {quote(text)} is not as long as the {count} of {quote(written.name)}"
                self.context.error("range-length", message, (*place, name))
                bad.add(name)
        return bad

    def _raw(self, section: str, name: str, written: Written, data: Any, bad: set[str]) -> tuple[Raw, bool]:
        """The declaration without what the schema refused, and whether the rest of it makes sense."""
        if not bad:
            return Raw(section, name, written.name, data, written.document), True
        kept = {key: value for key, value in data.items() if key not in bad} if isinstance(data, dict) else {}
        pointer = self._pointer(section, kept)
        valid = bool(pointer) and self.validator.accepts(pointer, kept)
        return Raw(section, name, written.name, kept, written.document, sound=False), valid

    # -- the schema ---------------------------------------------------------------------

    def _bad_fields(self, section: str, data: Any, place: Place) -> set[str]:
        """The fields of a declaration that the schema refuses, each reported; `""` stands for the whole of it."""
        pointer = self._pointer(section, data)
        if not pointer:
            self._report_type(data, place)
            return {""}
        if self.validator.accepts(pointer, data):
            return set()
        problems = self.validator.problems(pointer, data, place, self.secret)
        for one in problems:
            report(self.context, one)
        if section == "services":
            found = (one.place for one in problems if one.code in ("unknown-field", "wrong-type"))
            self.context.gathered.refused += (at for at in found if at is not None and len(at) > len(place))
        return {str(((one.place or ()) + ("",) * 3)[2]) for one in problems}

    def _pointer(self, section: str, data: Any) -> str:
        """Where in the schema a declaration is described; empty for a service of a type that is not known."""
        if section != "services":
            return f"#/$defs/{_DEFINITIONS[section]}"
        kind = data.get("type") if isinstance(data, dict) else None
        return f"#/$defs/{service_definition(kind)}" if kind in self.types else ""

    def _report_type(self, data: Any, place: Place) -> None:
        kind = data.get("type") if isinstance(data, dict) else None
        if isinstance(kind, str):
            close = self.context.nearest(kind, self.types)
            hint = f"did you mean `{close}`?" if close else f"known are {', '.join(f'`{one}`' for one in self.types)}"
            self.context.error("unknown-type", f"there is no service type {quote(kind)}", (*place, "type"), hint)
        else:
            for one in self.validator.problems("#/$defs/any-service", data, place, self.secret):
                report(self.context, one)


def report(context: Context, one: Diagnostic) -> None:
    """A problem that the schema found; a secret that is written out has words of its own."""
    place = one.place or ()
    if one.code == "wrong-type" and place and place[-1] in _SECRETS:
        one = replace(
            one, code="passphrase-in-manifest", message=f"a {place[-1]} is written into the manifest itself",
            hint="say where it comes from: `{env: NAME}`, `{file: PATH}`, `{command: [ARGV…]}` or `{prompt: true}`; "
            "and change it, if this file was ever committed",
        )  # fmt: skip
    context.error(one.code, one.message, place, one.hint, at_key=one.at_key)
