"""Hosts and services for tests of packs, without a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from pkibuild.core.diagnostics import Diagnostic, Problems
from pkibuild.model.manifest import SELF, Authority, Host, KeySpec, Names, Platform, Service, Validity
from pkibuild.packs.expand import Expander
from pkibuild.packs.loader import load_packs
from pkibuild.packs.options import complete
from pkibuild.packs.pack import Expansion, File, Pack
from pkibuild.rendering.renderer import Renderer
from pkibuild.world.files import read_file

PLATFORMS: tuple[Platform, ...] = ("debian", "redhat", "freebsd", "user")
RENDERER = Renderer()


def packs(*folders: str) -> Mapping[str, Pack]:
    """The built-in packs, and those in `folders`. Raises UserError."""
    problems = Problems()
    found = load_packs([(folder, ("packs", index)) for index, folder in enumerate(folders)], problems)
    problems.raise_errors()
    return found


def a_host(platform: Platform = "debian", **changes: Any) -> Host:
    host = Host(
        name="myhost",
        place=("hosts", "myhost"),
        subject=(("country", "TW"), ("common_name", "www.abc.com")),
        issuer="myrootca",
        key=KeySpec("ecdsa-p256"),
        validity=Validity(397 * 86400),
        renew_before=30 * 86400,
        issued_since=None,
        formats=(),
        usages=("server",),
        names=Names(dns=("www.abc.com", "abc.com"), ip=("192.0.2.10",)),
        fqdn="www.abc.com",
        aliases=("abc.com",),
        addresses=("192.0.2.10",),
        platform=platform,
        home="/home/joe" if platform == "user" else "",
    )
    return replace(host, **changes)


def an_authority(name: str, issuer: str = SELF) -> Authority:
    return Authority(
        name=name,
        place=("authorities", name),
        subject=(("common_name", name),),
        issuer=issuer,
        key=KeySpec("ecdsa-p256"),
        validity=Validity(1),
        renew_before=0,
        issued_since=None,
        formats=(),
        usages=(),
        names=Names(),
    )


AUTHORITIES = {"myrootca": an_authority("myrootca"), "web-ca": an_authority("web-ca", "myrootca")}


def a_service(pack: Pack, options: Mapping[str, Any], name: str = "") -> Service:
    name = name or {"apache": "web", "qpopper": "pop3", "sendmail": "smtp"}.get(pack.type, "other")
    return Service(name, ("services", name), pack.type, ("myhost",), complete(pack.options_schema, options))


def expanded(
    pack: Pack,
    options: Mapping[str, Any] | None = None,
    host: Host | None = None,
    manifest: str = "pki.yaml",
    folder: str = "/nowhere",
) -> Expansion:
    host = host or a_host()
    issuer = AUTHORITIES.get(host.issuer)
    expander = Expander(AUTHORITIES, manifest, folder)
    root = issuer is None or issuer.is_root
    return expander.expand(pack, a_service(pack, options or {}), host, issuer_is_root=root)


def problems(pack: Pack, options: Mapping[str, Any] | None = None, host: Host | None = None) -> tuple[Diagnostic, ...]:
    return expanded(pack, options, host).problems


def rendered(file: File, context: Mapping[str, Any] | None) -> str:
    """The text of a config. Raises UserError."""
    assert context is not None
    return RENDERER.render(read_file(file.template).decode(), file.language, context, file.template, file.place)


def texts(expansion: Expansion) -> dict[str, str]:
    """Every config by its path."""
    assert not expansion.problems, expansion.problems
    seen = zip(expansion.files, expansion.contexts, strict=True)
    return {file.path: rendered(file, context) for file, context in seen if file.kind == "file"}
