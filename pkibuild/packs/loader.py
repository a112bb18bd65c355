"""Loading packs: the built-in ones when they are asked for, the user's at once, so that all their faults are told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from pkibuild.core.diagnostics import Diagnostic, Place, Problems, Span, UserError
from pkibuild.documents import Disk, Document, Source, read_document
from pkibuild.packs.decode import BadDescriptor, decode
from pkibuild.packs.pack import Pack
from pkibuild.world.disk import explain

DESCRIPTOR = "service.yaml"
OPTIONS = "options.schema.json"
TEMPLATE_LIMIT = 500_000

BUILT_IN = __file__.rpartition("/")[0] + "/builtin"
"""The folder in which the built-in packs lie."""


class Packs(Mapping[str, Pack]):
    """Packs by type. A built-in one is read when it is first asked for."""

    def __init__(self, users: Mapping[str, Pack]) -> None:
        self._loaded: dict[str, Pack] = dict(users)
        self._types = sorted({*built_in_types(), *users})

    def __getitem__(self, name: str) -> Pack:
        if name not in self._loaded:
            if name not in self._types:
                raise KeyError(name)
            root = f"{BUILT_IN}/{name}"
            self._loaded[name] = load_pack(Disk(), root, f"pkibuild/packs/builtin/{name}/{DESCRIPTOR}", check=False)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    @property
    def used(self) -> list[Pack]:
        """The packs that were read so far."""
        return list(self._loaded.values())


def built_in_types() -> list[str]:
    disk = Disk()
    return disk.names(BUILT_IN)


def load_packs(
    user_folders: list[tuple[str, Place]], problems: Problems, source: Source | None = None
) -> Mapping[str, Pack]:
    """All packs by type: the built-in ones, and those in the user's folders (absolute paths, each with its place)."""
    source = source or Disk()
    users: dict[str, Pack] = {}
    places: dict[str, Place] = {}
    built_in = set(built_in_types())
    for folder, place in user_folders:
        try:
            pack = load_pack(source, folder, f"{folder}/{DESCRIPTOR}", check=True)
        except UserError as error:
            problems.extend(_with_place(one, place) for one in error.diagnostics)
            continue
        if pack.type in built_in:
            problems.error("pack-exists", f"the type `{pack.type}` is built in", place, "give it another `type`")
        elif pack.type in users:
            first = (("first declared here", places[pack.type]),)
            problems.error("pack-exists", f"two packs have the type `{pack.type}`", place, related=first)
        else:
            users[pack.type] = pack
            places[pack.type] = place
    return Packs(users)


def _with_place(one: Diagnostic, place: Place) -> Diagnostic:
    if one.span is None:
        return replace(one, place=place)
    return replace(one, related=(*one.related, ("the pack is named here", place)))


def load_pack(source: Source, root: str, name: str, *, check: bool) -> Pack:
    """Read the pack in the folder `root`. With `check` its files are held against their schemas. Raises UserError."""
    descriptor = read_document(source, f"{root}/{DESCRIPTOR}", name)
    options = _read_options(source, root, name.rpartition("/")[0])
    try:
        if check:
            _check(descriptor, options)
        templates = _templates(root, descriptor.data)
        files_read = (descriptor.path, f"{root}/{OPTIONS}", *(path for path, _ in templates))
        pack = decode(descriptor.data, options.data, root, files_read)
    except BadDescriptor as error:
        raise UserError(_bad(descriptor, str(error), *error.path)) from None
    if check:
        for path, where in templates:
            _check_template(source, path, descriptor, where)
    return pack


def _check(descriptor: Document, options: Document) -> None:
    """Hold both against their schemas, and against each other. Raises UserError and BadDescriptor."""
    from pkibuild.packs.references import check_references
    from pkibuild.packs.validate import check_descriptor, check_options

    problems = [*check_descriptor(descriptor), *check_options(options)]
    problems = problems or list(check_references(descriptor, options.data))
    if problems:
        raise UserError(*problems)


def _read_options(source: Source, root: str, name: str) -> Document:
    """The options' schema. JSON is read as the YAML that it is when it is the user's, which gives positions."""
    if source.__class__ is Disk and root.startswith(BUILT_IN + "/"):
        import json

        path = f"{root}/{OPTIONS}"
        return Document(f"{name}/{OPTIONS}", path, "", json.loads(source.read(path, TEMPLATE_LIMIT)))
    return read_document(source, f"{root}/{OPTIONS}", f"{name}/{OPTIONS}")


def _templates(root: str, data: Any) -> list[tuple[str, tuple[str | int, ...]]]:
    """Absolute paths of the pack's own templates, each with its place in the descriptor."""
    found: list[tuple[str, tuple[str | int, ...]]] = []
    for index, one in enumerate(data.get("files", ()) if isinstance(data, Mapping) else ()):
        template = one.get("template", "")
        if template and one.get("template_from", "pack") == "pack" and "{" not in template:
            found.append((f"{root}/{template}", ("files", index, "template")))
    return list(dict(found).items())


def _check_template(source: Source, path: str, descriptor: Document, where: tuple[str | int, ...]) -> None:
    try:
        source.read(path, TEMPLATE_LIMIT)
    except OSError as error:
        raise UserError(_bad(descriptor, f"cannot read the template `{path}`: {explain(error)}", *where)) from None


def _bad(document: Document, message: str, *path: str | int) -> Diagnostic:
    span: Span | None = document.locate(path)
    return Diagnostic("bad-pack", message, span=span)
