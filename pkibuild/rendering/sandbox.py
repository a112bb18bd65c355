"""The template language that packs may use: a small part of Jinja2, in its sandbox, with bounded work.

Jinja2's own sandbox keeps templates away from Python, but lets them use any amount of memory and time (`'a' * 10**9`,
nested loops), and its macros and block assignments would return text that was encoded already. So the syntax tree is
checked against a list of what is allowed, the context is plain data, and loops and text are limited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from jinja2 import nodes, pass_context
from jinja2.runtime import Context, LoopContext, StrictUndefined, Undefined
from jinja2.sandbox import SandboxedEnvironment

from pkibuild.rendering.languages.base import kind_of
from pkibuild.rendering.located import HIDDEN, LocatedText, SecretNumber, is_secret, place_of

OUTPUT_LIMIT = 4_000_000
"""Characters of one rendered file."""
TEXT_LIMIT = 65_536
"""Characters of one value."""
WORK_LIMIT = 200_000
"""Loop iterations of one rendering, nested ones multiplied."""
SOURCE_LIMIT = 500_000
"""Characters of one template."""

WORK = "work."
"""The key of the counter in the context; no template can write this name."""

_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.For, nodes.If, nodes.Assign, nodes.Name, nodes.Const,
    nodes.Getattr, nodes.Getitem, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr,
    nodes.Filter, nodes.Test, nodes.Concat, nodes.List, nodes.Tuple, nodes.Add, nodes.Sub, nodes.Keyword,
)  # fmt: skip

_ALTERNATIVES = {
    "Macro": "macros are not allowed: their text would be encoded twice; use a loop",
    "CallBlock": "macros are not allowed: their text would be encoded twice; use a loop",
    "AssignBlock": "block assignments are not allowed: their text would be encoded twice; write `{% set x = … %}`",
    "FilterBlock": "filter blocks are not allowed: their text would be encoded twice; filter each value",
    "Include": "a template cannot include another one",
    "Import": "a template cannot import another one",
    "FromImport": "a template cannot import another one",
    "Extends": "a template cannot extend another one",
    "Block": "blocks are not allowed; a template cannot extend another one",
    "Call": "calls are not allowed; only the filters listed in the manual are",
    "Scope": "`autoescape` is not allowed: each value is encoded for the language of its file",
    "Mod": "`%` is not allowed; write the parts next to each other, or join them with `~`",
    "Mul": "`*` is not allowed",
    "Pow": "`**` is not allowed",
}


class NotAllowed(Exception):
    """Something in a template that packs may not use."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class Work:
    """Counts the loop iterations of one rendering."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = WORK_LIMIT

    def spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise NotAllowed(f"the template runs more than {WORK_LIMIT} loop iterations")


def check(tree: nodes.Template) -> None:
    """Raise NotAllowed for the first node that is not on the list."""
    for node in _walk(tree):
        if not isinstance(node, _ALLOWED):
            name = type(node).__name__
            raise NotAllowed(_ALTERNATIVES.get(name, f"{name} is not allowed in a template"), node.lineno)
        if isinstance(node, nodes.Name) and node.name == "self":
            raise NotAllowed("`self` is not defined", node.lineno)
        if isinstance(node, nodes.For) and (node.recursive or node.test is not None):
            raise NotAllowed("a loop cannot be recursive or have an `if`; put the `if` inside it", node.lineno)
        if isinstance(node, nodes.Filter) and (node.node is None or node.name not in FILTERS):
            allowed = ", ".join(sorted(name for name in FILTERS if not name.endswith(".")))
            raise NotAllowed(f"the filter `{node.name}` is not allowed; allowed are: {allowed}", node.lineno)
        if isinstance(node, nodes.Test) and node.name not in TESTS:
            allowed = ", ".join(sorted(TESTS))
            raise NotAllowed(f"the test `{node.name}` is not allowed; allowed are: {allowed}", node.lineno)


def _walk(tree: nodes.Node) -> Iterator[nodes.Node]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.iter_child_nodes())


def instrument(tree: nodes.Template, sandbox: Sandbox) -> None:
    """Replace `~` and the iteration of loops by filters of ours, which count."""
    for node in list(_walk(tree)):
        for name, below in node.iter_fields():
            if isinstance(below, list):
                below[:] = [_joined(one) for one in below]
            elif isinstance(below, nodes.Concat):
                setattr(node, name, _joined(below))
        if isinstance(node, nodes.For):
            node.iter = _filter(node.iter, "counted.", node.lineno)
    tree.set_environment(sandbox)


def _joined(node: Any) -> Any:
    if isinstance(node, nodes.Concat):
        return _filter(nodes.List(node.nodes, lineno=node.lineno), "joined.", node.lineno)
    return node


def _filter(node: nodes.Node, name: str, line: int) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=line)


# -- filters: text keeps its place, and stays small ------------------------------------


def _text(value: Any) -> str:
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise NotAllowed(f"{kind_of(value)} cannot be joined or changed like text")


def _keep(text: str, *sources: Any) -> str:
    """`text`, with the place of the first source that has one."""
    if len(text) > TEXT_LIMIT:
        raise NotAllowed(f"a value of more than {TEXT_LIMIT} characters")
    for source in sources:
        place = place_of(source)
        if place is not None:
            return LocatedText(text, place, any(map(is_secret, sources)))
    return text


def _keep_number(number: int, *sources: Any) -> int:
    """`number`, secret if one of its sources is."""
    places = [place_of(source) or () for source in sources if is_secret(source)]
    return SecretNumber(number, places[0]) if places else number


def _join(parts: Iterable[Any], separator: str = "") -> str:
    sources = list(parts)
    texts = [_text(one) for one in sources]
    if sum(map(len, texts)) + len(separator) * len(texts) > TEXT_LIMIT:
        raise NotAllowed(f"a value of more than {TEXT_LIMIT} characters")
    return _keep(_text(separator).join(texts), *sources, separator)


def _name_for_message(argument: Any) -> Any:
    """What a message may call a missing key: a list or mapping may hold secret values."""
    if is_secret(argument):
        return HIDDEN
    return argument if isinstance(argument, str | int) else kind_of(argument)


def _items(value: Any) -> list[Any]:
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, dict):
        return sorted(value)
    raise NotAllowed(f"a loop over {kind_of(value)}; only lists and mappings can be iterated")


@pass_context
def _counted(context: Context, value: Any) -> list[Any]:
    items = value if type(value) is list else _items(value)  # needs no copy
    work: Work = context.parent[WORK]
    work.spend(len(items) + 1)
    return items


def _replace(value: Any, old: str, new: str) -> str:
    text, out, into = _text(value), _text(old), _text(new)
    if not out:
        raise NotAllowed("`replace` of an empty text")
    if len(text) + text.count(out) * len(into) > TEXT_LIMIT:
        raise NotAllowed(f"a value of more than {TEXT_LIMIT} characters")
    if out not in text and text is value and type(old) is type(new) is str:  # so they carry no mark
        return text
    return _keep(text.replace(out, into), value, new, old)


def _default(value: Any, other: Any, falsy: bool = False) -> Any:
    return other if isinstance(value, Undefined) or (falsy and not value) else value


def _edge(at: int) -> Callable[[Any], Any]:
    def edge(value: Any) -> Any:
        items = _items(value)
        if not items:
            raise NotAllowed("the first or last of an empty list")
        return items[at]

    return edge


def _length(value: Any) -> int:
    return _keep_number(len(value), value) if isinstance(value, str) else len(_items(value))


def _unique(value: Any) -> list[Any]:
    return list(dict.fromkeys(_items(value)))


FILTERS: dict[str, Callable[..., Any]] = {
    "lower": lambda value: _keep(_text(value).lower(), value),
    "upper": lambda value: _keep(_text(value).upper(), value),
    "trim": lambda value: _keep(_text(value).strip(), value),
    "string": lambda value: _keep(_text(value), value),
    "replace": _replace,
    "join": lambda value, separator="": _join(_items(value), separator),
    "default": _default,
    "first": _edge(0),
    "last": _edge(-1),
    "length": _length,
    "sort": lambda value: sorted(_items(value)),
    "unique": _unique,
    "joined.": _join,
    "counted.": _counted,
}

TESTS: dict[str, Callable[..., bool]] = {
    "defined": lambda value: not isinstance(value, Undefined),
    "undefined": lambda value: isinstance(value, Undefined),
    "none": lambda value: value is None,
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "mapping": lambda value: isinstance(value, dict),
    "sequence": lambda value: isinstance(value, list | tuple),
    "in": lambda value, within: value in within,
    "eq": lambda value, other: value == other,
}

_LOOP = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem"})


_NOTHING = object()


class Sandbox(SandboxedEnvironment):
    """Only plain data can be reached: keys of mappings, positions of lists, and the counters of a loop."""

    intercepted_binops = frozenset({"+", "-"})

    def __init__(self, finalize: Callable[..., Any]) -> None:
        super().__init__(
            undefined=StrictUndefined,
            finalize=finalize,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            optimized=False,
            autoescape=False,
            cache_size=0,
        )
        self.globals = {}
        self._missing = cache(lambda name: self.undefined(obj={}, name=name))
        """The undefined value for a name that a mapping lacks: most options are not given."""
        self.filters = dict(FILTERS)
        self.tests = dict(TESTS)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, dict):
            value = obj.get(attribute, _NOTHING)
            return self._missing(attribute) if value is _NOTHING else value
        if isinstance(obj, Undefined):
            obj._fail_with_undefined_error()
        if isinstance(obj, LoopContext) and attribute in _LOOP:
            return getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Undefined):
            obj._fail_with_undefined_error()
        if isinstance(obj, dict):
            try:
                return obj[argument]
            except (KeyError, TypeError):
                pass
        elif isinstance(obj, list | tuple) and isinstance(argument, int) and -len(obj) <= argument < len(obj):
            return obj[argument]
        return self.undefined(obj=obj, name=_name_for_message(argument))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002 - Jinja's signature
        for one in (left, right):
            if not isinstance(one, int) or isinstance(one, bool):
                raise NotAllowed(f"`{operator}` adds whole numbers only; join text with `~`")
        return _keep_number(left + right if operator == "+" else left - right, left, right)
