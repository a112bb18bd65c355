"""A plan as text, JSON and Markdown."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace

from pkibuild.core.diagnostics import Diagnostic, Span, warning
from pkibuild.core.times import DAY, parse_time
from pkibuild.model.plan import Action, Change, Orphan, Pending, Plan, Reason
from pkibuild.model.recipes import Write
from pkibuild.views import plan_json, plan_markdown, plan_text
from pkibuild.views.terminal import Style, visible

NOW = parse_time("2026-11-24")
SCHEMA = Path(__file__).parents[2] / "schemas" / "plan.schema.json"


def action(
    name: str, verb: str, why: str, *changes: Change, detail: str = "", risks: tuple[Reason, ...] = ()
) -> Action:
    kind = name.rpartition("/")[2]
    recipe = Write(f"{name}.crt", b"")
    reasons = (Reason("because", why),)
    return Action(name, kind, verb, reasons, recipe, (f"{name}.crt",), changes, detail, risks=risks)  # type: ignore[arg-type]  # any verb


EXAMPLE = Plan(
    "pki.yaml",
    "pki",
    NOW,
    (
        action("authority/myrootca/key", "new", "not there", detail="RSA 4096, encrypted"),
        action("authority/myrootca/certificate", "new", "", detail="CN=ABC Company Root CA, until 2046-11-24"),
        action(
            "host/myhost/certificate",
            "reissue",
            "names changed, key kept",
            Change("subjectAltName", ("DNS:www.abc.com",), ("DNS:www.abc.com", "DNS:mail.abc.com")),
            Change("notAfter", ("2027-03-01",), ("2027-12-26",)),
        ),
        action(
            "service/web@myhost/site.conf",
            "render",
            "",
            Change("text", ("ServerAlias abc.com",), ("ServerAlias abc.com mail.abc.com",)),
        ),
    ),
    (Orphan("host/oldhost/certificate", "certificate", ("hosts/oldhost/etc/ssl/certs/oldhost.crt",)),),
    unchanged=41,
    next_due=("host/myhost", NOW + 61 * DAY + 5),
)

AS_IN_THE_MANUAL = """\
pki.yaml → pki/

  + authority/myrootca/key             new       RSA 4096, encrypted
  + authority/myrootca/certificate     new       CN=ABC Company Root CA, until 2046-11-24
  ~ host/myhost/certificate            reissue   names changed, key kept
        subjectAltName  + DNS:mail.abc.com
        notAfter        2027-03-01 → 2027-12-26
  ~ service/web@myhost/site.conf       render
        - ServerAlias abc.com
        + ServerAlias abc.com mail.abc.com
  - host/oldhost/certificate           orphan    no longer declared; --prune removes it

