"""The state of every certificate and CRL for Prometheus: its text exposition format, version 0.0.4.

For the node exporter's textfile collector, or any job that serves the text. What changes at a renewal (serial, names)
stands in metrics of its own, `…_info`, so that the series of the times go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pkibuild.model.plan import STATES, StatusRow

Labels = Sequence[tuple[str, str]]
Sample = tuple[Labels, int]


def text(rows: Sequence[StatusRow], now: int) -> str:
    """Every metric with its help and type, one sample a line."""
    return "".join(_all(rows, now))


def _all(rows: Sequence[StatusRow], now: int) -> Iterator[str]:
    yield from _metric(
        "not_after_timestamp_seconds",
        "End of the certificate, or time by which the next revocation list is promised, in seconds since the epoch.",
        ((_id(row), row.not_after) for row in rows if row.not_after is not None),
    )
    yield from _metric(
        "renew_at_timestamp_seconds",
        "When the clock asks for a new one, in seconds since the epoch; absent where it never does.",
        ((_id(row), row.renew_at) for row in rows if row.renew_at is not None),
    )
    yield from _metric(
        "state",
        f"1 for the state that the artifact is in: {', '.join(STATES)}.",
        (((*_id(row), ("state", row.state)), 1) for row in rows),
    )
    yield from _metric(
        "info",
        "1, with the subject, issuer and serial (of a list: its number) of the artifact.",
        ((_described(row), 1) for row in rows),
    )
    yield from _metric(
        "artifacts",
        "How many certificates and revocation lists are in a state.",
        (((("state", state),), sum(1 for row in rows if row.state == state)) for state in STATES),
    )
    yield from _metric(
        "status_timestamp_seconds", "The time for which all this was told, in seconds since the epoch.", [((), now)]
    )


def _id(row: StatusRow) -> Labels:
    return (("id", row.id), ("kind", row.kind))


def _described(row: StatusRow) -> Labels:
    return (*_id(row), ("subject", row.subject), ("issuer", row.issuer), ("serial", row.serial))


def _metric(name: str, help: str, samples: Iterable[Sample]) -> Iterator[str]:
    """A metric; one without samples is left out."""
    lines = [f"pkibuild_{name}{_braced(labels)} {value}\n" for labels, value in samples]
    if lines:
        yield f"# HELP pkibuild_{name} {_escaped(help)}\n# TYPE pkibuild_{name} gauge\n"
        yield from lines


def _braced(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_quoted(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(value: str) -> str:
    return _escaped(value).replace('"', '\\"')
