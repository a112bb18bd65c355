"""What changes: the fields of certificates in the words of RFC 5280 and OpenSSL, hunks of texts, name constraints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pkibuild.model.manifest import Constraints, Names, Subtrees
from pkibuild.model.plan import Change

_USAGES = {"server": "serverAuth", "client": "clientAuth", "email": "emailProtection", "code": "codeSigning"}


def name_list(names: Names) -> tuple[str, ...]:
    """`DNS:www.abc.com`, `IP:192.0.2.1`, … as OpenSSL writes them."""
    return (
        *(f"DNS:{one}" for one in names.dns),
        *(f"IP:{one}" for one in names.ip),
        *(f"email:{one}" for one in names.email),
        *(f"URI:{one}" for one in names.uri),
    )


def constraint_list(constraints: Constraints) -> tuple[str, ...]:
    found: list[str] = []
    for word, trees in (("permitted", constraints.permitted), ("excluded", constraints.excluded)):
        found += [f"{word} DNS:{one}" for one in trees.dns]
        found += [f"{word} IP:{one}" for one in trees.ip]
        found += [f"{word} email:{one}" for one in trees.email]
    return tuple(found)


def usage_list(usages: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_USAGES.get(one, one) for one in usages)


CONTEXT = 3
"""Lines that are shown before and after what changes."""
_LARGE = 4_000_000
"""Where the numbers of lines that differ, multiplied, are larger, no further likeness is looked for."""

Edit = tuple[int, int, int, int]
"""Lines `[a, b)` of the old text become lines `[c, d)` of the new one."""


def text_changes(before: bytes, after: bytes) -> tuple[Change, ...]:
    """One change of the field `text` for every hunk: the lines that go, those that come, and the hunk itself."""
    old, new = _lines(before), _lines(after)
    return tuple(_hunk(old, new, group) for group in _groups(list(_edits(old, new))))


def _lines(data: bytes) -> list[str]:
    lines = data.decode("utf-8", "replace").split("\n")
    if lines[-1]:
        return [*lines, "\\ no newline at the end"]
    return lines[:-1]


def _edits(old: Sequence[str], new: Sequence[str]) -> Iterator[Edit]:
    """Every stretch that differs. What is alike at both ends is taken off first: the usual small edit is cheap then."""
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    tail = next((at for at in range(shorter - head) if old[-1 - at] != new[-1 - at]), shorter - head)
    inner_old, inner_new = old[head : len(old) - tail], new[head : len(new) - tail]
    if not inner_old and not inner_new:
        return
    if not inner_old or not inner_new or len(inner_old) * len(inner_new) > _LARGE:
        yield head, head + len(inner_old), head, head + len(inner_new)
        return
    from difflib import SequenceMatcher

    for tag, a, b, c, d in SequenceMatcher(None, inner_old, inner_new, autojunk=False).get_opcodes():
        if tag != "equal":
            yield head + a, head + b, head + c, head + d


def _groups(edits: list[Edit]) -> Iterator[list[Edit]]:
    """Edits whose contexts touch are shown together."""
    group: list[Edit] = []
    for edit in edits:
        if group and edit[0] - group[-1][1] > 2 * CONTEXT:
            yield group
            group = []
        group.append(edit)
    if group:
        yield group


def _hunk(old: Sequence[str], new: Sequence[str], edits: list[Edit]) -> Change:
    first, last = edits[0], edits[-1]
    start = max(0, first[0] - CONTEXT)
    stop = min(len(old), last[1] + CONTEXT)
    lines: list[str] = []
    gone: list[str] = []
    come: list[str] = []
    at = start
    for a, b, c, d in edits:
        lines += [f" {line}" for line in old[at:a]]
        lines += [f"-{line}" for line in old[a:b]]
        lines += [f"+{line}" for line in new[c:d]]
        gone += old[a:b]
        come += new[c:d]
        at = b
    lines += [f" {line}" for line in old[at:stop]]
    new_start = first[2] - (first[0] - start)
    count = stop - start - len(gone) + len(come)
    head = f"@@ -{_range(start, stop - start)} +{_range(new_start, count)} @@"
    return Change("text", tuple(gone), tuple(come), (head, *lines))


def _range(start: int, count: int) -> str:
    """Lines count from 1; an empty range names the line before it."""
    return f"{start + 1 if count else start},{count}"


_WORDS = (("dns", "DNS"), ("ip", "IP"), ("email", "email"))


def widened(before: Constraints, after: Constraints) -> list[str]:
    """What is allowed after and was not before: `permitted DNS:example.com`, `any IP`, `no longer excluded IP:…`."""
    found: list[str] = []
    for kind, word in _WORDS:
        old, new = _of(before.permitted, kind), _of(after.permitted, kind)
        if old and not new:
            found.append(f"any {word}")
        elif old:
            found += [f"permitted {word}:{one}" for one in new if not _covered(kind, one, old)]
        still = _of(after.excluded, kind)
        found += [
            f"no longer excluded {word}:{one}"
            for one in _of(before.excluded, kind)
            if not _covered(kind, one, still) and not _outside(kind, one, new)
        ]
    return found


def _of(trees: Subtrees, kind: str) -> tuple[str, ...]:
    found: tuple[str, ...] = getattr(trees, kind)
    return found


def _covered(kind: str, one: str, others: tuple[str, ...]) -> bool:
    return any(_within(kind, one, other) for other in others)


def _outside(kind: str, one: str, permitted: tuple[str, ...]) -> bool:
    """Whether a subtree has nothing in common with what is permitted at all."""
    return bool(permitted) and not any(_within(kind, one, other) or _within(kind, other, one) for other in permitted)


def _within(kind: str, one: str, other: str) -> bool:
    """Whether every name of a subtree is in another one."""
    if one == other:
        return True
    if kind == "dns":
        return one.endswith(f".{other}")
    if kind == "ip":
        return _within_network(one, other)
    host = one.rpartition("@")[2]
    if other.startswith("."):
        return host.endswith(other)
    return "@" in one and "@" not in other and host == other


def _within_network(one: str, other: str) -> bool:
    from ipaddress import IPv4Network, IPv6Network, ip_network

    inner, outer = ip_network(one, strict=False), ip_network(other, strict=False)
    if isinstance(inner, IPv4Network) and isinstance(outer, IPv4Network):
        return inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and isinstance(outer, IPv6Network) and inner.subnet_of(outer)
