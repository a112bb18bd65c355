"""Each language: whatever the text, it is refused, or its reader gets back exactly that text.

The readers are those of the languages themselves where they are at hand (sh, m4, JSON, YAML); for the others small
parsers written from the manuals, which share nothing with the code that is tested.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pkibuild.core.diagnostics import UserError
from pkibuild.documents.yaml.reader import parse as parse_yaml
from pkibuild.rendering.languages import LANGUAGES, find_language
from pkibuild.rendering.renderer import Renderer

RENDERER = Renderer()

HOSTILE = [
    "", " ", "a", "a b", "'", '"', "`", '\\', '\\\\', 'a\\', "\\n", "${HOME}", "$HOME", "$(id)", "`id`", "`'", "'`",
    "dnl", "0dnl", "%h", "%{HTTP_HOST}e", "#", "# x", "a #b", "<", ">", "<IfModule x>", "</VirtualHost>", "a\nb",
    "a\rb", "a\x00b", "\t", "a\tb", "-n", "--", "*", "?", "~", "!", "!!", "&&", "; id", "|", "define(`x', `y')",
    "include(`/etc/passwd')", "x,y", "(x)", "$1", "$@", "{", "}", "{{ x }}", "{% x %}", "[", "]", "null", "true",
    "no", "0", "1.5", "0x10", "1e3", ": ", "- ", "a: b", "@", "&a", "*a", "!t", "|", ">", "é", "日本", "𝔘", "\u2028",
    "\x85", "\ud800", "\ufeff", "\x7f", "\x1b[31m", 'a\'b"c`d', "end.", "=", "a=b", "set x = y", "_x_", "confFOO",
    "len", "index.html", "x" * 3000,
]  # fmt: skip

TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=20),
    st.text(alphabet="ab '\"`\\$(){}[]<>#%!;|&*?~-=,:.\t/", max_size=12),
    st.lists(st.sampled_from(HOSTILE), max_size=4).map("".join),
)

Reader = Callable[[str], object]


def say(template: str, language: str, value: str) -> str | None:
    """What is rendered; None when the value is refused."""
    try:
        return RENDERER.render(template, language, {"v": value}, "t")
    except UserError as error:
        if [one.code for one in error.diagnostics] != ["unsafe-value"]:
            raise
        return None


def examples(test: Callable[..., None]) -> Callable[..., None]:
    """Every hostile text once, whatever hypothesis finds."""
    for text in HOSTILE:
        test = example(text)(test)
    return test


# -- the configuration of the HTTP server: its manual, "Syntax of the Configuration Files" -------------------------


def read_httpd(text: str) -> list[list[str]]:
    """Directives with their arguments, as the server splits them."""
    text = text.replace("\\\n", "")
    found = []
    for line in text.split("\n"):
        line = line.strip(" \t")
        if line and not line.startswith("#"):
            found.append(words_of(line))
    return found


def words_of(line: str) -> list[str]:
    words: list[str] = []
    while line:
        if line[0] in "\"'":
            quote, at, word = line[0], 1, ""
            while at < len(line) and line[at] != quote:
                if line[at] == "\\" and at + 1 < len(line) and line[at + 1] in (quote, "\\"):
                    at += 1
                word += line[at]
                at += 1
            words.append(word)
            line = line[at + 1 :]
        else:
            word, _, line = re.match(r"([^ \t]*)([ \t]*)(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr] # always matches
            words.append(word.replace("\\\\", "\\"))
        line = line.lstrip(" \t")
    return words


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("A {{ v }}\nB c\n", lambda v: [["A", v], ["B", "c"]]),
        ("A {{ v }} x\n", lambda v: [["A", v, "x"]]),
        ("A x {{ v }} {{ v }}\n", lambda v: [["A", "x", v, v]]),
        ('A "{{ v }}" x\nB c\n', lambda v: [["A", v, "x"], ["B", "c"]]),
        ("A '{{ v }}' x\n", lambda v: [["A", v, "x"]]),
        ('A "x {{ v }} y" z\n', lambda v: [["A", f"x {v} y", "z"]]),
        ("A x{{ v }}y z\n", lambda v: [["A", f"x{v}y", "z"]]),
        ("A /{{ v }}.conf\nB c\n", lambda v: [["A", f"/{v}.conf"], ["B", "c"]]),
        ("# {{ v }}\nB c\n", lambda v: [["B", "c"]]),
        ("<A {{ v }}:80>\n", lambda v: [["<A", f"{v}:80>"]]),
        ("A x{% for i in [1, 2] %} {{ v }}{% endfor +%}\nB c\n", lambda v: [["A", "x", v, v], ["B", "c"]]),
    ],
)
def test_httpd(template: str, expected: Callable[[str], object]) -> None:
    @examples
    @given(TEXTS)
    @settings(max_examples=100, deadline=None)
    def check(value: str) -> None:
        text = say(template, "httpd", value)
        if text is not None:
            assert "${" not in text.replace(value, "") if "${" not in value else text.startswith("#")
            assert read_httpd(text) == expected(value)

    check()


def test_httpd_says_ordinary_values_bare() -> None:
    assert say("A {{ v }}\n", "httpd", "/etc/ssl/certs/myhost.crt") == "A /etc/ssl/certs/myhost.crt\n"
    assert say("A {{ v }}\n", "httpd", "*.abc.com") == "A *.abc.com\n"
    assert say("A {{ v }}\n", "httpd", 'say "hi"') == 'A "say \\"hi\\""\n'


@pytest.mark.parametrize("template", ["A {{ v }}\n", 'A "{{ v }}"\n'])
@pytest.mark.parametrize("value", ["${HOME}", "a${b}", "a\nb", "a\x00"])
def test_httpd_refuses_what_nothing_escapes(template: str, value: str) -> None:
    assert say(template, "httpd", value) is None


def test_httpd_refuses_variables_made_of_two_parts() -> None:
    assert say("A ${{ '{' }}{{ v }}}\n", "httpd", "HOME") is None
    assert say("A {{ v }}{HOME}\n", "httpd", "$") is None
    assert say('A "\\{{ v }}"\n', "httpd", '"') is None


# -- the POP server: services.md section 3, after pop_config.c -----------------------------------------------------

NAMES = {"tls-server-cert-file": "string", "tls-private-key-file": "string", "timeout": "int"}


def read_popper(text: str) -> list[tuple[str, str]]:
    """Statements of a configuration. Raises ValueError where the server stops."""
    found = []
    if text and not text.endswith("\n"):
        raise ValueError("the last line needs a newline")
    for line in text.split("\n")[:-1]:
        if len(line) > 1000:
            raise ValueError("line too long")
        match = re.fullmatch(r"[ \t]*(?:#.*)?", line)
        if match:
            continue
        match = re.fullmatch(
            r"""[ \t]*set[ \t]+([A-Za-z-]+)[ \t]*=[ \t]*("[^"]*"|'[^']*'|`[^`]*`|[^ \t#]+)[ \t]*(#.*)?""", line
        )
        if not match:
            raise ValueError(f"bad line {line!r}")
        name, value = match[1].lower(), match[2]
        if value[0] in "\"'`":
            if len(value) < 2 or NAMES.get(name) != "string":
                raise ValueError("quotes where none may be")
            value = value[1:-1]
        found.append((name, value))
    return found


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("set tls-private-key-file = {{ v }}\n", lambda v: [("tls-private-key-file", v)]),
        (
            "set tls-private-key-file = {{ v }}\nset timeout = 5\n",
            lambda v: [("tls-private-key-file", v), ("timeout", "5")],
        ),
        ("set tls-private-key-file = {{ v }} # why\n", lambda v: [("tls-private-key-file", v)]),
        ("set tls-private-key-file = /x/{{ v }}.key\n", lambda v: [("tls-private-key-file", f"/x/{v}.key")]),
        ("# {{ v }}\nset timeout = 5\n", lambda v: [("timeout", "5")]),
    ],
)
def test_popper(template: str, expected: Callable[[str], object]) -> None:
    @examples
    @given(TEXTS)
    @settings(max_examples=100, deadline=None)
    def check(value: str) -> None:
        text = say(template, "popper", value)
        if text is not None:
            assert read_popper(text) == expected(value)

    check()


