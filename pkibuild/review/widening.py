"""Whether name constraints allow more than others did (RFC 5280 4.2.1.10)."""

from __future__ import annotations

from pkibuild.model.manifest import Constraints, Subtrees

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
