"""A manifest as it is named for a comparison: a path, or `REV:PATH` of the git repository."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from msgspec.structs import replace

from pkibuild.core.diagnostics import Diagnostic, Place, Span, UserError
from pkibuild.core.values import Record
from pkibuild.documents import Disk, Source
from pkibuild.documents.sources.revision import Named, Revision, named
from pkibuild.manifest.load import load
from pkibuild.model.manifest import Manifest
from pkibuild.packs.loader import BUILT_IN
from pkibuild.world import World

NOTHING = "/dev/null"
"""Names the manifest that declares nothing, as in git."""


class Side(Record):
    """One of two manifests, and how the templates of its configs are read."""

    name: str
    """As it was given."""
    manifest: Manifest
    read: Callable[[str, int], bytes]
    shown: Callable[[str], str] = str
    """What a file at an absolute path is called in messages."""
    in_revision: bool = False

    @property
    def file(self) -> str:
        """Absolute path of the manifest; in a revision that which the working tree would have."""
        return posixpath.join(self.manifest.folder, posixpath.basename(self.manifest.path))


def load_sides(old: str, new: str, world: World) -> tuple[Side, Side]:
    """Load both. Raises UserError with all that is wrong with either."""
    sides: list[Side] = []
    failed: list[UserError] = []
    for text, side in ((old, as_old(old)), (new, nullcontext())):
        try:
            with side:
                sides.append(load_side(text, world))
        except UserError as error:
            failed.append(error)
    if failed:
        raise UserError(*(one for error in failed for one in error.diagnostics), status=failed[0].status)
    before, after = sides
    return before, after


@contextmanager
def as_old(name: str) -> Iterator[None]:
    """Where the old manifest itself has problems, tell what can be done about that: it is history."""
    try:
        yield
    except UserError as error:
        if not any(one.span for one in error.diagnostics):
            raise
        told = Diagnostic(
            "old-invalid",
            f"nothing can be compared with `{name}`: it has problems of its own",
            hint="name an older revision that has none, or /dev/null for all that the new manifest declares; "
            "`pkibuild plan --lock-only` tells what would be done, and needs no old manifest",
        )
        raise UserError(*error.diagnostics, told, status=error.status) from None


def load_side(text: str, world: World) -> Side:
    """Load a manifest with includes, packs and templates, all from the same revision. Raises UserError."""
    if text == NOTHING:
        return Side(text, _nothing(world), Disk().read)
    found = named(text)
    if found is None:
        return Side(text, _load_file(text, world), Disk().read)
    source = Revision.open(world, found.revision)
    try:
        manifest = _load(found, source, world)
        return Side(text, manifest, _reader(source), lambda path: _shown(path, found, source), in_revision=True)
    except UserError as error:
        raise UserError(*(_told(one, found, source) for one in error.diagnostics), status=error.status) from None


def _load_file(path: str, world: World) -> Manifest:
    """Whoever forgot the path after a revision is told how one is written."""
    try:
        return load(path, world)
    except UserError as error:
        hint = "a manifest in a revision is written `REV:PATH`, such as `HEAD:pki.yaml`"
        told = (replace(one, hint=hint) if one.code == "no-manifest" else one for one in error.diagnostics)
        raise UserError(*told, status=error.status) from None


def _load(found: Named, source: Revision, world: World) -> Manifest:
    path = source.path(found.path)
    loaded = load(path, world, source=source, name=source.name(path))

    def locate(place: Place, at_key: bool = False) -> Span | None:
        span = loaded.span(place, at_key)
        return _placed(span, found, source) if span else None

    return replace(loaded, locate=locate, warnings=tuple(_told(one, found, source) for one in loaded.warnings))


def _reader(source: Source) -> Callable[[str, int], bytes]:
    """Reads templates: those of built-in packs are pkibuild's own, all others the revision's."""
    disk = Disk()
    return lambda path, limit: (disk if path.startswith(f"{BUILT_IN}/") else source).read(path, limit)


def _shown(path: str, found: Named, source: Revision) -> str:
    """A path as git names it; a built-in pack's file is in no revision."""
    if posixpath.isabs(path) and not path.startswith(f"{source.root}/"):
        return path
    return f"{found.revision}:{source.name(path) if posixpath.isabs(path) else path}"


def _placed(span: Span, found: Named, source: Revision) -> Span:
    return replace(span, file=_shown(span.file, found, source))


def _told(one: Diagnostic, found: Named, source: Revision) -> Diagnostic:
    """The diagnostic with its places told as those of the revision."""
    if one.code == "no-manifest":
        return replace(one, message=f"there is no `{found.path}` in {found.where}", hint=_beginning(found))
    if one.code == "read-failed" and one.span is None:
        name = source.name(source.path(found.path))
        return replace(one, message=one.message.replace(f"`{name}`", f"`{_shown(name, found, source)}`", 1))
    spans = tuple((what, _placed(span, found, source)) for what, span in one.related_spans)
    return replace(one, span=_placed(one.span, found, source) if one.span else None, related_spans=spans)


def _beginning(found: Named) -> str:
    """Where paths in a revision begin."""
    if found.path.startswith(("./", "../")):
        return f"`{found.revision}:./` is the current folder; without the `./` a path begins at the repository's root"
    path = found.path.lstrip("/")
    if path != found.path:
        return f"paths in a revision begin at the repository's root, without a slash: `{found.revision}:{path}`"
    return f"paths in a revision begin at the repository's root; `{found.revision}:./{path}` begins here"


def _nothing(world: World) -> Manifest:
    return Manifest(NOTHING, world.folder(), "pki", {}, {}, {}, {}, {}, lambda *_: None)