def test_popper_takes_the_quote_that_is_free() -> None:
    template = "set tls-private-key-file = {{ v }}\n"
    assert say(template, "popper", "a b") == 'set tls-private-key-file = "a b"\n'
    assert say(template, "popper", '"a"') == "set tls-private-key-file = '\"a\"'\n"
    assert say(template, "popper", "\"'`") is None


# -- the shell: the real sh ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("printf '%s\\0' {{ v }}\n", lambda v: v),
        ("printf '%s\\0' '{{ v }}'\n", lambda v: v),
        ("printf '%s\\0' \"{{ v }}\"\n", lambda v: v),
        ("printf '%s\\0' a{{ v }}b\n", lambda v: f"a{v}b"),
        ("printf '%s\\0' \"a'{{ v }}'b\"\n", lambda v: f"a'{v}'b"),
        ("x='\n'; y=\"\n\"; printf '%s\\0' {{ v }} # {{ v }}\n", lambda v: v),
        ("printf '%s\\0' '\n{{ v }}'\n", lambda v: f"\n{v}"),
        ("printf '%s\\0' \"$(printf '%s' {{ v }})\"\n", lambda v: v),
        ("cat <<EOF\n{{ v }}\nEOF\nprintf '\\0'\n", lambda v: f"{v}\n"),
        ("# {{ v }}\nprintf 'x\\0'\n", lambda _: "x"),
        ("printf '%s\\0' \\{{ v }}\n", lambda v: v),
    ],
)
def test_shell(template: str, expected: Callable[[str], str]) -> None:
    @given(st.lists(TEXTS, min_size=20, max_size=40))
    @example(HOSTILE)
    @settings(max_examples=8, deadline=None)
    def check(values: list[str]) -> None:
        said = [(value, text) for value in values if (text := say(template, "shell", value)) is not None]
        if not said:
            return
        script = "".join(text for _, text in said)
        done = subprocess.run(["sh", "-s"], input=script.encode(), capture_output=True, timeout=30)
        assert done.stderr == b""
        assert done.stdout.decode().split("\0")[:-1] == [expected(value) for value, _ in said]

    check()


