"""The fields of certificates, in the words of RFC 5280 and OpenSSL."""

from __future__ import annotations

from pkibuild.model.manifest import Constraints, Names

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
