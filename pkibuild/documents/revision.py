"""Documents as a revision of a git repository has them: nothing of the working tree is seen, and no code is run.

Only git's plumbing is used, on objects: no hook, filter, textconv or external diff has a part in that. What a
repository's own configuration could start is switched off: the file system monitor, replacement objects, and the
fetching of objects that a partial clone does not have. Revisions are resolved once, to the id of a tree.
"""

from __future__ import annotations

import errno
import posixpath
import re

from pkibuild.diagnostics import fail
from pkibuild.values import dataclass, field
from pkibuild.world import Completed, World

_SAFE = (
    "git", "--no-pager", "--no-replace-objects", "--literal-pathspecs",
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.warnAmbiguousRefs=true",
    "-c", "protocol.allow=never",
)  # fmt: skip
_ENVIRONMENT = {
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",  # older versions know no GIT_NO_LAZY_FETCH, but may not fetch by any protocol
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_TRACE": "0",
    "LC_ALL": "C",
}
_OBJECT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LINKS = 40
"""So many symbolic links are followed, as the system does."""
_AHEAD = 1_000_000
"""Bytes of a file that is read before it is asked for, because its folder was listed."""

FILE, LINK, FOLDER = "file", "link", "folder"
_KINDS = {"100644": FILE, "100755": FILE, "100664": FILE, "120000": LINK, "040000": FOLDER}
"""By mode; a submodule (160000) is in another repository, and so not there."""


@dataclass(frozen=True, slots=True)
class Named:
    """`REV:PATH` as it was written."""

    revision: str
    path: str