def test_shell_says_ordinary_values_bare_and_quotes_others() -> None:
    assert say("x={{ v }}\n", "shell", "/etc/ssl") == "x=/etc/ssl\n"
    assert say("x={{ v }}\n", "shell", "it's") == "x='it'\\''s'\n"
    assert say("x=$({{ v }})\n", "shell", "a b") is None


# -- m4: the real m4, with several rounds of expansion -------------------------------------------------------------


@pytest.mark.skipif(shutil.which("m4") is None, reason="m4 is not installed")
def test_m4() -> None:
    # Macros called as the cf macros are: a value that names one is refused, where `X` would be expanded for ever.
    template = "define(`confX', `{{ v }}')dnl\nconfX\nindir(`confX')\ndefine(`confY', confX)dnl\nconfY\n"
    template += "ifelse(`1', `1', `confX')\n"

    @given(st.lists(TEXTS, min_size=20, max_size=40))
    @example(HOSTILE)
    @settings(max_examples=15, deadline=None)
    def check(values: list[str]) -> None:
        taken = [value for value in values if say("define(`X', `{{ v }}')", "m4", value) is not None]
        script = "".join(RENDERER.render(template, "m4", {"v": one}, "t") for one in taken)
        done = subprocess.run(["m4", "-"], input=script.encode(), capture_output=True, timeout=30)
        assert done.stderr == b""
        assert done.stdout.decode().split("\n")[:-1] == [value for value in taken for _ in range(4)]

    check()


@pytest.mark.parametrize("value", ["/etc/mail/certs/myhost.crt", "[127.0.0.1]", "2001:db8::1", "abc.com", "smtp"])
def test_m4_takes_ordinary_values(value: str) -> None:
    assert say("define(`X', `{{ v }}')", "m4", value) == f"define(`X', `{value}')"


