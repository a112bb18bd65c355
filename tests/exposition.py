"""Prometheus's text exposition format, version 0.0.4, read strictly from its specification.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
VALUE = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|Inf)|NaN")
TYPES = {"counter", "gauge", "histogram", "summary", "untyped"}


@dataclass(frozen=True)
class Sample:
    labels: dict[str, str]
    value: float


@dataclass
class Family:
    help: str = ""
    type: str = ""
    samples: list[Sample] = field(default_factory=list)


def parse_exposition(text: str) -> dict[str, Family]:
    """Every metric by its name. Raises AssertionError where the text is not as the format wants it."""
    assert text.endswith("\n"), "the last line must end with a line feed"
    families: dict[str, Family] = {}
    current = ""
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            current, _, told = line[7:].partition(" ")
            assert NAME.fullmatch(current), line
            assert current not in families, "all lines of a metric stand together, and HELP comes once"
            families[current] = Family(_unescaped(told, ""))
        elif line.startswith("# TYPE "):
            name, _, kind = line[7:].partition(" ")
            assert name == current, "TYPE stands before the samples of its metric"
            assert not families[name].samples
            assert not families[name].type
            assert kind in TYPES
            families[name].type = kind
        else:
            name, sample = _sample(line)
            assert name == current, f"{name} stands among the samples of {current}"
            assert families[name].type, "a sample without its type"
            assert sample.labels not in [one.labels for one in families[name].samples], f"twice: {line}"
            families[name].samples.append(sample)
    return families


def _sample(line: str) -> tuple[str, Sample]:
    found = NAME.match(line)
    assert found, line
    rest = line[found.end() :]
    labels: dict[str, str] = {}
    if rest.startswith("{"):
        labels, rest = _labels(rest[1:])
    assert rest.startswith(" "), line
    assert VALUE.fullmatch(rest[1:]), line
    return found[0], Sample(labels, float(rest[1:]))


def _labels(rest: str) -> tuple[dict[str, str], str]:
    labels: dict[str, str] = {}
    while not rest.startswith("}"):
        found = LABEL.match(rest)
        assert found, rest
        quoted = re.match(r'="((?:[^"\\\n]|\\.)*)"', rest[found.end() :])
        assert quoted, rest
        assert found[0] not in labels
        labels[found[0]] = _unescaped(quoted[1], '"')
        rest = rest[found.end() + quoted.end() :]
        assert rest[:1] in (",", "}"), rest
        rest = rest.removeprefix(",")
    return labels, rest[1:]


def _unescaped(text: str, also: str) -> str:
    def one(found: re.Match[str]) -> str:
        assert found[1] in "\\n" + also, f"no escape: {found[0]}"
        return "\n" if found[1] == "n" else found[1]

    return re.sub(r"\\(.?)", one, text, flags=re.DOTALL)