Plan: 2 new, 2 changed; 1 orphan; 41 up to date. Next renewal: host/myhost in 61 days.
"""


def fleet(size: int, risks: tuple[Reason, ...] = ()) -> tuple[Action, ...]:
    found: list[Action] = []
    for number in range(1, size + 1):
        name = f"web{number:03}"
        found.append(action(f"host/{name}/key", "new", "", detail="ECDSA P-256"))
        found.append(action(f"host/{name}/certificate", "new", "", detail=f"CN={name}.abc.com", risks=risks))
        found.append(action(f"service/site@{name}/site.conf", "new", ""))
    return tuple(found)


def test_text_is_as_the_manual_shows_it() -> None:
    assert plan_text.text(EXAMPLE) == AS_IN_THE_MANUAL


def test_an_empty_plan_says_that_nothing_is_to_be_done() -> None:
    empty = replace(EXAMPLE, actions=(), orphans=(), unchanged=44)
    assert plan_text.text(empty).endswith("Nothing to do: 44 up to date. Next renewal: host/myhost in 61 days.\n")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(61 * DAY, "in 61 days"), (DAY, "in 1 day"), (5 * 3600, "in 5 hours"), (0, "now"), (-5, "now")],
)
def test_the_next_renewal(seconds: int, told: str) -> None:
    assert plan_text.distance(NOW, NOW + seconds) == told


def test_pending_items_and_risks_stand_in_the_text() -> None:
    risky = action("host/a/certificate", "reissue", "", risks=(Reason("new-wildcard", "`*.abc.com` covers all"),))
    plan = replace(EXAMPLE, actions=(risky,), pending=(Pending("authority/x/crl", "no-key", "its key is offline"),))
    told = plan_text.text(plan)
    assert "        ! new-wildcard: `*.abc.com` covers all\n" in told
    assert re.search(r"^  \? authority/x/crl +pending +its key is offline$", told, re.M)
    assert "1 changed; 1 orphan; 1 pending; 41 up to date" in told


def test_a_fleet_is_told_once_unless_all_is_asked_for() -> None:
    plan = replace(EXAMPLE, actions=fleet(200), orphans=())
    told = plan_text.text(plan)
    assert "host/web001/certificate" in told
    assert "host/web002/certificate" not in told
    assert "    … and 199 more like host/web001: host/web002 … host/web200 (-v shows all)\n" in told
    assert "600 new" in told
    assert plan_text.text(plan, verbose=True).count("\n  + ") == 600


def test_what_differs_or_is_risky_is_never_summarised() -> None:
    odd = replace(fleet(5)[7], verb="reissue")
    actions = tuple(odd if one.id == odd.id else one for one in fleet(5))
    assert f"~ {odd.id} " in plan_text.text(replace(EXAMPLE, actions=actions))
    risky = plan_text.text(replace(EXAMPLE, actions=fleet(9, (Reason("new-wildcard", "all"),))))
    assert risky.count("! new-wildcard") == 9


def renamed(number: int, name: str, *more: str) -> Action:
    change = Change(
        "subjectAltName", (f"DNS:web{number}.abc.com",), (f"DNS:{name}", f"IP:192.0.2.{number + 100}", *more)
    )
    return action(f"host/web{number}/certificate", "reissue", "names changed", change)


def counted(actions: tuple[Action, ...]) -> int:
    """How many units the text leaves out."""
    found = re.findall(r"… and (\d+) more like", plan_text.text(replace(EXAMPLE, actions=actions, orphans=())))
    return sum(map(int, found))


def test_what_counts_along_with_the_names_of_a_pattern_is_alike() -> None:
    assert counted(tuple(renamed(number, f"shop{number}.abc.com") for number in range(1, 10))) == 8
    named = ("alpha", "beta", "gamma", "delta")
    fleet = tuple(action(f"host/{one}/certificate", "new", "", detail=f"CN={one}.abc.com") for one in named)
    assert counted(fleet) == 3


@pytest.mark.parametrize(
    "odd",
    [
        renamed(7, "shop7.evil.com"),
        renamed(7, "shop8.abc.com"),
        renamed(7, "shop7.abc.com", "DNS:evil.com"),
        renamed(7, f"shop{'7' * 5000}.abc.com"),
        action("host/web7/certificate", "reissue", "subject changed"),
        replace(renamed(7, "shop7.abc.com"), detail="CN=other, until 2046-11-24"),
    ],
)
def test_another_value_does_not_hide_behind_an_equal_looking_host(odd: Action) -> None:
    actions = [renamed(number, f"shop{number}.abc.com") for number in range(1, 10)]
    actions[6] = odd
    plan = replace(EXAMPLE, actions=tuple(actions), orphans=(), base="old.yaml")
    assert counted(plan.actions) == 7
    for told in (plan_text.text(plan), html.unescape(plan_markdown.text(plan))):
        assert "host/web7/certificate" in told
        assert all(visible(value) in told for change in odd.changes for value in change.after)


def test_hosts_that_were_built_on_several_days_are_renewed_alike() -> None:
    fleet = [
        action(f"host/web{day}/certificate", "reissue", f"due for renewal, expires on 2027-01-{day}",
               Change("notAfter", (f"2027-01-{day}",), ("2027-12-26",)))
        for day in (11, 13, 17, 29)
    ]  # fmt: skip
    due = tuple(replace(one, reasons=(Reason("due", one.reasons[0].message),)) for one in fleet)
    assert counted(due) == 3


def test_names_that_stay_tell_no_hosts_apart() -> None:
    def aliased(name: str, *gone: str) -> Action:
        own = (f"DNS:{name}.abc.com", f"IP:192.0.2.{len(name)}")
        change = Change("subjectAltName", (*own, *gone), (*own, f"DNS:{name}.new.com"))
        return action(f"host/{name}/certificate", "reissue", "names changed", change)

    fleet = tuple(map(aliased, ("a", "be", "cde", "fghi")))
    assert counted(fleet) == 3
    assert counted((*fleet, aliased("j", "DNS:abc.com"))) == 3


def test_colours_only_where_wanted_and_nowhere_else_different() -> None:
    painted = plan_text.text(EXAMPLE, Style(True))
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == AS_IN_THE_MANUAL
    assert painted != AS_IN_THE_MANUAL


HOSTILE = "\x1b[2J\r\n\u202eevil\u200b\x9b`|<b>@someone #1 ![x](y) </details>```"


def hostile_plan() -> Plan:
    change = (Change("text", (HOSTILE,), (HOSTILE + "x",)), Change(HOSTILE, (HOSTILE,), ("a", HOSTILE + "x")))
    risk = (Reason("edited-by-hand", HOSTILE),)
    bad = replace(action(f"host/{HOSTILE}/certificate", "reissue", HOSTILE, *change, risks=risk), paths=(HOSTILE,))
    orphan = Orphan(HOSTILE, "key", (HOSTILE,), HOSTILE, risk, HOSTILE)
    told = (warning("bad", HOSTILE).at(Span(HOSTILE, 1, 1)),)
    return Plan(HOSTILE, HOSTILE, NOW, (bad,), (orphan,), (Pending(HOSTILE, "x", HOSTILE),), told, 1, (HOSTILE, NOW))


def test_hostile_values_cannot_steer_a_terminal() -> None:
    told = plan_text.text(hostile_plan())
    assert not set(told) & set("\x1b\r\x9b\u202e\u200b")
    assert "\\x1b[2J\\r\\n\\u202eevil\\u200b\\x9b" in told


class Shown(HTMLParser):
    """What a site makes of the comment: its tags, and the text outside of code, where mentions are looked for."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.prose = ""
        self.feed(MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(markdown))

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.prose += "" if {"code", "pre"} & set(self.open) else data + "|"


