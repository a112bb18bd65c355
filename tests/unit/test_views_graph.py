"""The graph: its forest of cards, and every form of it."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from pkibuild.model.plan import GraphNode
from pkibuild.views import graph
from pkibuild.views.graph import cards, svg

SVG = "{http://www.w3.org/2000/svg}"


def authority(name: str, issuer: str = "") -> list[GraphNode]:
    own = f"authority/{name}"
    above = ((f"authority/{issuer}/certificate", "subject"),) if issuer else ()
    return [
        GraphNode(f"{own}/key", "key", f"authorities/{name}/private/{name}.key"),
        GraphNode(f"{own}/certificate", "certificate", f"{name}.crt", ((f"{own}/key", "public"), *above)),
    ]


def host(name: str, issuer: str) -> list[GraphNode]:
    own, above = f"host/{name}", f"authority/{issuer}/certificate"
    needs = ((f"{own}/key", "public"), (above, "subject"), (above, "not_after"))
    service = f"service/site@{name}/site.conf"
    return [
        GraphNode(f"{own}/key", "key", f"{name}.key"),
        GraphNode(f"{own}/certificate", "certificate", f"{name}.crt", needs),
        GraphNode(service, "config", "site.conf", ((f"{own}/key", "path"), (f"{own}/certificate", "path"))),
    ]


SMALL = [*authority("root"), *authority("web-ca", "root"), *host("www", "web-ca"), *host("mail", "root")]
FLEET = [*authority("root"), *(node for number in range(1, 201) for node in host(f"web{number:03}", "root"))]
HOSTILE = [GraphNode('authority/a"\\<b>&]\n%%/key', "key", 'x\x1b"<')]


def test_the_tree_shows_who_issues_whom() -> None:
    assert graph.text(SMALL, "tree") == (
        "authority/root\n"
        "├─ key\n"
        "├─ certificate         ← key (public)\n"
        "├─ authority/web-ca\n"
        "│  ├─ key\n"
        "│  ├─ certificate      ← key (public), authority/root/certificate (subject)\n"
        "│  └─ host/www\n"
        "│     ├─ key\n"
        "│     ├─ certificate   ← key (public), authority/web-ca/certificate (subject, not_after)\n"
        "│     └─ service/site@www\n"
        "│        └─ site.conf  ← host/www/key (path), host/www/certificate (path)\n"
        "└─ host/mail\n"
        "   ├─ key\n"
        "   ├─ certificate      ← key (public), authority/root/certificate (subject, not_after)\n"
        "   └─ service/site@mail\n"
        "      └─ site.conf     ← host/mail/key (path), host/mail/certificate (path)\n"
    )


def test_equal_units_are_shown_once() -> None:
    told = graph.text(FLEET, "tree")
    assert "└─ host/web001 … host/web200 (200 alike)\n" in told
    assert "web002" not in told
    assert "web002" in graph.text(FLEET, "tree", everything=True)


def test_a_unit_that_differs_is_not_among_the_equal_ones() -> None:
    odd = [*FLEET, GraphNode("host/web007/der", "der", "x", (("host/web007/certificate", "bytes"),))]
    told = graph.text(odd, "tree")
    assert "(199 alike)" in told
    assert "host/web007\n" in told


def test_authorities_that_certify_each_other_make_no_circle() -> None:
    crosswise = [*authority("a", "b"), *authority("b", "a")]
    assert {card.id for card in cards.every(cards.layout(crosswise))} == {"authority/a", "authority/b"}


def test_json_has_every_node_and_facet() -> None:
    told = json.loads(graph.text(FLEET, "json"))
    assert [node["id"] for node in told["nodes"]] == [node.id for node in FLEET]
    assert {"id": "authority/root/certificate", "facet": "not_after"} in told["nodes"][3]["needs"]


@pytest.mark.parametrize("nodes", [SMALL, FLEET, HOSTILE, []], ids=["small", "fleet", "hostile", "empty"])
def test_svg_is_well_formed_and_has_every_card(nodes: list[GraphNode]) -> None:
    drawn = ElementTree.fromstring(graph.text(nodes, "svg"))
    titles = [text for text in drawn.iter(f"{SVG}text") if text.find(f"{SVG}tspan") is not None]
    assert len(titles) == len(cards.every(cards.layout(nodes)))


@pytest.mark.parametrize("everything", [False, True])
def test_no_two_cards_overlap_and_all_lie_on_the_page(everything: bool) -> None:
    nodes = FLEET + authority("other") + host("single", "other")
    boxes = svg.place(cards.layout(nodes, everything=everything))
    columns: dict[float, list[svg.Box]] = {}
    for box in boxes:
        columns.setdefault(box.x, []).append(box)
    for own in columns.values():
        own.sort(key=lambda box: box.y)
        assert all(upper.y + upper.height < lower.y for upper, lower in pairwise(own))
    ordered = sorted(columns)
    for left, right in pairwise(ordered):
        assert max(box.x + box.width for box in columns[left]) < right
    assert min(box.y for box in boxes) >= 0


def test_every_need_between_cards_is_a_line() -> None:
    drawn = ElementTree.fromstring(graph.text(SMALL, "svg"))
    told = {title.text for path in drawn.iter(f"{SVG}path") for title in path.iter(f"{SVG}title")}
    assert "authority/root/certificate (subject) → authority/web-ca/certificate" in told
    assert "host/www/key (path) → service/site@www/site.conf" in told
    assert "host/www/key (public) → host/www/certificate" in told


def test_dot_and_mermaid_quote_what_is_special() -> None:
    dot = graph.text(HOSTILE, "dot")
    assert '"authority/a\\"\\\\<b>&]\\\\n%%/key" [label="key"]' in dot
    mermaid = graph.text(HOSTILE, "mermaid")
    label = re.search(r'subgraph c0\["(.*)"\]', mermaid)
    assert label
    assert not set(label[1]) & set('"<>]&%\\')


def test_dot_and_mermaid_have_every_arrow() -> None:
    arrows = sum(len({name for name, _ in node.needs}) for node in SMALL)
    assert graph.text(SMALL, "dot").count(" -> ") == arrows
    assert graph.text(SMALL, "mermaid").count(" --> ") == arrows