@pytest.mark.parametrize(
    "value",
    [
        "a'b",
        "a`b",
        "a,b",
        "a(b)",
        "a#b",
        "/x/dnl/y",
        "0dnl",
        "a/12syscmd",
        "/x/confFOO",
        "_X_",
        "a b\n",
        "$1",
        "a ",
        "DAEMON_OPTIONS",
        "é",
    ],
)
def test_m4_refuses_what_another_round_would_change(value: str) -> None:
    assert say("define(`X', `{{ v }}')", "m4", value) is None


def test_m4_comments_take_any_line() -> None:
    assert say("dnl {{ v }}\nx", "m4", "it's `a' dnl (x)") == "dnl it's `a' dnl (x)\nx"


# -- data ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"a": {{ v }}, "b": 1}', lambda v: {"a": v, "b": 1}),
        ('{"a": "x{{ v }}y"}', lambda v: {"a": f"x{v}y"}),
        ('{"{{ v }}": [{{ v }}, "\\"{{ v }}"]}', lambda v: {v: [v, f'"{v}']}),
        ('{"a": "\\{{ v }}"}', lambda v: {"a": v}),
    ],
)
def test_json(template: str, expected: Callable[[str], object]) -> None:
    @examples
    @given(TEXTS)
    @settings(max_examples=60, deadline=None)
    def check(value: str) -> None:
        text = say(template, "json", value)
        if text is not None:
            assert json.loads(text) == expected(value)

    check()


@pytest.mark.parametrize("language", ["json", "yaml"])
def test_data_languages_say_every_type(language: str) -> None:
    data = {"t": True, "f": False, "n": None, "i": -7, "s": 'q"\\', "l": [1, ["a"]], "m": {"k: y": "- v"}, "e": []}
    text = Renderer().render('{"a": {{ v }}}', language, {"v": data}, "t")
    assert (json.loads(text) if language == "json" else read_yaml(text)) == {"a": data}


def read_yaml(text: str) -> object:
    def found(code: str, message: str, event: object, hint: str) -> None:
        raise ValueError(code, message)

    return parse_yaml(text, found)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("a: {{ v }}\nb: 1\n", lambda v: {"a": v, "b": 1}),
        ("a: {{ v }} # {{ v }}\nb: 1\n", lambda v: {"a": v, "b": 1}),
        ("- {{ v }}\n- - {{ v }}\n", lambda v: [v, [v]]),
        ('a: "x {{ v }} y"\n', lambda v: {"a": f"x {v} y"}),
        ("a: 'x {{ v }} y'\n", lambda v: {"a": f"x {v} y"}),
        ("a: x{{ v }}y\nb: 1\n", lambda v: {"a": f"x{v}y", "b": 1}),
        ("a: x {{ v }}\nb: 1\n", lambda v: {"a": f"x {v}" if v else "x", "b": 1}),
        ("a: [{{ v }}, x, {b: {{ v }}}]\n", lambda v: {"a": [v, "x", {"b": v}]}),
        ("{{ v }}: 1\n", lambda v: {v: 1}),
        ("a: |\n  x {{ v }} y\n  z\nb: {{ v }}\n", lambda v: {"a": f"x {v} y\nz\n", "b": v}),
        ("a: |\n  {{ v }}\n  z\nb: 1\n", lambda v: {"a": f"{v}\nz\n", "b": 1}),
        ("a: b\n  {{ v }}\nc: 1\n", lambda v: {"a": f"b {v}" if v else "b", "c": 1}),
        ("a:\n  {{ v }}\nc: 1\n", lambda v: {"a": v, "c": 1}),
        ("a: a[{{ v }}\n", lambda v: {"a": f"a[{v}"}),
        ("# {{ v }}\nb: 1\n", lambda _: {"b": 1}),
        ('a: "\n  {{ v }}"\nb: 1\n', lambda v: {"a": f" {v}", "b": 1}),
        ('a: "\\{{ v }}"\n', lambda v: {"a": v}),
    ],
)
def test_yaml(template: str, expected: Callable[[str], object]) -> None:
    @examples
    @given(TEXTS)
    @settings(max_examples=60, deadline=None)
    def check(value: str) -> None:
        text = say(template, "yaml", value)
        if text is not None:
            assert read_yaml(text) == expected(value)

    check()


