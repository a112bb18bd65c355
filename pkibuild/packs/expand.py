"""What a service wants on a host, made of plain values alone. Nothing is read or rendered here."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from pkibuild.core.diagnostics import Place, Problems, nearest
from pkibuild.model import layout
from pkibuild.model.desired import Rights
from pkibuild.model.manifest import SELF, Authority, Host, Names, Service
from pkibuild.packs.context import ServiceContext, make_context, service_context
from pkibuild.packs.pack import (
    ByPlatform,
    CommandRule,
    Copy,
    Expansion,
    File,
    FileRule,
    MaterialRule,
    OwnedFolder,
    Pack,
    Port,
    Request,
    RequestRule,
)
from pkibuild.packs.patterns import Missing, Path, Text, below, contexts, fill, look_up
from pkibuild.packs.requirements import check_requirements
from pkibuild.rendering.located import LocatedText, place_of

_NO_PART = re.compile(r"(?:\A|/)(?:-|\.{0,2}(?:/|\Z))")
"""What no part of a path may be: empty, `.`, `..`, or taken for an option."""

FORMATS = ("fullchain", "chain", "der", "combined")


class Expander(Struct):
    """Expands the services of one manifest."""

    authorities: Mapping[str, Authority]
    manifest: str
    """The manifest's path: its last part stands in the configs' headers."""
    folder: str
    """The absolute folder from which a user's own templates are named."""
    _common: dict[tuple[str, str], ServiceContext] = field(default_factory=dict)
    """By name of the service and platform."""

    def expand(self, pack: Pack, service: Service, host: Host, *, issuer_is_root: bool) -> Expansion:
        """What `service`, of the type `pack`, wants on `host`. Faults are returned in `problems`, never raised."""
        common = self._common.get((service.name, host.platform))
        if common is None:
            common = service_context(pack, service, host.platform)
            self._common[service.name, host.platform] = common
        problems = Problems()
        context = make_context(common, service, host, self.manifest)
        check_requirements(pack, service, host, context, issuer_is_root, problems)
        if problems.found:  # what the service cannot have here would only lead to more errors
            return Expansion(service.name, host.name, problems=tuple(problems.found))
        return _Expansion(pack, service, host, context, self.authorities, self.folder, problems).expansion()


