"""The keys and certificates that a declaration, and the services of a host, ask for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from pkibuild.artifacts.kind import Scope
from pkibuild.core.values import replace
from pkibuild.model import layout
from pkibuild.model.desired import FILE_MODE, KEY_MODE, Artifact, CertificateArtifact, KeyArtifact, Rights
from pkibuild.model.facts import Profile
from pkibuild.model.manifest import SELF, Authority, Declaration, Host, Platform

UNCONSTRAINED = Profile(()).constraints


def own_certificate(declaration: Declaration, issuer: Authority | None) -> CertificateArtifact:
    """The certificate that a declaration asks for by itself, with its key. `issuer` is None for a self-signed one."""
    id = declaration.id
    key_path = layout.output_path(declaration, "key")
    of_key, of_certificate = _rights(declaration.platform if isinstance(declaration, Host) else "debian")
    authority = declaration if isinstance(declaration, Authority) else None
    return CertificateArtifact(
        id=f"{id}/certificate",
        kind="certificate",
        path=layout.output_path(declaration, "certificate"),
        rights=of_certificate,
        place=declaration.place,
        key=KeyArtifact(
            id=f"{id}/key",
            kind="key",
            path=key_path,
            rights=of_key,
            place=(*declaration.place, "key"),
            spec=declaration.key,
            public_path=layout.public_path(key_path) if declaration.key.passphrase else "",
            public_rights=of_certificate,
        ),
        profile=profile_of(declaration, issuer),
        issuer=declaration.issuer,
        validity=declaration.validity,
        renew_before=declaration.renew_before,
        issued_since=declaration.issued_since,
        clock_renews=authority is None or declaration.issuer != SELF,
        authority=authority,
    )


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


@cache
def _rights(platform: Platform) -> tuple[Rights, Rights]:
    """Those of a key and of a certificate on all hosts of a platform."""
    owner, group = layout.root_owner(platform), layout.root_group(platform)
    return Rights(owner, group, KEY_MODE), Rights(owner, group, FILE_MODE)


def desired_certificates(scope: Scope) -> Iterator[Artifact]:
    """Each certificate of a unit after its key: the declaration's own, then those of its services."""
    own = own_certificate(scope.declaration, scope.issuer)
    yield from (own.key, own)
    for expansion in scope.expansions:
        for request in expansion.requests:
            assert isinstance(scope.declaration, Host)
            certificate = _requested(scope.declaration, scope.issuer, expansion.id, request)
            yield from (certificate.key, certificate)


def _requested(host: Host, issuer: Authority | None, service: str, request: Any) -> CertificateArtifact:
    """A key and certificate of a service's own: issuer, algorithm, validity and subject are the host's."""
    named = any(name == "common_name" for name, _ in host.subject)
    subject = tuple(
        (name, request.common_name if name == "common_name" else value)
        for name, value in (host.subject if named else (*host.subject, ("common_name", "")))
    )
    unit, folder = f"{service}/{request.role}", layout.unit_folder(host)
    return CertificateArtifact(
        id=f"{unit}/certificate",
        kind="certificate",
        path=f"{folder}/{request.certificate_path}",
        rights=rights_on_host(request.certificate),
        place=request.place,
        key=KeyArtifact(
            id=f"{unit}/key",
            kind="key",
            path=f"{folder}/{request.key_path}",
            rights=rights_on_host(request.key),
            place=request.place,
            spec=replace(host.key, passphrase=None),  # a service starts without anybody at a prompt
        ),
        profile=replace(profile_of(host, issuer), subject=subject, names=request.names, usages=request.usages),
        issuer=host.issuer,
        validity=host.validity,
        renew_before=host.renew_before,
        issued_since=host.issued_since,
    )


def rights_on_host(rights: Any) -> Rights:
    """From a pack's own words (`packs.pack.Rights`)."""
    return Rights(rights.owner, rights.group, rights.mode)
