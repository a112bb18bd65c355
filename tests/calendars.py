"""iCalendar streams, read strictly from RFC 5545: lines, folding, properties, the components that we write."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

PROPERTY = re.compile(
    r'([A-Z0-9-]+)((?:;[A-Z0-9-]+=(?:"[^"\x00-\x08\x0a-\x1f]*"|[^";:,\x00-\x08\x0a-\x1f]*))*):(.*)', re.DOTALL
)
DATE = re.compile(r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
DATE_TIME = re.compile(DATE.pattern + r"T([01]\d|2[0-3])[0-5]\d([0-5]\d|60)Z")
TEXTS = {"SUMMARY", "DESCRIPTION", "CATEGORIES"}


@dataclass
class Component:
    name: str
    properties: list[tuple[str, str, str]] = field(default_factory=list)
    """Name, parameters, value."""
    components: list[Component] = field(default_factory=list)

    def value(self, name: str) -> str:
        (found,) = (value for one, _, value in self.properties if one == name)
        return found

    def text(self, name: str) -> str:
        """A TEXT value, unescaped (RFC 5545 3.3.11)."""

        def one(found: re.Match[str]) -> str:
            assert found[1] in "\\;,nN", f"no escape: {found[0]}"
            return "\n" if found[1] in "nN" else found[1]

        value = self.value(name)
        assert not re.search(r"(?<!\\)(?:\\\\)*[;,]", value), f"{name}: a semicolon or comma that is not escaped"
        return re.sub(r"\\(.?)", one, value)


def parse_calendar(data: bytes) -> Component:
    """The calendar. Raises AssertionError where the stream is not as the RFC wants it."""
    stack: list[Component] = []
    for line in _unfolded(data):
        found = PROPERTY.fullmatch(line)
        assert found, line
        name, parameters, value = found.groups()
        if name == "BEGIN":
            stack.append(Component(value))
        elif name == "END":
            done = stack.pop()
            assert done.name == value
            _check(done)
            if not stack:
                return done
            stack[-1].components.append(done)
        else:
            stack[-1].properties.append((name, parameters, value))
    raise AssertionError("the calendar has no end")


def _unfolded(data: bytes) -> list[str]:
    assert data.endswith(b"\r\n")
    assert data.replace(b"\r\n", b"").count(b"\n") == data.replace(b"\r\n", b"").count(b"\r") == 0, (
        "CRLF ends every line"
    )
    lines: list[bytes] = []
    for line in data[:-2].split(b"\r\n"):
        assert len(line) <= 75, f"{len(line)} octets: {line!r}"
        line.decode("utf-8")  # folding left every character whole
        if line.startswith((b" ", b"\t")):
            lines[-1] += line[1:]
        else:
            lines.append(line)
    return [line.decode("utf-8") for line in lines]


def _check(component: Component) -> None:
    names = [name for name, _, _ in component.properties]
    values = {name: value for name, _, value in component.properties}
    assert len(names) == len(set(names)), "each of the properties that we write may stand once"
    for value in values.values():
        assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value), "a control character"
    if component.name == "VCALENDAR":
        assert values["VERSION"] == "2.0"
        assert values["PRODID"]
        uids = [one.value("UID") for one in component.components]
        assert len(uids) == len(set(uids))
    else:
        assert component.name == "VEVENT"
        assert {"UID", "DTSTAMP", "DTSTART"} <= values.keys()
        assert DATE_TIME.fullmatch(values["DTSTAMP"])
        for name, parameters, value in component.properties:
            if name in ("DTSTART", "DTEND"):
                assert parameters == ";VALUE=DATE"
                assert DATE.fullmatch(value)
            if name in TEXTS:
                component.text(name)
        assert values["DTSTART"] < values["DTEND"]