def named(text: str) -> Named | None:
    """The revision and the path in it; None for the path of a file.

    As in git, `REV:PATH` is relative to the repository's root, `REV:./PATH` to the current folder. Any colon makes a
    revision of it, whatever lies in the folder, so that no file can pass for one; a file whose name has a colon is
    written with its folder (`./a:b`). Raises UserError (wrong usage).
    """
    if text.startswith(("/", "./", "../")):
        return None
    depth = 0
    for at, character in enumerate(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == ":" and depth == 0:
            return _checked(text[:at], text[at + 1 :], text)
    return None


def _checked(revision: str, path: str, text: str) -> Named:
    if revision.startswith("-") or not revision.isprintable() or not path.isprintable():
        raise fail("bad-revision", f"`{text}` names no revision", hint="write `REV:PATH`", status=64)
    if not revision or not path:
        what = "no path after the revision" if revision else "no revision before the path"
        hint = "write `REV:PATH`, such as `origin/main:pki.yaml`; a file whose name has a colon is written `./NAME`"
        raise fail("bad-revision", f"`{text}` has {what}", hint=hint, status=64)
    return Named(revision, path)


@dataclass(slots=True)
class Revision:
    """The tree of one revision as a source of documents. Absolute paths are those that the working tree would have."""

    world: World
    root: str
    """Absolute path of the repository's root."""
    tree: str
    """Id of the tree object."""
    _folders: dict[str, dict[str, tuple[str, str, int]]] = field(default_factory=dict)
    """By path below the root (empty: itself): what lies in it, as (kind, object, size)."""
    _listed: set[str] = field(default_factory=set)
    _blobs: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def open(cls, world: World, revision: str) -> Revision:
        """Find the repository that the current folder is in, and the revision. Raises UserError."""
        root = _root(world)
        found = _git(world, root, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{tree}}")
        told = found.error.decode("utf-8", "replace")
        if "ambiguous" in told:
            hint = "write the whole name, such as `refs/remotes/origin/main:pki.yaml`"
            raise fail("ambiguous-revision", f"`{revision}` is the name of several revisions", hint=hint)
        # Some versions repeat `--end-of-options` on a line of its own.
        lines = [line for line in found.output.decode("utf-8", "replace").split() if _OBJECT.fullmatch(line)]
        if found.status != 0 or len(lines) != 1:
            hint = "`git fetch` may bring it; a shallow clone knows only its last revisions"
            raise fail("no-revision", f"there is no revision `{revision}` in this repository", hint=hint)
        return cls(world, root, lines[0])

    # -- a source of documents ---------------------------------------------------------------

    def read(self, path: str, limit: int) -> bytes:
        kind, name, size = self._entry(self._inside(path))
        if kind != FILE:
            raise IsADirectoryError(errno.EISDIR, "", path)
        if size > limit:
            raise OSError(errno.EFBIG, "the file is too large", path)
        if name not in self._blobs:
            self._fetch({name: size, **self._beside(self._real(self._inside(path)))})
        return self._blobs[name]

    def names(self, folder: str) -> list[str]:
        inside = self._real(self._inside(folder))
        found = self._folder(inside)
        self._listed.add(inside)
        return sorted(found)

    def real(self, path: str) -> str:
        try:
            return f"{self.tree}:{self._real(self._inside(path))}"
        except OSError:
            return f"{self.tree}:{path}"

    def path(self, written: str) -> str:
        """The absolute path that a `PATH` after a revision means."""
        start = self.world.folder() if written.startswith(("./", "../")) or written in (".", "..") else self.root
        return posixpath.normpath(posixpath.join(start, written))

    def name(self, path: str) -> str:
        """An absolute path as the revision has it."""
        return posixpath.relpath(path, self.root)

    # -- the tree ----------------------------------------------------------------------------

    def _inside(self, path: str) -> str:
        """A path relative to the root; what lies outside of the repository is not in the revision."""
        normal = posixpath.normpath(path)
        if normal == self.root:
            return ""
        if not normal.startswith(self.root.rstrip("/") + "/"):
            raise FileNotFoundError(errno.ENOENT, "", path)
        return normal[len(self.root.rstrip("/")) + 1 :]

    def _real(self, inside: str) -> str:
        """The path with every symbolic link in it followed. Raises OSError."""
        done: list[str] = []
        steps = inside.split("/") if inside else []
        links = 0
        while steps:
            step = steps.pop(0)
            folder = "/".join(done)
            kind, name, size = self._folder(folder).get(step, ("", "", 0))
            if not kind:
                raise FileNotFoundError(errno.ENOENT, "", inside)
            if kind == LINK:
                links += 1
                target = self._target(name, size, inside, links)
                steps = [*self._inside(posixpath.join(self.root, folder, target)).split("/"), *steps]
                steps = [one for one in steps if one]
                done = []
            else:
                done.append(step)
        return "/".join(done)

    def _target(self, name: str, size: int, path: str, links: int) -> str:
        if links > _LINKS or size > 4096:
            raise OSError(errno.ELOOP, "", path)
        if name not in self._blobs:
            self._fetch({name: size})
        return self._blobs[name].decode("utf-8", "surrogateescape")

    def _entry(self, inside: str) -> tuple[str, str, int]:
        folder, _, last = self._real(inside).rpartition("/")
        return self._folder(folder)[last] if last else (FOLDER, self.tree, 0)

    def _folder(self, inside: str) -> dict[str, tuple[str, str, int]]:
        """What lies in a folder that is none of the links. Raises OSError."""
        if inside not in self._folders:
            name = self.tree
            if inside:
                parent, _, last = inside.rpartition("/")
                kind, name, _ = self._folder(parent).get(last, ("", "", 0))
                if kind != FOLDER:
                    raise NotADirectoryError(errno.ENOTDIR, "", inside)
            self._folders[inside] = self._list(name)
        return self._folders[inside]

    def _list(self, tree: str) -> dict[str, tuple[str, str, int]]:
        done = _git(self.world, self.root, "ls-tree", "-z", "-l", tree)
        if done.status != 0:
            raise OSError(errno.ENODATA, "git does not have it (is this a partial clone?)", tree)
        found: dict[str, tuple[str, str, int]] = {}
        for line in done.output.split(b"\0"):
            head, tab, name = line.partition(b"\t")
            if not tab:
                continue
            mode, _, object_id, size = head.decode("ascii").split()
            if mode in _KINDS:
                count = int(size) if size.isdecimal() else 0
                found[name.decode("utf-8", "surrogateescape")] = (_KINDS[mode], object_id, count)
        return found

    # -- contents ----------------------------------------------------------------------------

    def _beside(self, inside: str) -> dict[str, int]:
        """Files like this one in its folder, if that was listed: they are most likely asked for next."""
        folder, _, last = inside.rpartition("/")
        if folder not in self._listed:
            return {}
        suffix = posixpath.splitext(last)[1]
        return {
            name: size
            for other, (kind, name, size) in self._folder(folder).items()
            if kind == FILE and size <= _AHEAD and other.endswith(suffix) and name not in self._blobs
        }

    def _fetch(self, wanted: dict[str, int]) -> None:
        """Read objects, all in one run of git. Raises OSError."""
        done = _git(self.world, self.root, "cat-file", "--batch", input="".join(f"{name}\n" for name in wanted))
        data, at = done.output, 0
        for name, size in wanted.items():
            end = data.find(b"\n", at)
            if data[at:end] != f"{name} blob {size}".encode():
                raise OSError(errno.ENODATA, "git does not have it (is this a partial clone?)", name)
            self._blobs[name] = data[end + 1 : end + 1 + size]
            at = end + 2 + size


def _root(world: World) -> str:
    done = _git(world, world.folder(), "rev-parse", "--show-toplevel")
    lines = done.output.decode("utf-8", "surrogateescape").removesuffix("\n")
    if done.status == 0 and lines:
        return lines
    done = _git(world, world.folder(), "rev-parse", "--absolute-git-dir")  # a bare repository has no working tree
    lines = done.output.decode("utf-8", "surrogateescape").removesuffix("\n")
    if done.status == 0 and lines:
        return lines
    told = done.error.decode("utf-8", "replace").strip().splitlines()
    if any("dubious ownership" in line for line in told):
        hint = "git says how to trust it: `git config --global --add safe.directory FOLDER`"
        raise fail("no-repository", "this git repository belongs to another user, and git does not read it", hint=hint)
    raise fail("no-repository", "this folder is in no git repository", hint="a path without `REV:` needs none")


def _git(world: World, folder: str, *argv: str, input: str = "") -> Completed:
    try:
        return world.run([*_SAFE, *argv], folder=folder, input=input.encode(), env=_ENVIRONMENT)
    except FileNotFoundError:
        raise fail("no-git", "`REV:PATH` needs git, and there is none on this machine") from None
    except (OSError, TimeoutError) as error:
        raise fail("git-failed", f"git does not run: {error}") from None
