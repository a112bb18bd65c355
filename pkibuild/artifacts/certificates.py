"""Keys and certificates: what a declaration asks for."""

from __future__ import annotations

from pkibuild import layout
from pkibuild.artifacts.wants import FILE_MODE, KEY_MODE, CertificateWant, KeyWant, Pair, Rights
from pkibuild.facts import Profile
from pkibuild.model import SELF, Authority, Declaration, Host


def profile_of(declaration: Declaration, issuer: Authority | None) -> Profile:
    """What its certificate says. `issuer` is None for a self-signed one: no list of revocations covers it."""
    is_authority = isinstance(declaration, Authority)
    return Profile(
        subject=declaration.subject,
        names=declaration.names,
        usages=declaration.usages,
        ca=is_authority,
        path_length=declaration.path_length if isinstance(declaration, Authority) else None,
        constraints=declaration.constraints if isinstance(declaration, Authority) else Profile(()).constraints,
        crl_url=issuer.crl.url if issuer and issuer.crl else "",
        ca_issuers_url=issuer.ca_issuers_url if issuer else "",
        ocsp_url=issuer.ocsp_url if issuer else "",
    )


def pair_of(declaration: Declaration, issuer: Authority | None) -> Pair:
    """The key and the certificate that a declaration asks for by itself."""
    key_path = layout.output_path(declaration, "key")
    owner, group = ("", "") if isinstance(declaration, Host) and declaration.platform == "user" else ("root", "root")
    if isinstance(declaration, Host) and declaration.platform == "freebsd":
        group = "wheel"
    key = KeyWant(
        id=f"{declaration.id}/key",
        path=key_path,
        spec=declaration.key,
        place=(*declaration.place, "key"),
        rights=Rights(owner, group, KEY_MODE),
        public_path=public_path(key_path) if declaration.key.passphrase else "",
    )
    certificate = CertificateWant(
        id=f"{declaration.id}/certificate",
        path=layout.output_path(declaration, "certificate"),
        profile=profile_of(declaration, issuer),
        issuer=declaration.issuer,
        validity=declaration.validity,
        renew_before=declaration.renew_before,
        issued_since=declaration.issued_since,
        place=declaration.place,
        rights=Rights(owner, group, FILE_MODE),
        clock_renews=not (isinstance(declaration, Authority) and declaration.issuer == SELF),
    )
    return Pair(declaration.id, key, certificate)


def public_path(key_path: str) -> str:
    """Where the public half of a key with a passphrase lies: `x.key` becomes `x.pub`."""
    return key_path.removesuffix(".key") + ".pub"
