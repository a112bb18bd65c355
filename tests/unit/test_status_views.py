"""The state for Prometheus and as a calendar, whatever the names hold."""

from __future__ import annotations

from calendars import parse_calendar
from exposition import parse_exposition
from hypothesis import given
from hypothesis import strategies as st

from pkibuild.core.times import DAY, END_OF_TIME, parse_time
from pkibuild.model.plan import STATES, StatusRow
from pkibuild.views import status, status_calendar, status_prometheus

NOW = parse_time("2026-01-01")
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=120)


@st.composite
def rows(draw: st.DrawFn) -> list[StatusRow]:
    ids = draw(st.lists(TEXT.filter(bool), max_size=3, unique=True))
    times = st.none() | st.integers(0, END_OF_TIME - DAY)
    return [
        StatusRow(id, draw(st.sampled_from(["certificate", "crl"])), draw(st.sampled_from(STATES)), draw(TEXT),
                  draw(TEXT), "0f", None, draw(times), draw(times), draw(TEXT))
        for id in ids
    ]  # fmt: skip


@given(rows())
def test_prometheus_tells_every_name_as_it_is(told: list[StatusRow]) -> None:
    families = parse_exposition(status_prometheus.text(told, NOW))
    states = families["pkibuild_state"].samples if told else []
    assert [(one.labels["id"], one.labels["state"]) for one in states] == [(row.id, row.state) for row in told]
    described = families["pkibuild_info"].samples if told else []
    assert [(one.labels["subject"], one.labels["issuer"]) for one in described] == [
        (row.subject, row.issuer) for row in told
    ]
    assert sum(one.value for one in families["pkibuild_artifacts"].samples) == len(told)


@given(rows())
def test_a_calendar_tells_every_name_as_it_is(told: list[StatusRow]) -> None:
    calendar = parse_calendar(status_calendar.text(told, NOW).encode())
    dated = [row for row in told if row.not_after is not None]
    assert len(calendar.components) == len(dated)
    for row, event in zip(dated, calendar.components, strict=True):
        assert _without_controls(row.subject) in event.text("DESCRIPTION")
        assert event.text("SUMMARY").startswith(_without_controls(row.id))


def _without_controls(text: str) -> str:
    return "".join(one for one in text if one in "\t\n" or not (one < " " or one == "\x7f"))


def test_long_lines_are_folded_between_characters() -> None:
    row = StatusRow("host/台/certificate", "certificate", "ok", "CN=" + "台北" * 50, "CN=R", "0f", NOW, NOW + DAY)
    data = status_calendar.text([row], NOW).encode()
    assert max(len(line) for line in data.split(b"\r\n")) <= 75
    assert "台北" * 50 in parse_calendar(data).components[0].text("DESCRIPTION")


def test_a_renewal_moves_the_event_and_another_pki_has_events_of_its_own() -> None:
    def uid(row: StatusRow) -> str:
        return parse_calendar(status_calendar.text([row], NOW).encode()).components[0].value("UID")

    first = StatusRow("host/www/certificate", "certificate", "ok", "CN=w", "CN=A", "01", NOW, NOW + DAY)
    renewed = StatusRow("host/www/certificate", "certificate", "ok", "CN=w", "CN=A", "02", NOW, NOW + 9 * DAY)
    other = StatusRow("host/www/certificate", "certificate", "ok", "CN=w", "CN=B", "01", NOW, NOW + DAY)
    assert uid(first) == uid(renewed) != uid(other)


def test_the_formats_are_registered() -> None:
    assert status.FORMATS.keys() == {"json", "prometheus", "ics"}
