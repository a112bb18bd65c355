"""The manifest from its files to frozen values, with every problem reported in one run."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from msgspec.structs import replace

import pkibuild
from pkibuild.core.diagnostics import Diagnostic, Place, Problems, UserError
from pkibuild.documents import Disk, Document, ParsedDocuments, Source
from pkibuild.documents.schema.masks import within
from pkibuild.documents.schema.validator import Validator
from pkibuild.documents.schema.words import quote
from pkibuild.manifest.decode.authorities import (
    Authorities,
    check_issuers,
    check_leaf_subjects,
    check_path_lengths,
    check_subjects,
    in_issuing_order,
    with_renewals,
)
from pkibuild.manifest.decode.checks import check_constraints, warn_of_clients
from pkibuild.manifest.decode.context import Context, Fields, Raw
from pkibuild.manifest.decode.declared import Declared, read_declarations, report
from pkibuild.manifest.decode.leaves import Leaves
from pkibuild.manifest.decode.services import Services, files_in
from pkibuild.manifest.decode.subjects import Subjects
from pkibuild.manifest.read.compose import compose_schema, find_unsupported
from pkibuild.manifest.read.gather import SECTIONS, gather
from pkibuild.manifest.read.version import check_version, nothing_declared, version_fits
from pkibuild.model.manifest import Authority, Certificate, Declaration, Host, Manifest, Service
from pkibuild.packs.loader import Packs, load_packs
from pkibuild.packs.pack import COMMON, Pack
from pkibuild.world import World


def load(
    path: str,
    world: World,
    *,
    output: str | None = None,
    source: Source | None = None,
    name: str = "",
    memory: ParsedDocuments | None = None,
) -> Manifest:
    """Read, check and decode a manifest.

    `path` is relative to the current folder; `output`, relative to it too, takes the place of the manifest's own.
    `name` is what the manifest is called in messages, its path unless given; with `memory`, large documents are read
    with its help, and put into it.
    Raises UserError with every problem, placed and sorted.
    """
    return _Loader(path, world, output, source or Disk(), name or path, memory).load()


class _Loader:
    def __init__(
        self, path: str, world: World, output: str | None, source: Source, name: str, memory: ParsedDocuments | None
    ) -> None:
        self.path = path
        self.name = name
        self.world = world
        self.output = output
        self.source = source
        self.memory = memory
        self.problems = Problems()

    def load(self) -> Manifest:
        absolute = posixpath.normpath(posixpath.join(self.world.folder(), self.path))
        try:
            self.gathered = gather(self.source, absolute, self.name, self.problems, self.memory)
        except UserError as error:
            raise _with_hint(error) from None
        check_version(self.gathered.root)
        self.packs: Mapping[str, Pack] = load_packs(list(self._pack_folders()), self.problems, self.source)
        for document in self.gathered.documents:
            document.hide(partial(self._is_secret_option, document))
        self.validator = Validator(compose_schema(self.packs, only=self._types_in_use()))
        self.context = Context(self.gathered, self.problems, self._top_level(), self.world.now())
        manifest = self._decode(read_declarations(self.context, self.validator, sorted(self.packs), self._is_secret))
        return replace(manifest, warnings=tuple(self._finish()))

    # -- the top level ------------------------------------------------------------------

    def _pack_folders(self) -> Iterator[tuple[str, Place]]:
        for number, (document, at) in enumerate(self.gathered.packs):
            entry = document.data["packs"][at]
            if isinstance(entry, str):
                yield posixpath.normpath(posixpath.join(document.folder, entry)), ("packs", number)

    def _types_in_use(self) -> set[str]:
        services = (entry.data for entry in self.gathered.sections["services"].values())
        return {str(one.get("type")) for one in services if isinstance(one, dict)}

    def _top_level(self) -> Mapping[str, Any]:
        """Check what stands beside the named sections; the defaults, as far as they are valid."""
        data = self.gathered.root.data
        problems = self.validator.problems("#", _without_items(data), (), self._is_secret)
        found = Context(self.gathered, self.problems, {}, self.world.now())
        for one in problems:
            report(found, one)
        find_unsupported("", data, (), found.not_supported)
        find_unsupported("defaults", data.get("defaults"), ("defaults",), found.not_supported)
        if not (problems or self.gathered.found or self.problems.found or any(self.gathered.sections.values())):
            raise self._failed(nothing_declared(self.gathered.root))
        self._check_requirement(found)
        bad = {(one.place or ())[1:2] for one in problems if (one.place or ())[:1] == ("defaults",)}
        defaults = data.get("defaults")
        return {name: one for name, one in defaults.items() if (name,) not in bad} if isinstance(defaults, dict) else {}

    def _check_requirement(self, context: Context) -> None:
        wanted = self.gathered.root.data.get("pkibuild")
        if isinstance(wanted, str) and not version_fits(wanted, pkibuild.__version__):
            context.error("other-version", f"this manifest wants pkibuild {quote(wanted)[1:-1]}, and this is "
                          f"{pkibuild.__version__}", ("pkibuild",), "install a version that fits")  # fmt: skip

    def _output(self) -> str:
        if self.output is not None:
            return posixpath.normpath(posixpath.join(self.world.folder(), self.output))
        written = self.gathered.root.data.get("output", "pki")
        normal = posixpath.normpath(written) if isinstance(written, str) and written else "pki"
        bad = normal.startswith(("/", "..", "-", "~")) or normal == "." or not normal.isprintable()
        if bad:
            self.context.error("bad-output", f"{quote(written)} cannot be the output folder", ("output",),
                               "name a folder below the manifest's own, such as `pki`")  # fmt: skip
        return normal

    # -- declarations ---------------------------------------------------------------------

    def _decode(self, declared: Declared) -> Manifest:
        context = self.context
        fields, subjects = Fields(context), Subjects(context)
        makers = Authorities(context, fields, subjects)
        authorities = {name: makers.authority(raw) for name, raw in declared.valid["authorities"].items()}
        leaves = Leaves(context, fields, subjects)
        hosts = {name: leaves.host(raw) for name, raw in declared.valid["hosts"].items()}
        certificates = {name: leaves.certificate(raw) for name, raw in declared.valid["certificates"].items()}
        raws: dict[Place, Raw] = {raw.place: raw for section in SECTIONS for raw in declared.valid[section].values()}
        authorities = self._check(authorities, [*hosts.values(), *certificates.values()], declared, raws)
        services = Services(context, self.packs, declared.names["hosts"])
        made = {name: services.service(raw) for name, raw in declared.valid["services"].items()}
        return self._manifest(authorities, hosts, certificates, made, raws)

    def _check(
        self, authorities: dict[str, Authority], leaves: list[Declaration], declared: Declared, raws: dict[Place, Raw]
    ) -> dict[str, Authority]:
        """What concerns several declarations; the authorities, issuers first."""
        known = declared.names["authorities"]
        check_issuers(self.context, [*authorities.values(), *leaves], known, raws)
        ordered = with_renewals(in_issuing_order(self.context, authorities), leaves)
        check_path_lengths(self.context, ordered, raws)
        check_subjects(self.context, ordered)
        check_leaf_subjects(self.context, leaves, ordered)
        check_constraints(self.context, [*ordered.values(), *leaves], ordered, raws)
        warn_of_clients(self.context, leaves, ordered, raws)
        return ordered

    def _manifest(
        self,
        authorities: dict[str, Authority],
        hosts: dict[str, Host],
        certificates: dict[str, Certificate],
        services: dict[str, Service],
        raws: Mapping[Place, Raw],
    ) -> Manifest:
        return Manifest(
            path=self.name,
            folder=self.gathered.root.folder,
            output=self._output(),
            authorities=authorities,
            hosts=hosts,
            certificates=certificates,
            services=services,
            packs=self.packs,
            locate=self.gathered.locate,
            is_written=self.gathered.is_written,
            said=lambda place: raws[place].said(),
            defaults=self.context.defaults,
            watched=tuple(dict.fromkeys(self._watched(services))),
        )

    def _watched(self, services: Mapping[str, Service]) -> Iterator[str]:
        yield from self.gathered.watched
        for pack in self.packs.used if isinstance(self.packs, Packs) else self.packs.values():
            yield from pack.files_read
        for one in services.values():
            schema = self.packs[one.type].options_schema
            yield from files_in(one.options, schema, schema, self.gathered.root.folder)

    # -- problems ---------------------------------------------------------------------------

    def _is_secret_option(self, document: Document, place: Place) -> bool:
        """Whether what stands at a place of a document is an option that a pack's schema calls secret, or may be one.

        It may where no pack is known for it, as of a misspelt type, or where a schema refuses it and some
        pack has secrets: under a misspelt name, in another form, for another type.
        """
        if len(place) < 3 or place[0] != "services":
            return False
        services = document.data["services"]
        entry = services.get(place[1]) if isinstance(services, dict) else None
        kind = entry.get("type") if isinstance(entry, dict) else None
        pack = self.packs.get(kind) if isinstance(kind, str) else None
        if pack is None:
            return place[2] not in COMMON
        refused = within(place, self.gathered.refused) and any(one.secrets for one in self.packs.values())
        return refused or within(place[2:], pack.secrets)

    def _is_secret(self, place: Place) -> bool:
        from pkibuild.documents.schema.secrets import SECRET_NAME

        named = any(isinstance(step, str) and SECRET_NAME.search(step) for step in place[2:] or place)
        return named or self._is_secret_option(self.gathered.written(place)[0], place)

    def _finish(self) -> list[Diagnostic]:
        """Every problem with its span, sorted; raises UserError when there is an error among them."""
        found = sorted(dict.fromkeys(self._told()), key=self._order)
        if any(one.severity == "error" for one in found):
            raise UserError(*found)
        return found

    def _failed(self, error: UserError) -> UserError:
        return UserError(*error.diagnostics, *self._told())

    def _told(self) -> Iterator[Diagnostic]:
        yield from self.gathered.told()
        yield from (one.located(self.gathered.locate) for one in self.problems.found)

    def _order(self, one: Diagnostic) -> tuple[int, int, int]:
        span = one.span
        if span is None:
            return (len(self.gathered.documents) + 1, 0, 0)
        names = [document.name for document in self.gathered.documents]
        return (names.index(span.file) if span.file in names else len(names), span.line, span.column)


def _with_hint(error: UserError) -> UserError:
    first = error.diagnostics[0]
    if first.code == "read-failed" and "no such file" in first.message:
        return UserError(replace(first, code="no-manifest", hint="`pkibuild init` writes one to begin with"))
    return error


def _without_items(data: Mapping[str, Any]) -> dict[str, Any]:
    """The top level with its sections empty: their declarations are checked one by one."""
    return {key: {} if key in SECTIONS and isinstance(value, dict) else value for key, value in data.items()}