# -- lines ---------------------------------------------------------------------------------------------------------


def read_ini(text: str) -> list[tuple[str, str]]:
    """`name = value` as stunnel reads it: its manual, "CONFIGURATION FILE"."""
    found = []
    for line in text.split("\n"):
        line = line.strip(" \t")
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            found.append(("[]", line.strip("[]")))
            continue
        name, _, value = line.partition("=")
        found.append((name.strip(" \t"), value.strip(" \t")))
    return found


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("a = {{ v }}\nb = 1\n", lambda v: [("a", v), ("b", "1")]),
        ("a = x{{ v }}\n", lambda v: [("a", f"x{v}")]),
        ("[{{ v }}]\nb = 1\n", lambda v: [("[]", v), ("b", "1")]),
        ("; {{ v }}\nb = 1\n", lambda _: [("b", "1")]),
        ("{{ v }} = 1\n", lambda v: [(v, "1")]),
    ],
)
def test_ini(template: str, expected: Callable[[str], object]) -> None:
    @examples
    @given(TEXTS)
    @settings(max_examples=60, deadline=None)
    def check(value: str) -> None:
        text = say(template, "ini", value)
        if text is not None:
            assert read_ini(text) == expected(value)

    check()


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_no_language_lets_a_control_character_through(language: str) -> None:
    for char in [chr(n) for n in (*range(0x20), 0x7F, 0x80, 0x85, 0x9F, 0x2028, 0x2029, 0xD800)]:
        for template in ("a {{ v }}\n", "{{ v }}", "# {{ v }}\n", '"{{ v }}"'):
            text = say(template, language, f"x{char}y")
            assert (
                text is None
                or char not in text.replace("\n", "" if char != "\n" else "\n").rstrip("\n")
                or char == "\n"
            )
            if text is not None and language not in ("json", "yaml"):
                raise AssertionError(f"{language} says {char!r}: {text!r}")


@pytest.mark.parametrize("value", ["a b", "-x", "a;b", "%n", "$x", "a\\b", "日本", "a\\"])
def test_words_in_a_comment(value: str) -> None:
    assert say("# {{ v }}.\nx\n", "words", value) == f"# {value}.\nx\n"
    assert (say("# {{ v }}\nx\n", "words", value) is None) == value.endswith("\\")


@pytest.mark.parametrize("value", ["a b", "-x", "a;b", "a'b", "%n", "$x", "a\\b"])
def test_words_take_nothing_that_any_format_could_mean(value: str) -> None:
    assert say("x {{ v }}\n", "words", value) is None


_STRUCTURE = st.lists(
    st.one_of(
        st.sampled_from(
            ("key: |\n", "  text\n", "a: [b,\n c]", "- ", '"x\\"y" # c\n', "'it''s'", "k: >-\n    ", "\n\n")
        ),
        st.sampled_from(("$(x)", "<<E\n", "`x`", "${a}", "\\\n", "{a: b}", "# c\n", "\n\n", "\u00a0", "\r")),
        st.text(alphabet="ab '\"`\\$(){}[]<>#!;|&?-,:.\t\n", max_size=12),
    ),
    max_size=6,
).map("".join)


@pytest.mark.parametrize("language", [*LANGUAGES])
@given(text=_STRUCTURE)
def test_where_text_stands_is_the_same_whether_it_comes_at_once_or_letter_by_letter(language: str, text: str) -> None:
    speaker = find_language(language)
    state = speaker.start()
    for before, letter in zip(("", *text), text, strict=False):
        if language == "shell" and before == "\\":
            return  # what a piece leaves open there is taken for nested
        state = speaker.advance(state, letter)
    if not (language == "shell" and text.endswith("\\")):
        assert speaker.advance(speaker.start(), text) == state
