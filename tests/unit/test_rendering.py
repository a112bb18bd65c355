"""The sandbox: what templates may do, what they may not, and where each fault is told."""

from __future__ import annotations

import pickle
import time
from typing import Any

import pytest

from pkibuild.core.diagnostics import Diagnostic, UserError
from pkibuild.rendering.languages import LANGUAGES
from pkibuild.rendering.located import LocatedText, is_secret, place_of, with_places
from pkibuild.rendering.renderer import Renderer

HERE = ("services", "web")


def render(template: str, language: str = "text", **context: Any) -> str:
    return Renderer().render(template, language, with_places(context, HERE), "x.conf.j2", HERE)


def fault(template: str, language: str = "text", **context: Any) -> Diagnostic:
    with pytest.raises(UserError) as raised:
        render(template, language, **context)
    (found,) = raised.value.diagnostics
    return found


def test_loops_conditions_and_filters() -> None:
    template = "{% for a in list %}{{ loop.index }}={{ a | upper }}{{ ',' if not loop.last else '' }}{% endfor %}"
    assert render(template, list=["x", "y"]) == "1=X,2=Y"


def test_keys_named_like_methods_are_keys() -> None:
    assert render("{{ options.items }} {{ options.keys }}", options={"items": "a", "keys": "b"}) == "a b"


def test_the_last_newline_stays() -> None:
    assert render("a\n") == "a\n"


def test_one_renderer_renders_many_contexts() -> None:
    renderer = Renderer()
    texts = [renderer.render("{{ a }}", "text", {"a": str(n)}, "x") for n in range(3)]
    assert texts == ["0", "1", "2"]
    assert len(renderer.compiled) == 1


@pytest.mark.parametrize(
    ("template", "word"),
    [
        ("{% macro m() %}{% endmacro %}", "macros"),
        ("{% set x %}a{% endset %}", "block assignments"),
        ("{% filter upper %}a{% endfilter %}", "filter blocks"),
        ("{% include 'y' %}", "include"),
        ("{% import 'y' as y %}", "import"),
        ("{% from 'y' import z %}", "import"),
        ("{% extends 'y' %}", "extend"),
        ("{% block b %}{% endblock %}", "blocks"),
        ("{{ 'a' * 3 }}", "`*`"),
        ("{{ 'a' % 3 }}", "`%`"),
        ("{{ 2 ** 3 }}", "`**`"),
        ("{{ a.format() }}", "calls"),
        ("{{ range(3) }}", "calls"),
        ("{{ a | center(99) }}", "filter `center`"),
        ("{{ a | safe }}", "filter `safe`"),
        ("{{ a | format }}", "filter `format`"),
        ("{{ a | attr('x') }}", "filter `attr`"),
        ("{{ a is callable }}", "test `callable`"),
        ("{% for x in a recursive %}{% endfor %}", "recursive"),
        ("{% call m() %}{% endcall %}", "macros"),
        ("{{ a[0:1] }}", "Slice"),
        ("{% if %}", "expected an expression, got `end of statement block`"),
        ("{{ a", "unexpected end"),
    ],
)
def test_what_is_not_allowed_is_told_at_its_line(template: str, word: str) -> None:
    found = fault("first\n" + template, a="x")
    assert found.code == "template"
    assert word.lower() in found.message.lower()
    assert found.span is not None
    assert (found.span.file, found.span.line) == ("x.conf.j2", 2)
    assert found.related == (("used here", HERE),)


def test_nobody_switches_escaping_off() -> None:
    assert "autoescape" in fault("{% autoescape false %}{{ a }}{% endautoescape %}", a="x").message


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__ }}",
        "{{ a.upper }}",
        "{{ a.__init__.__globals__ }}",
        "{{ list.append }}",
        "{{ loop }}",
        "{{ self }}",
        "{{ cycler }}",
        "{{ lipsum }}",
        "{{ list[9] }}",
        "{{ options['x'] }}",
        "{{ a[0] }}",
        "{{ options.x.y }}",
    ],
)
def test_only_plain_data_can_be_reached(template: str) -> None:
    assert fault(template, a="x", list=["y"], options={}).code == "template"


@pytest.mark.parametrize(("value", "said"), [({"x": 1}, "a mapping"), (["x"], "a list")])
def test_what_is_no_text_is_told_in_the_words_of_a_manifest(value: object, said: str) -> None:
    message = fault("{{ a }}", a=value).message
    assert message.startswith(f"{said} cannot be represented")
    assert f"it is {said}, not text;" in message