ALLOWED = {"h3", "p", "ul", "li", "b", "strong", "em", "code", "pre", "details", "summary",
           "table", "thead", "tbody", "tr", "th", "td", "blockquote"}  # fmt: skip


def test_hostile_values_cannot_break_markdown() -> None:
    shown = Shown(plan_markdown.text(hostile_plan()))
    assert not shown.open
    assert set(shown.tags) <= ALLOWED
    assert shown.tags.count("details") == 3
    assert not re.search(r"[@#!]", shown.prose)


@given(st.text(alphabet=st.sampled_from("`<>@#!|[]()*_~-+= \n\t\\&;:/.ab1"), max_size=40))
@example("1)")
def test_no_value_at_all_breaks_markdown(value: str) -> None:
    change = (Change("text", (value,), (value,)), Change(value, (value,), (value, "x")))
    bad = action("host/a/certificate", "reissue", value, *change, risks=(Reason("new-wildcard", value),))
    bad = replace(bad, id=value)
    plan = Plan(value, value, NOW, (bad,), pending=(Pending(value, "x", value),), next_due=(value, NOW), notes=(value,))
    told = plan_markdown.text(plan)
    shown = Shown(told)
    assert not shown.open
    assert set(shown.tags) <= ALLOWED
    assert not re.search(r"[@#]\w", shown.prose)
    assert not re.search(r"^\s*/", told, re.MULTILINE), "GitLab takes such a line for a command"


@pytest.mark.parametrize("value", ["1)", "1) a", "12. a", "- a", "-", "+ a", "  3. a", "1.", "7) `a`"])
def test_no_value_becomes_a_list(value: str) -> None:
    shown = Shown(plan_markdown.prose(value))
    assert not {"ol", "ul", "li"} & set(shown.tags)


REFERENCES = (
    "www.evil.example", "http://evil.example", "ftp://evil", ":smile:", "GH-12", "gh-12", "~bug", "%milestone", "&3",
    "$5", "^alert", "deadbee", "0123456789abcdef0123456789abcdef01234567", "@team", "team@evil.example", "#12", "!5",
    "[vulnerability:1]", "team/repo#12", "team/repo@deadbeef",
)  # fmt: skip
"""What GitHub or GitLab makes links or pictures of, outside of code."""


@pytest.mark.parametrize("value", REFERENCES)
def test_no_value_becomes_a_link_of_the_site(value: str) -> None:
    for told in (plan_markdown.prose(f"CN=see {value}, until"), plan_markdown.prose(value)):
        assert value not in Shown(told).prose
        assert not re.search(r"(?<![\w.])www\.", told), "GitHub looks for it before it knows of code"
        assert html.unescape(re.sub("</?code>", "", told)).removeprefix("CN=see ").removesuffix(", until") == value


