"""Keys and certificates: what a declaration asks for."""

from __future__ import annotations

from functools import cache

from pkibuild.model import layout
from pkibuild.model.desired import FILE_MODE, KEY_MODE, CertificateWant, KeyWant, Pair, Rights
from pkibuild.model.facts import Profile
from pkibuild.model.layout import public_path
from pkibuild.model.manifest import SELF, Authority, Declaration, Host, Platform

UNCONSTRAINED = Profile(()).constraints


def profile_of(declaration: Declaration, issuer: Authority | None) -> Profile:
    """What its certificate says. `issuer` is None for a self-signed one: no list of revocations covers it."""
    authority = declaration if isinstance(declaration, Authority) else None
    return Profile(
        subject=declaration.subject,
        names=declaration.names,
        usages=declaration.usages,
        ca=authority is not None,
        path_length=authority.path_length if authority else None,
        constraints=authority.constraints if authority else UNCONSTRAINED,
        crl_url=issuer.crl.url if issuer and issuer.crl else "",
        ca_issuers_url=issuer.ca_issuers_url if issuer else "",
        ocsp_url=issuer.ocsp_url if issuer else "",
    )


def pair_of(declaration: Declaration, issuer: Authority | None) -> Pair:
    """The key and the certificate that a declaration asks for by itself."""
    id = declaration.id
    key_path = layout.output_path(declaration, "key")
    of_key, of_certificate = _rights(declaration.platform if isinstance(declaration, Host) else "debian")
    key = KeyWant(
        id=f"{id}/key",
        path=key_path,
        spec=declaration.key,
        place=(*declaration.place, "key"),
        rights=of_key,
        public_path=public_path(key_path) if declaration.key.passphrase else "",
    )
    certificate = CertificateWant(
        id=f"{id}/certificate",
        path=layout.output_path(declaration, "certificate"),
        profile=profile_of(declaration, issuer),
        issuer=declaration.issuer,
        validity=declaration.validity,
        renew_before=declaration.renew_before,
        issued_since=declaration.issued_since,
        place=declaration.place,
        rights=of_certificate,
        clock_renews=not (isinstance(declaration, Authority) and declaration.issuer == SELF),
    )
    return Pair(id, key, certificate)


@cache
def _rights(platform: Platform) -> tuple[Rights, Rights]:
    """Those of a key and of a certificate on all hosts of a platform."""
    owner, group = layout.root_owner(platform), layout.root_group(platform)
    return Rights(owner, group, KEY_MODE), Rights(owner, group, FILE_MODE)
