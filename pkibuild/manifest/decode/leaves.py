"""Hosts, and certificates that belong to no host."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from msgspec import Struct

from pkibuild.core.diagnostics import Place
from pkibuild.manifest.decode.context import LEAF_VALIDITY, Context, Fields, Raw
from pkibuild.manifest.decode.names import BadName, address_in, normal_dns, normal_email, normal_ip, normal_uri
from pkibuild.manifest.decode.subjects import Subjects, Values, attributes
from pkibuild.model.manifest import SELF, Attributes, Certificate, Host, Names, Platform, Usage

USAGES: tuple[Usage, ...] = ("server", "client", "email", "code")
MAX_COMMON_NAME = 64
"""RFC 5280 A.1, ub-common-name."""


class Leaves(Struct):
    """Decodes what is no authority."""

    context: Context
    fields: Fields
    subjects: Subjects

    # -- hosts ----------------------------------------------------------------------

    def host(self, raw: Raw) -> Host:
        data = raw.data
        fqdn = self._fqdn(raw)
        names = self._host_names(raw, fqdn)
        usages = _usages(data.get("usage", ("server",)))
        subject, emails = self._subject(raw, usages, names, fqdn)
        if emails:
            names = Names(names.dns, names.ip, emails)
        validity = self.fields.validity(raw, LEAF_VALIDITY)
        platform: Platform = data.get("platform") or self.context.defaults.get("platform", "debian")
        return Host(
            name=raw.name,
            place=raw.place,
            subject=subject,
            issuer=self._issuer(raw),
            key=self.fields.key(raw),
            validity=validity,
            renew_before=self.fields.renew_before(raw, validity),
            issued_since=self.fields.issued_since(raw) if "issued_since" in data else None,
            formats=self.fields.formats(raw),
            usages=usages,
            names=names,
            fqdn=fqdn,
            aliases=tuple(name for name in names.dns if name != fqdn),
            addresses=names.ip,
            platform=platform,
            home=self._home(raw, platform),
            tags=tuple(data.get("tags", ())),
        )

    def _fqdn(self, raw: Raw) -> str:
        text = raw.data["fqdn"]
        address = address_in(text)
        if address is not None:
            return address
        try:
            return normal_dns(text, wildcard=False)
        except BadName as error:
            self.context.bad_name("bad-dns-name", text, "DNS name", error, (*raw.place, "fqdn"))
            return ""

    def _host_names(self, raw: Raw, fqdn: str) -> Names:
        data = raw.data
        dns, ip = ([], [fqdn]) if address_in(fqdn) else ([fqdn] if fqdn else [], [])
        if "aliases" in data:
            self._take_dns(data["aliases"], (*raw.place, "aliases"), dns, ip)
        if "addresses" in data:
            ip += self._take(data["addresses"], (*raw.place, "addresses"), "bad-address", "IP address", normal_ip)
        if len(dns) + len(ip) > 1:
            return Names(tuple(dict.fromkeys(dns)), tuple(dict.fromkeys(ip)))
        return Names(tuple(dns), tuple(ip))

    def _home(self, raw: Raw, platform: str) -> str:
        home: str = raw.data.get("home", "")
        if platform == "user" and not home and raw.sound:
            self.context.error("missing-field", "the platform `user` needs `home`", self.context.where(raw, "platform"),
                               "write `home: /home/NAME`")  # fmt: skip
        elif home and platform != "user":
            self.context.error("bad-value", f"`home` belongs to the platform `user`, and this is `{platform}`",
                               (*raw.place, "home"))  # fmt: skip
        return home

    # -- certificates -----------------------------------------------------------------

    def certificate(self, raw: Raw) -> Certificate:
        usages = _usages(raw.data["usage"])
        names = self._certificate_names(raw)
        subject, emails = self._subject(raw, usages, names, "")
        if emails:
            names = Names(names.dns, names.ip, tuple(dict.fromkeys((*names.email, *emails))), names.uri)
        self._check_named(raw, usages, subject, names)
        validity = self.fields.validity(raw, LEAF_VALIDITY)
        return Certificate(
            name=raw.name,
            place=raw.place,
            subject=subject,
            issuer=self._issuer(raw),
            key=self.fields.key(raw),
            validity=validity,
            renew_before=self.fields.renew_before(raw, validity),
            issued_since=self.fields.issued_since(raw),
            formats=self.fields.formats(raw),
            usages=usages,
            names=names,
        )

    def _certificate_names(self, raw: Raw) -> Names:
        written = raw.data.get("names", {})
        place: Place = (*raw.place, "names")
        dns: list[str] = []
        ip: list[str] = []
        self._take_dns(written.get("dns", ()), (*place, "dns"), dns, ip)
        ip += self._take(written.get("ip", ()), (*place, "ip"), "bad-address", "IP address", normal_ip)
        email = self._take(written.get("email", ()), (*place, "email"), "bad-email", "e-mail address", normal_email)
        uri = self._take(written.get("uri", ()), (*place, "uri"), "bad-uri", "URI", normal_uri)
        return Names(*(tuple(dict.fromkeys(some)) for some in (dns, ip, email, uri)))

    def _check_named(self, raw: Raw, usages: tuple[Usage, ...], subject: Attributes, names: Names) -> None:
        written = raw.data.get("names", {})
        lacks = self.context.lacks
        if "server" in usages and not (names.dns or names.ip or written.get("dns") or written.get("ip")):
            what = "a server's certificate needs a DNS name or an address (RFC 9525)"
            lacks(raw, "no-name", what, "write it under `names: {dns: […]}`")
        elif "email" in usages and not (names.email or written.get("email")):
            lacks(raw, "no-name", "a certificate for e-mail needs an address", "write it under `names: {email: […]}`")
        elif not (names or written or raw.data.get("subject") or any(name == "common_name" for name, _ in subject)):
            hint = "write `subject: {common_name: …}` or `names:`"
            lacks(raw, "no-name", "nothing says whom this certificate is for", hint)

    # -- what both share ----------------------------------------------------------------

    def _issuer(self, raw: Raw) -> str:
        issuer: str = raw.data.get("issuer") or self.context.defaults.get("issuer", "")
        if not issuer:
            hint = "write `issuer:` here or under `defaults:`, or `issuer: self`"
            self.context.lacks(raw, "missing-field", f"`{raw.written}` has no issuer", hint)
        elif issuer == SELF:
            self.context.warn(
                "self-signed", "Chromium accepts no self-signed certificate of a host, even when it is imported",
                self.context.where(raw, "issuer"), "declare an authority and let it sign",
            )  # fmt: skip
        return issuer

    def _subject(
        self, raw: Raw, usages: tuple[Usage, ...], names: Names, fqdn: str
    ) -> tuple[Attributes, tuple[str, ...]]:
        """The subject, and the e-mail addresses in it, which become names (RFC 5280 4.1.2.6)."""
        if "subject" not in raw.data:
            return self.subjects.named(fqdn if len(fqdn) <= MAX_COMMON_NAME else ""), self.subjects.defaults.get(
                "email", ()
            )
        values = self.subjects.values(raw)
        written = raw.data["subject"]
        if "common_name" not in written:
            if fqdn and len(fqdn) <= MAX_COMMON_NAME:
                values["common_name"] = (fqdn,)
        elif values.get("common_name"):
            self._common_name(raw, values, usages, names)
        return attributes(values), values.get("email", ())

    def _common_name(self, raw: Raw, values: Values, usages: tuple[Usage, ...], names: Names) -> None:
        """A declared common name: a server's is one of its names, letter for letter."""
        text = values["common_name"][0]
        place = (*raw.place, "subject", "common_name")
        if "server" in usages:
            name = address_in(text) or _dns_or_none(text)
            if name is None or name not in (*names.dns, *names.ip):
                message = f"the common name `{text[:70]}` is not among the names of this server"
                self.context.error("common-name", message, place, "take it out, or add it to the names")
            values["common_name"] = (name,) if name and len(name) <= MAX_COMMON_NAME else ()
        elif len(text) > MAX_COMMON_NAME:
            self.context.error("bad-subject", f"`common_name`: it has {len(text)} characters, and at most "
                               f"{MAX_COMMON_NAME} are allowed (RFC 5280 A.1)", place)  # fmt: skip

    def _take_dns(self, texts: Iterable[str], place: Place, dns: list[str], ip: list[str]) -> None:
        """Normal forms of DNS names; an address among them becomes an iPAddress."""
        for at, text in enumerate(texts):
            address = address_in(text)
            if address is not None:
                ip.append(address)
                continue
            try:
                dns.append(normal_dns(text))
            except BadName as error:
                self.context.bad_name("bad-dns-name", text, "DNS name", error, (*place, at))

    def _take(
        self, texts: Iterable[str], place: Place, code: str, what: str, normal: Callable[[str], str]
    ) -> list[str]:
        taken = []
        for at, text in enumerate(texts):
            try:
                taken.append(normal(text))
            except BadName as error:
                self.context.bad_name(code, text, what, error, (*place, at))
        return taken


def _usages(written: Iterable[str]) -> tuple[Usage, ...]:
    wanted = tuple(written)
    return cast(tuple[Usage, ...], wanted) if len(wanted) == 1 else tuple(one for one in USAGES if one in wanted)


def _dns_or_none(text: str) -> str | None:
    try:
        return normal_dns(text)
    except BadName:
        return None