@given(st.text(max_size=60))
def test_no_text_ends_a_code_block_or_leaves_its_line(value: str) -> None:
    fence, *body, end = plan_markdown.fenced([f"+ {line}" for line in plan_text.told_change(Change("x", (), (value,)))])
    assert len(body) == 1
    assert fence == f"{end}diff"
    assert end not in body[0]
    assert "\n" not in plan_markdown.prose(value)
    assert html.unescape(re.sub("</?code>", "", plan_markdown.prose(value))).replace("`", "") == visible(value).replace(
        "`", ""
    )


def test_markdown_begins_with_the_counts_and_folds_details() -> None:
    lines = plan_markdown.text(EXAMPLE).splitlines()
    assert lines[0].startswith("### pkibuild: <code>pki.yaml</code>")
    assert lines[2:5] == [
        "| new | changed | orphan | pending | up to date | risks |",
        "| --: | --: | --: | --: | --: | --: |",
        "| 2 | 2 | 1 | 0 | 41 | 0 |",
    ]
    text = "\n".join(lines)
    assert "  ```diff\n  + subjectAltName: DNS:mail.abc.com\n  ! notAfter: 2027-03-01 → 2027-12-26\n  ```" in text
    assert "  ```diff\n  - ServerAlias abc.com\n  + ServerAlias abc.com mail.abc.com\n  ```" in text


def test_markdown_fits_into_a_comment() -> None:
    big = Change("text", tuple("a" * 80 for _ in range(400)), ())
    actions = tuple(action(f"service/site@h{number}/site.conf", "render", str(number), big) for number in range(9))
    told = plan_markdown.text(replace(EXAMPLE, actions=actions), verbose=True)
    assert len(told) < 65_536
    assert "(400 lines are left out here)" in told
    assert told.count("<b>render</b>") == 9, "what is done is told of all, where only their texts are too long"
    many = tuple(action(f"host/h{number}/certificate", "reissue", f"because {number}") for number in range(2000))
    told = plan_markdown.text(replace(EXAMPLE, actions=many), verbose=True)
    assert len(told) < 65_536
    assert "more are left out here" in told


def test_markdown_names_all_that_is_done_before_it_tells_details() -> None:
    names = tuple(f"DNS:{'a' * 50}{number}.example" for number in range(20))
    actions = tuple(
        action(f"host/h{'x' * number}/certificate", "new", "", Change("subjectAltName", (), names))
        for number in range(60)
    )
    told = plan_markdown.text(replace(EXAMPLE, actions=actions), verbose=True)
    assert told.count("<b>new</b>") == 60
    assert 20 < told.count("are left out here)") < 55
    assert len(told) < 65_536


def test_markdown_has_room_for_the_details_under_a_thousand_risks() -> None:
    risk = (Reason("usage-added", "x" * 60),)
    actions = tuple(action(f"host/h{number}/certificate", "reissue", "", risks=risk) for number in range(1000))
    root = action("authority/root/certificate", "new", "", risks=(Reason("new-authority", "a new root"),))
    told = plan_markdown.text(replace(EXAMPLE, actions=(*actions, root)))
    assert len(told) < 65_536
    assert "more, left out here" in told
    assert told.index("new-authority") < told.index("usage-added"), "authorities come first"
    assert "<summary>" in told


@pytest.mark.parametrize("plan", [EXAMPLE, hostile_plan(), Plan("a", "b", NOW)], ids=["example", "hostile", "empty"])
def test_json_is_as_its_schema_says(plan: Plan) -> None:
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    value = json.loads(plan_json.text(plan))
    jsonschema.validate(value, schema, cls=jsonschema.Draft202012Validator)
    assert [one["id"] for one in value["actions"]] == [one.id for one in plan.actions]
    assert value["summary"] == plan.summary


def test_every_field_of_the_json_is_in_its_schema() -> None:
    schema = json.loads(SCHEMA.read_text())
    value = plan_json.value(replace(hostile_plan(), warnings=(told_twice(),)))
    definitions = schema["$defs"]
    pairs = [
        (value, schema),
        (value["actions"][0], definitions["action"]),
        (value["orphans"][0], definitions["orphan"]),
        (value["pending"][0], definitions["pending"]),
        (value["warnings"][0], definitions["diagnostic"]),
    ]
    for found, described in pairs:
        assert set(found) <= set(described["properties"])


def told_twice() -> Diagnostic:
    return Diagnostic(
        "x",
        "y",
        ("a", 0),
        "hint",
        "warning",
        Span("f", 1, 2),
        related_spans=(("first declared here", Span("f", 3, 4)),),
    )
