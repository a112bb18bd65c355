"""From what a reason follows: pointers into the manifest, and where two contexts of a template differ."""

from __future__ import annotations

from pkibuild.artifacts.texts import MASK
from pkibuild.documents.schema.masks import masked
from pkibuild.rendering.located import LocatedText, with_places
from pkibuild.review.causes import differing, pointer

AT = ("services", "web")


def test_pointers_are_those_of_rfc_6901() -> None:
    assert pointer(("hosts", "www", "aliases", 0)) == "/hosts/www/aliases/0"
    assert pointer(("a/b", "m~n")) == "/a~1b/m~0n"
    assert pointer(()) == ""


def places(before: object, after: object) -> list[str]:
    return [pointer(place) for place in differing(before, after, AT)]


def test_values_that_know_their_place_tell_it() -> None:
    old, new = {"x": LocatedText("a", ("hosts", "h", "fqdn"))}, {"x": LocatedText("b", ("hosts", "h", "fqdn"))}
    assert places(old, new) == ["/hosts/h/fqdn"]
    assert places(old, old) == []


def test_values_that_do_not_are_where_they_stand() -> None:
    old = {"port": 80, "sites": [{"on": True}], "gone": None}
    assert places(old, {"port": 81, "sites": [{"on": False}]}) == ["/services/web/port", "/services/web/sites/0/on"]
    assert places({}, {"new": 1}) == ["/services/web/new"]


def test_of_lists_only_the_elements_that_come_or_go() -> None:
    old, new = with_places({"names": ["a", "b"]}, AT), with_places({"names": ["a", "b", "c"]}, AT)
    assert places(old, new) == places(new, old) == ["/services/web/names/2"]


def test_masks_cover_what_is_secret_and_nothing_else() -> None:
    value = {"options": {"word": "s", "users": {"a": "s", "b": None}, "sites": [{"pin": 1, "name": "n"}], "port": 80}}
    paths = (("options", "word"), ("options", "users", "*"), ("options", "sites", "*", "pin"))
    assert masked(value, paths, MASK) == {
        "options": {
            "word": "MASKED",
            "users": {"a": "MASKED", "b": None},
            "sites": [{"pin": "MASKED", "name": "n"}],
            "port": 80,
        }
    }