class _Expansion(Struct):
    """Turns the rules of a pack into values, one kind after the other; later ones see the paths of earlier ones."""

    pack: Pack
    service: Service
    host: Host
    context: dict[str, Any]
    authorities: Mapping[str, Authority]
    folder: str
    problems: Problems
    names: set[str] = field(default_factory=set)
    roles: set[str] = field(default_factory=set)
    """Those of the requests."""

    def expansion(self) -> Expansion:
        formats = self.formats()
        for name in (*formats, *(one for one in self.host.formats if one in FORMATS)):
            self._show(name, layout.host_path(self.host, name))
        requests = tuple(self.requests())
        copies = tuple(self.copies())
        files = tuple(self.files())
        return Expansion(
            service=self.service.name,
            host=self.host.name,
            formats=formats,
            requests=requests,
            copies=copies,
            files=tuple(file for file, _ in files),
            ports=tuple(self.ports()),
            folders=tuple(self.folders()),
            enable=self.commands("enable"),
            check=self.commands("check"),
            reload=self.commands("reload"),
            start=self.commands("start"),
            problems=tuple(self.problems.found),
            contexts=tuple(context for _, context in files),
        )

    # -- materials ------------------------------------------------------------

    def formats(self) -> tuple[str, ...]:
        wanted = {name for name, when in self.pack.formats if when.holds(self.context)}
        if self.pack.formats_option:
            wanted.update(look_up(self.context, self.pack.formats_option) or ())
        return tuple(name for name in FORMATS if name in wanted)

    def requests(self) -> Iterator[Request]:
        for rule in self.pack.requests:
            if rule.when.holds(self.context):
                yield from self._request(rule)

    def _request(self, rule: RequestRule) -> Iterator[Request]:
        key = self._path(rule.key, self.context)
        certificate = self._path(rule.certificate, self.context)
        if not key or not certificate:
            return
        self._show(f"{rule.role}_key", key)
        self._show(f"{rule.role}_certificate", certificate)
        self.roles.add(rule.role)
        yield Request(
            role=rule.role,
            usages=rule.usages,
            common_name=self._fill(rule.common_name, self.context),
            names=self._names(rule.names),
            key_path=key,
            key=self._rights(rule.key_rights),
            certificate_path=certificate,
            certificate=self._rights(rule.certificate_rights),
            place=self.service.place,
        )

    def _names(self, which: str) -> Names:
        if which == "host":
            return self.host.names
        return Names(dns=(self.host.fqdn,)) if which == "fqdn" and self.host.fqdn else Names()

    def copies(self) -> Iterator[Copy]:
        for rule in self.pack.materials:
            if not rule.when.holds(self.context):
                continue
            path = self._path(rule.path, self.context)
            of = [one for one in rule.of if one == "host" or one in self.roles]
            if not of:
                continue
            parts = self._authorities(rule) if rule.authorities else rule.parts
            if self.host.issuer == SELF and "root" in parts:  # else they all have one issuer
                parts += tuple(self._unit(role) for role in of[1:])
            if path and parts:
                self._show(rule.name, path)
                rights = self._rights(rule.rights)
                yield Copy(self._name(path), path, parts, of[0], rights, self.service.place)

    def _unit(self, role: str) -> str:
        """Id of a pair: the host's, or one of the service's own."""
        return self.host.id if role == "host" else f"service/{self.service.name}@{self.host.name}/{role}"

    def _authorities(self, rule: MaterialRule) -> tuple[str, ...]:
        """The named authorities as parts; each must be declared, and an anchor."""
        found: list[str] = []
        for name in look_up(self.context, rule.authorities) or ():
            known = self.authorities.get(name)
            place = place_of(name) or self.service.place
            if known is None:
                near = nearest(name, self.authorities)
                hint = f"did you mean `{near}`?" if near else ""
                self.problems.error("unknown-issuer", f"authority `{name}` is not declared", place, hint)
            elif not known.is_root:
                hint = f"name the root above it; `{name}` alone would not be enough for the server to trust"
                self.problems.error("not-a-root", f"authority `{name}` is not a root", place, hint)
            else:
                found.append(f"authority/{name}")
        return tuple(found)

    # -- files ----------------------------------------------------------------

    def folders(self) -> Iterator[OwnedFolder]:
        for rule in self.pack.folders:
            if rule.when.holds(self.context):
                path = self._path(rule.path, self.context)
                if path:
                    yield OwnedFolder(path, self._rights(rule.rights))
        for file, context, path in self._chosen(directories=True):
            yield OwnedFolder(path, self._file_rights(file, context))

    def _chosen(self, *, directories: bool = False) -> Iterator[tuple[FileRule, Mapping[str, Any], str]]:
        """The rules that hold, each with its context and path: those for directories, or all others."""
        for rule in self.pack.files:
            if (rule.kind == "directory") is directories:
                for context in contexts(self.context, rule.each):
                    if rule.when.holds(context) and (path := self._path(rule.path, context)):
                        yield rule, context, path

    def files(self) -> Iterator[tuple[File, Mapping[str, Any] | None]]:
        """Each file with what its template sees; None where there is no template."""
        chosen = list(self._chosen())
        for rule, _, path in chosen:
            if rule.name and not rule.each:
                self._show(rule.name, path)
        for rule, context, path in chosen:
            yield self._file(rule, context, path), context if rule.template else None

    def _file(self, rule: FileRule, context: Mapping[str, Any], path: str) -> File:
        place = self._place(rule.each, context)
        template = self._fill(rule.template, context)
        if template and not template.startswith("/"):
            template = f"{self.folder if rule.from_manifest else self.pack.root}/{template}"
        return File(
            name=self._name(path),
            path=path,
            kind=rule.kind,
            rights=self._file_rights(rule, context),
            place=place,
            template=template,
            language=self._fill(rule.language, context) if template else "",
            target=self._target(rule, context, path) if rule.kind == "link" else "",
            source=self._path(rule.source, context) if rule.source else "",
            command=tuple(self._fill(word, context) for word in rule.command),
            secret=bool(self.pack.secrets) and rule.kind != "link",
            secrets=self._secrets(rule.each) if self.pack.secrets else (),
        )

    def _secrets(self, each: Path) -> tuple[Path, ...]:
        """Where in the context of a file there are secrets: an `item` has those of its option."""
        found = [("options", *path) for path in self.pack.secrets]
        if each:
            inner = [below(path, (*each, "*")) for path in found]
            found += [("item", *path) for path in inner if path is not None]
        return tuple(found)

    def _target(self, rule: FileRule, context: Mapping[str, Any], path: str) -> str:
        """Where a link points to, relative to where it lies: to something within the host's tree (or home), or nowhere.

        Relative, it means the same in the overlay, below `install --root` and on the host.
        """
        text = self._fill(rule.target, context)
        home = layout.on_host(self.host, "").rstrip("/")
        within = posixpath.dirname(path)
        if text and not text.startswith("/"):
            text = posixpath.normpath(posixpath.join(within, text))
        target = self._checked(text, rule.target, context)
        if target and target != path:
            return posixpath.relpath(target, within)
        if target or text in ("", home, f"{home}/"):  # else it was told
            place = self._source(rule.target, context)
            self.problems.error("bad-path", f"the link `{path}` points nowhere", place)
        return ""

    def _file_rights(self, rule: FileRule, context: Mapping[str, Any]) -> Rights:
        given = rule.rights
        if not (rule.mode or rule.owner or rule.group):
            return self._rights(given)
        mode = int(self._fill(rule.mode, context), 8) if rule.mode else given.mode
        owner = self._fill(rule.owner, context) if rule.owner else given.owner
        group = self._fill(rule.group, context) if rule.group else given.group
        return self._rights(Rights(owner, group, mode))

    # -- commands and endpoints -----------------------------------------------

    def commands(self, kind: str) -> tuple[tuple[str, ...], ...]:
        found = [
            self._argv(rule, context)
            for rule in self.pack.commands[kind]
            for context in contexts(self.context, rule.each)
            if rule.when.holds(context)
        ]
        return tuple(argv for argv in found if argv)

    def _argv(self, rule: CommandRule, context: Mapping[str, Any]) -> tuple[str, ...]:
        if not rule.option:
            return tuple(self._fill(word, context) for word in rule.argv)
        given = look_up(context, rule.option) or ()
        return tuple(given.split()) if isinstance(given, str) else tuple(str(word) for word in given)

    def ports(self) -> Iterator[Port]:
        found: dict[Port, None] = {}
        for rule in self.pack.endpoints:
            for context in contexts(self.context, rule.each):
                if rule.when.holds(context):
                    number = int(self._fill(rule.port, context) or 0)
                    listed = (look_up(context, rule.addresses) if rule.addresses else None) or ()
                    addresses = () if "*" in listed else tuple(str(one) for one in listed)
                    port = Port(number, addresses, rule.sharable, rule.protocol, self.pack.type, self.service.place)
                    found[port] = None
        yield from found

    # -- small parts ----------------------------------------------------------

    def _place(self, each: Path, context: Mapping[str, Any]) -> Place:
        if not each:
            return self.service.place
        item = context["item"]
        for value in (item, *(item.values() if isinstance(item, Mapping) else ())):
            place = place_of(value)
            if place is not None:
                return place if value is item else place[:-1]
        return self.service.place

    def _show(self, name: str, path: str) -> None:
        """Let templates see a path as it is on the host."""
        self.context["paths"][name] = LocatedText(layout.on_host(self.host, path), self.service.place)

    def _rights(self, rights: Rights) -> Rights:
        owner = rights.owner or layout.root_owner(self.host.platform)
        return Rights(owner, rights.group or layout.root_group(self.host.platform), rights.mode)

    def _name(self, path: str) -> str:
        """FILE of the id: the last part of the path, with as many before it as make it unique in the service."""
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            name = "/".join(parts[-count:])
            if name not in self.names:
                break
        self.names.add(name)
        return name

    def _fill(self, text: Text, context: Mapping[str, Any]) -> str:
        if not text or (len(text) == 1 and isinstance(text[0], str)):  # most are constant: no call for those
            return "".join(text)  # type: ignore[arg-type] # its only part is a str
        try:
            return fill(text, context)
        except Missing as missing:
            hint = f"it is used by `service.yaml` of the pack `{self.pack.type}`"
            self.problems.error("missing-option", f"`{missing}` has no value", self.service.place, hint)
            return ""

    def _path(self, by_platform: ByPlatform, context: Mapping[str, Any]) -> str:
        """An overlay path; empty when the platform has none, or it is no good path (which is told)."""
        text = by_platform.get(self.host.platform)
        if text is None:
            return ""
        return self._checked(self._fill(text, context), text, context)

    def _checked(self, path: str, text: Text, context: Mapping[str, Any]) -> str:
        """The overlay path of a path on the host; empty when it is no good one (which is told where `text` has it)."""
        home = f"{self.host.home}/" if self.host.platform == "user" else "/"
        if path.startswith("/") and not path.startswith(home):
            hint = "on the platform `user` everything lies below `home`"
            message = f"`{path}` is not below `{self.host.home}`"
            self.problems.error("bad-path", message, self._source(text, context), hint)
            return ""
        path = path.removeprefix(home) if path.startswith("/") else path
        if path and _NO_PART.search(path):
            self.problems.error("bad-path", f"`{path}` is not a valid path of a file", self._source(text, context))
            return ""
        if not path.isprintable():
            self.problems.error("bad-path", "a path with control characters", self._source(text, context))
            return ""
        return path

    def _source(self, text: Text, context: Mapping[str, Any]) -> Place:
        """Where the path was written: the place of the last placeholder that has one."""
        places = [place_of(look_up(context, part)) for part in text if not isinstance(part, str)]
        return next((one for one in reversed(places) if one), self.service.place)
