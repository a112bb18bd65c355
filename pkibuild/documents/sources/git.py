"""Git's plumbing, to read objects and nothing else: no hook, filter, textconv or external diff has a part in that.

What a repository's own configuration could start is switched off: the file system monitor, replacement objects, and the
fetching of objects that a partial clone does not have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pkibuild.core.diagnostics import fail
from pkibuild.core.values import Record
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

FILE, LINK, FOLDER, CONFLICT = "file", "link", "folder", "conflict"
_KINDS = {"100644": FILE, "100755": FILE, "100664": FILE, "120000": LINK, "040000": FOLDER}
"""By mode; a submodule (160000) is in another repository, and so not there."""


class Entry(Record):
    """What a name in a folder stands for."""

    kind: str
    object: str


class Git(Record):
    """The repository that the current folder is in."""

    world: World
    root: str
    """Absolute path of its working tree, or of itself where it is a bare one."""

    @classmethod
    def here(cls, world: World) -> Git:
        """Raises UserError."""
        outside = cls(world, world.folder())
        for what in ("--show-toplevel", "--absolute-git-dir"):  # a bare repository has no working tree
            done = outside.run("rev-parse", what)
            found = done.output.decode("utf-8", "surrogateescape").removesuffix("\n")
            if done.status == 0 and found:
                return cls(world, found)
        if "dubious ownership" in done.error.decode("utf-8", "replace"):
            hint = "git says how to trust it: `git config --global --add safe.directory FOLDER`"
            told = "this git repository belongs to another user, and git does not read it"
            raise fail("no-repository", told, hint=hint)
        raise fail("no-repository", "this folder is in no git repository", hint="a path without `REV:` needs none")

    def tree(self, revision: str) -> str:
        """Id of a revision's tree. Raises UserError."""
        found = self.run("rev-parse", "--verify", "--end-of-options", f"{revision}^{{tree}}")
        told = found.error.decode("utf-8", "replace")
        if "ambiguous" in told:
            hint = "write the whole name, such as `refs/remotes/origin/main:pki.yaml`"
            raise fail("ambiguous-revision", f"`{revision}` is the name of several revisions", hint=hint)
        # Some versions repeat `--end-of-options` on a line of its own.
        lines = [line for line in found.output.decode("utf-8", "replace").split() if _OBJECT.fullmatch(line)]
        if found.status != 0 or len(lines) != 1:
            hint = "`git fetch` may bring it; a shallow clone knows only its last revisions"
            raise fail("no-revision", f"there is no revision `{revision}` in this repository", hint=hint)
        return lines[0]

    def listed(self, tree: str) -> tuple[dict[str, Entry], dict[str, int]] | None:
        """What lies in a tree by name, and the sizes of objects as far as they are known; None where it is not there.

        A partial clone lacks files, and git tells no size at all where that of one is not to be had.
        """
        done = self.run("ls-tree", "-z", "-l", tree)
        if done.status != 0:
            done = self.run("ls-tree", "-z", tree)
        if done.status != 0:
            return None
        entries: dict[str, Entry] = {}
        sizes: dict[str, int] = {}
        for head, name in _lines(done.output):
            mode, _, object_id, *size = head.split()
            if mode in _KINDS:
                entries[name] = Entry(_KINDS[mode], object_id)
            if size and size[0].isdecimal():
                sizes[object_id] = int(size[0])
        return entries, sizes

    def index(self) -> dict[str, dict[str, Entry]]:
        """What is to be committed: by folder (empty: the root) what lies in it. Raises UserError."""
        done = self.run("ls-files", "-z", "--stage")
        if done.status != 0:
            raise fail("git-failed", "git does not read its index")
        folders: dict[str, dict[str, Entry]] = {"": {}}
        for head, path in _lines(done.output):
            mode, object_id, stage = head.split()
            if mode in _KINDS:
                entry = Entry(_KINDS[mode] if stage == "0" else CONFLICT, object_id)
                folder, _, name = path.rpartition("/")
                _folder(folders, folder)[name] = entry
        return folders

    def sizes(self, objects: Iterable[str]) -> dict[str, int]:
        """The sizes of those objects that are here; in a partial clone maybe only of the first ones."""
        done = self.run("cat-file", "--batch-check=%(objectname) %(objectsize)", input=_asked(objects))
        told = (line.split() for line in done.output.decode("ascii", "replace").splitlines())
        return {line[0]: int(line[1]) for line in told if len(line) == 2 and line[1].isdecimal()}

    def contents(self, sizes: Mapping[str, int]) -> dict[str, bytes]:
        """What is in files that are here, by object, all in one run."""
        data, at = self.run("cat-file", "--batch", input=_asked(sizes)).output, 0
        found: dict[str, bytes] = {}
        for name, size in sizes.items():
            end = data.find(b"\n", at)
            if data[at:end] != f"{name} blob {size}".encode():
                break
            found[name] = data[end + 1 : end + 1 + size]
            at = end + 2 + size
        return found

    def run(self, *argv: str, input: str = "") -> Completed:
        try:
            return self.world.run([*_SAFE, *argv], folder=self.root, input=input.encode(), env=_ENVIRONMENT)
        except FileNotFoundError:
            raise fail("no-git", "`REV:PATH` needs git, and there is none on this machine") from None
        except (OSError, TimeoutError) as error:
            raise fail("git-failed", f"git does not run: {error}") from None


def _folder(folders: dict[str, dict[str, Entry]], path: str) -> dict[str, Entry]:
    """The folder, made with those that it lies in: the index has only files."""
    if path not in folders:
        folders[path] = {}
        above, _, name = path.rpartition("/")
        _folder(folders, above)[name] = Entry(FOLDER, "")
    return folders[path]


def _asked(objects: Iterable[str]) -> str:
    return "".join(f"{name}\n" for name in objects)


def _lines(output: bytes) -> Iterable[tuple[str, str]]:
    """Head and name of each line of a listing."""
    for line in output.split(b"\0"):
        head, tab, name = line.partition(b"\t")
        if tab:
            yield head.decode("ascii"), name.decode("utf-8", "surrogateescape")