@pytest.mark.parametrize(
    ("value", "said"),
    [("x", "text"), (5, "a number"), (True, "true or false"), (0.5, "a number"), (None, "nothing"), (["x"], "a list")],
)
def test_values_are_called_as_in_a_manifest(value: object, said: str) -> None:
    for secrets in ((), ((),)):
        told = with_places(value, ("services", "web"), secrets)
        if not isinstance(value, list):
            assert fault("{% for one in a %}{% endfor %}", a=told).message.startswith(f"a loop over {said}; only lists")
        if not isinstance(value, str | int) or value is True:
            assert fault("{{ a ~ 'x' }}", a=told).message == f"{said} cannot be joined or changed like text"


def test_a_misspelt_name_gets_the_nearest_one() -> None:
    found = fault("\n{{ optoins.x }}", options={})
    assert "did you mean `options`" in found.message
    assert found.span is not None
    assert found.span.line == 2


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in l %}{% for b in l %}{% for c in l %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in l %}{% for b in l %}{{ a }}{{ b }}{% endfor %}{% endfor %}" * 20,
        "{% set x = '" + "a" * 60 + "' %}" + "{% set x = x ~ x %}" * 40,
        "{% set x = [1, 2] %}" + "{% set x = [x, x] | join('aaaaaaaaaaaaaaaaaaa') %}" * 40,
        "{% set x = 'aaaaaaaa' %}" + "{% set x = x | replace('a', x) %}" * 8,
        "{{ " + "(" * 20000 + "1" + ")" * 20000 + " }}",
        "{{ " + "not " * 20000 + "1 }}",
        "{{ a" + ".b" * 20000 + " }}",
        "x" * 600_000,
    ],
)
def test_work_and_size_are_bounded(template: str) -> None:
    begin = time.process_time()
    found = fault(template, l=list(range(400)), a={})
    assert found.code == "template"
    assert time.process_time() - begin < 5


def test_numbers_add_and_texts_do_not() -> None:
    assert render("{{ 1 + 2 - 1 }}") == "2"
    assert "whole numbers" in fault("{{ a + a }}", a="x").message


def test_values_keep_their_places_through_filters() -> None:
    template = "{{ a | upper | trim | replace('B', 'C') | string ~ '!' ~ other }}"
    found = fault(template, "words", a="b\x07", other="x")
    assert found.code == "unsafe-value"
    assert found.place == (*HERE, "a")


def test_a_refused_value_is_told_at_its_place_and_at_the_template() -> None:
    found = fault("one\ntwo {{ options.list[1] }}\n", options={"list": ["ok", "bad\nvalue"]})
    assert found.code == "unsafe-value"
    assert found.place == (*HERE, "options", "list", 1)
    ((label, span),) = found.related_spans
    assert label == "written here"
    assert (span.file, span.line) == ("x.conf.j2", 2)
    assert "line break" in found.message
    assert "\n" not in found.message


SECRETS = {"a": "hush\n", "l": ["hush\n"], "n": 73019, "m": {"hush\n": 1}, "w": "x define", "c": "\x07", "o": "hush"}
HIDDEN = (("a",), ("l", "*"), ("n",), ("m",), ("w",), ("c",), ("o",))


