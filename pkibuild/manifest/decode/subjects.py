"""Distinguished names: merged with the defaults field by field, cleaned, and checked (RFC 5280 4.1.2.6, RFC 4518)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from pkibuild.core.diagnostics import Place
from pkibuild.manifest.decode.context import Context, Raw
from pkibuild.manifest.decode.names import BadName, normal_email
from pkibuild.model.manifest import Attributes
from pkibuild.x509.attributes import in_dn_order, problem_of

# fmt: off
ASSIGNED = frozenset((
    "AD", "AE", "AF", "AG", "AI", "AL", "AM", "AO", "AQ", "AR", "AS", "AT", "AU", "AW", "AX", "AZ", "BA", "BB", "BD",
    "BE", "BF", "BG", "BH", "BI", "BJ", "BL", "BM", "BN", "BO", "BQ", "BR", "BS", "BT", "BV", "BW", "BY", "BZ", "CA",
    "CC", "CD", "CF", "CG", "CH", "CI", "CK", "CL", "CM", "CN", "CO", "CR", "CU", "CV", "CW", "CX", "CY", "CZ", "DE",
    "DJ", "DK", "DM", "DO", "DZ", "EC", "EE", "EG", "EH", "ER", "ES", "ET", "FI", "FJ", "FK", "FM", "FO", "FR", "GA",
    "GB", "GD", "GE", "GF", "GG", "GH", "GI", "GL", "GM", "GN", "GP", "GQ", "GR", "GS", "GT", "GU", "GW", "GY", "HK",
    "HM", "HN", "HR", "HT", "HU", "ID", "IE", "IL", "IM", "IN", "IO", "IQ", "IR", "IS", "IT", "JE", "JM", "JO", "JP",
    "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KY", "KZ", "LA", "LB", "LC", "LI", "LK", "LR", "LS", "LT",
    "LU", "LV", "LY", "MA", "MC", "MD", "ME", "MF", "MG", "MH", "MK", "ML", "MM", "MN", "MO", "MP", "MQ", "MR", "MS",
    "MT", "MU", "MV", "MW", "MX", "MY", "MZ", "NA", "NC", "NE", "NF", "NG", "NI", "NL", "NO", "NP", "NR", "NU", "NZ",
    "OM", "PA", "PE", "PF", "PG", "PH", "PK", "PL", "PM", "PN", "PR", "PS", "PT", "PW", "PY", "QA", "RE", "RO", "RS",
    "RU", "RW", "SA", "SB", "SC", "SD", "SE", "SG", "SH", "SI", "SJ", "SK", "SL", "SM", "SN", "SO", "SR", "SS", "ST",
    "SV", "SX", "SY", "SZ", "TC", "TD", "TF", "TG", "TH", "TJ", "TK", "TL", "TM", "TN", "TO", "TR", "TT", "TV", "TW",
    "TZ", "UA", "UG", "UM", "US", "UY", "UZ", "VA", "VC", "VE", "VG", "VI", "VN", "VU", "WF", "WS", "YE", "YT", "ZA",
    "ZM", "ZW",
))
# fmt: on

INSTEAD = {"UK": "GB", "EL": "GR", "EN": "GB", "SU": "RU", "YU": "RS", "TP": "TL", "ZR": "CD", "AN": "CW", "BU": "MM"}
"""What is meant by codes that people write and that are not (or no longer) assigned."""


_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")
"""Printable ASCII with single blanks inside: nothing to clean."""

Values = dict[str, tuple[str, ...]]


class Subjects(Struct):
    context: Context
    defaults: Values = field(default_factory=dict)
    before: Attributes = ()
    after: Attributes = ()
    """The default attributes before and after the common name, in the order of the name."""

    def __post_init__(self) -> None:
        written = self.context.defaults.get("subject", {})
        self.defaults = self._clean_all(written, ("defaults", "subject"))
        whole = _attributes({**self.defaults, "common_name": ("",)})
        at = whole.index(("common_name", ""))
        self.before, self.after = whole[:at], whole[at + 1 :]

    def named(self, common_name: str) -> Attributes:
        """The subject of a declaration that writes none: the defaults and a common name."""
        if not common_name:
            return self.before + self.after
        return (*self.before, ("common_name", common_name), *self.after)

    def values(self, raw: Raw) -> Values:
        """The attributes of a declaration, merged with the defaults."""
        written = raw.data.get("subject", {})
        merged = {**self.defaults, **self._clean_all(written, (*raw.place, "subject"))}
        return {name: value for name, value in merged.items() if written.get(name, "") is not None}

    def _clean_all(self, written: Mapping[str, Any], place: Place) -> Values:
        cleaned: Values = {}
        for name, value in written.items():
            if value is None:
                continue
            many = value if isinstance(value, list) else [value]
            places = [(*place, name, at) for at in range(len(many))] if isinstance(value, list) else [(*place, name)]
            found = [self.clean(name, one, where) for one, where in zip(many, places, strict=True)]
            cleaned[name] = tuple(one for one in found if one is not None)
        return cleaned

    def clean(self, name: str, text: str, place: Place) -> str | None:
        """One value in normal form; None (and a problem) when it cannot be."""
        try:
            value = clean_text(text)
            if name == "country":
                value = _country(value)
            elif name == "email":
                value = normal_email(value)
        except BadName as error:
            self.context.error("bad-subject", f"`{name}`: {error}", place, error.hint)
            return None
        if name == "common_name" and len(value) > 64:
            return value  # whoever decodes it decides: a server's is left out
        problem = problem_of(name, value)
        if problem:
            self.context.error("bad-subject", f"`{name}`: {problem}", place)
            return None
        return value


def attributes(values: Values) -> Attributes:
    """A subject's attributes in the order of the name."""
    return _attributes(values)


def _attributes(values: Values) -> Attributes:
    return in_dn_order((name, one) for name, many in values.items() for one in many)


def clean_text(text: str) -> str:
    """NFC, without blanks at the ends or doubled. Raises BadName for what cannot be seen (RFC 4518)."""
    if _PLAIN.fullmatch(text):
        return text
    import unicodedata

    for character in text:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            raise BadName(f"it has an invisible character in it, U+{ord(character):04X} (RFC 4518)", "take it out")
    return " ".join(unicodedata.normalize("NFC", text).split())


def _country(text: str) -> str:
    code = text.upper()
    if code in ASSIGNED or not code:
        return code
    hint = f"write `{INSTEAD[code]}`" if code in INSTEAD else "write two letters, such as `TW` or `DE`"
    raise BadName(f"`{text[:20]}` is not a valid country code (ISO 3166-1)", hint)


def comparable(subject: Attributes) -> Attributes:
    """A subject in the form in which names are compared (RFC 5280 7.1): case does not count."""
    return tuple((name, value.casefold()) for name, value in subject)