@pytest.mark.parametrize(
    ("template", "language"),
    [
        ("{{ o.a }}", "text"),
        ("{{ o.a | upper }}", "text"),
        ("{{ 'x' ~ o.a }}", "text"),
        ("{{ o.l | join('-') }}", "text"),
        ("{{ [1, 2] | join(o.a) }}", "text"),
        ("{{ 'say hush:\n' | replace(o.o, '') }}", "text"),
        ("{{ 'say hush:\n' | replace(o.w, '') }}", "text"),
        ("{{ 'say hush:\n' | replace('z', o.o) }}", "text"),
        ("{% set a, b, c, d, e = o.a %}{{ a ~ b ~ c ~ d ~ e }}", "text"),
        ("{% for a, b, c, d, e in o.l %}{{ e }}{% endfor %}", "text"),
        ("{% for name in o.m %}{{ name }}{% endfor %}", "text"),
        ("{{ o.w }}", "m4"),
        ("{{ o.c }}", "text"),
        ('"\\{{ o.n }}"', "json"),
        ('"\\{{ o.n + 0 }}"', "json"),
        ('"\\{{ 73020 - (o.n - 73018) }}"', "json"),
        ('"\\{{ o.n ~ 1 }}"', "json"),
        ('"\\{{ o.n | string }}"', "json"),
        ('"\\{{ [1, o.n] | join }}"', "json"),
        ('"\\{{ o.l[0] | length + 73014 }}"', "json"),
    ],
)
def test_a_secret_is_not_told(template: str, language: str) -> None:
    options = with_places({**SECRETS, "b": "x", "i": 1}, HERE, HIDDEN)
    with pytest.raises(UserError) as raised:
        Renderer().render(template, language, {"o": options}, "x", HERE)
    (found,) = raised.value.diagnostics
    assert found.code == "unsafe-value"
    assert "`********`" in found.message
    assert not [one for one in ("hush", "7301", "7302", "define", "0007") if one in found.message.lower()]
    assert found.place is not None
    assert not is_secret(options["b"])
    assert not is_secret(options["i"])


@pytest.mark.parametrize("name", ["o", "n", "a"])
def test_a_secret_that_is_no_name_is_not_told(name: str) -> None:
    options = with_places(SECRETS, HERE, HIDDEN)
    with pytest.raises(UserError) as raised:
        Renderer().render(f"{{{{ o[o.{name}] }}}}", "text", {"o": options}, "x", HERE)
    (found,) = raised.value.diagnostics
    assert found.message == "there is no `********`"


@pytest.mark.parametrize(("what", "called"), [("o.l", "a list"), ("[o.o]", "a list"), ("o.d", "a mapping")])
def test_what_holds_a_secret_and_is_no_name_is_not_told(what: str, called: str) -> None:
    options = with_places({**SECRETS, "d": {"x": "hush"}}, HERE, (*HIDDEN, ("d", "*")))
    with pytest.raises(UserError) as raised:
        Renderer().render(f"{{{{ o[{what}] }}}}", "text", {"o": options}, "x", HERE)
    (found,) = raised.value.diagnostics
    assert found.message == f"there is no `{called}`"


@pytest.mark.parametrize("language", [*LANGUAGES])
def test_secret_numbers_and_names_are_said_like_any_other(language: str) -> None:
    template = "a = {{ o }}" if language == "json" else "a {{ o.n }} {% for name in o.m %}{{ name }}{% endfor %}"
    secret, plain = (with_places({"n": 73019, "m": {"a": 1}}, HERE, paths) for paths in ((("n",), ("m",)), ()))
    said = Renderer().render(template, language, {"o": plain}, "x")
    assert "73019" in said
    assert Renderer().render(template, language, {"o": secret}, "x") == said


def test_a_secret_number_goes_to_another_process_as_one() -> None:
    number = pickle.loads(pickle.dumps(with_places({"n": 5}, HERE, (("n",),))))["n"]
    assert number == 5
    assert is_secret(number)
    assert place_of(number) == (*HERE, "n")


def test_a_long_value_is_shown_shortened() -> None:
    assert len(fault("{{ a }}", "words", a="ü" * 5000).message) < 250


@pytest.mark.parametrize("value", [True, None, [1], {"a": 1}])
def test_values_that_are_no_text_are_refused(value: Any) -> None:
    assert fault("{{ a }}", a=value).code == "unsafe-value"


def test_constants_of_a_template_are_values_too() -> None:
    assert render("X {{ 'a b' }} {{ 7 }}\n", "httpd") == 'X "a b" 7\n'
    assert render("X {{ 'a b' if x else 'c' }} y\n", "httpd", x=True) == 'X "a b" y\n'


def test_literal_text_is_never_changed() -> None:
    text = "it's \"quoted\" `x' $(y) # <z> % \\ ${HOME}\n"
    assert render(text, "shell") == text
    assert render(text, "httpd") == text


def test_placed_data_keeps_places() -> None:
    data = with_places({"a": ["x", {"b": "y"}], "n": 1}, ("services", "s"))
    assert place_of(data["a"][0]) == ("services", "s", "a", 0)
    assert place_of(data["a"][1]["b"]) == ("services", "s", "a", 1, "b")
    assert data == {"a": ["x", {"b": "y"}], "n": 1}
    assert type(str(LocatedText("x", ()))) is str
