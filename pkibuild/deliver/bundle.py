"""One host's overlay as a tar stream, for `ssh host tar -xpC /`: its files with their owners, groups and modes.

Only what the receipt lists and the manifest still wants; folders only where a pack or the layout declares them as its
own, as extracting sets their modes on the host. A tar does not check, roll back or remove: `install` does.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Mapping

from pkibuild.core.diagnostics import UserError, fail
from pkibuild.core.values import Record
from pkibuild.model.desired import Rights, Unit
from pkibuild.model.facts import sha
from pkibuild.model.manifest import Host
from pkibuild.model.plan import Plan
from pkibuild.observe.files import Files
from pkibuild.state.receipt import Receipt, ReceiptFile

APPLY = "run `pkibuild apply` first"


class Member(Record):
    """A file of the overlay, a link, or a folder (neither `data` nor `link`).

    The path is relative to the host's root or home.
    """

    path: str
    rights: Rights
    mtime: int
    data: bytes | None = None
    link: str = ""
    """Where it points to, if it is a symbolic link (then there are no `data`)."""


def bundle(host: Host, unit: Unit, plan: Plan, files: Files) -> bytes:
    """The tar stream of a host's files; the same folder gives the same bytes.

    `plan` is what is to be done before it may be delivered. Raises UserError where the files are not built, not as the
    manifest says, or altered.
    """
    wanted = rights_of(unit)
    _check_plan(host, plan, {node for node, _ in wanted.values()})
    receipt = files.receipt(unit)
    missing = [path for path in wanted if path not in receipt.files]
    if missing:
        raise _refused(host, "not-built", f"`{missing[0]}` is not in its receipt")
    return tar(_members(host, unit, receipt, wanted, files))


def rights_of(unit: Unit) -> dict[str, tuple[str, Rights]]:
    """Overlay path → id and rights of every file that the manifest wants on the host."""
    start = len(unit.folder) + 1
    return {path[start:]: (artifact.id, rights) for artifact in unit.artifacts for path, rights in artifact.delivered}


def _check_plan(host: Host, plan: Plan, wanted: set[str]) -> None:
    for action in plan.actions:
        if action.id in wanted:
            code = "not-built" if action.verb == "new" else "out-of-date"
            raise _refused(host, code, f"`{action.id}`: {'; '.join(one.message for one in action.reasons)}")
    for waiting in plan.pending:
        if waiting.id in wanted:
            raise _refused(host, "not-built", f"`{waiting.id}` waits: {waiting.message}")


def _refused(host: Host, code: str, why: str) -> UserError:
    what = "is not built" if code == "not-built" else "is not as the manifest says"
    return fail(
        code, f"host `{host.name}` {what}: {why}", host.place, f"{APPLY}; `pkibuild plan` shows the whole of it"
    )


def _members(
    host: Host, unit: Unit, receipt: Receipt, wanted: Mapping[str, tuple[str, Rights]], source: Files
) -> list[Member]:
    """Folders and files in the order of their paths, so that a folder comes before what is in it."""
    files = [_file(host, unit, path, receipt.files[path], want, source) for path, want in wanted.items()]
    newest = max((member.mtime for member in files), default=0)
    declared = {path.removeprefix(unit.folder + "/"): rights for path, rights in unit.folders}
    folders = [Member(path, rights, newest) for path, rights in declared.items()]
    return sorted((*folders, *files), key=lambda member: member.path)


def _file(host: Host, unit: Unit, path: str, noted: ReceiptFile, want: tuple[str, Rights], source: Files) -> Member:
    whole = f"{unit.folder}/{path}"
    rights = Rights(noted.owner, noted.group, noted.mode)
    if (noted.node, rights) != want:
        raise _refused(host, "out-of-date", f"owner, group or mode of `{path}` changed")
    found = source.tree.stat(whole)
    is_link = found is not None and found.kind == "link" and bool(noted.link)
    content = source.tree.read_link(whole) if is_link else source.tree.read(whole)
    if found is None or content is None:
        raise _refused(host, "not-built", f"`{path}` is missing")
    if noted.digest and sha(content) != noted.digest:
        raise _refused(host, "altered", f"`{path}` was changed by hand")
    # The file's own time, which `make` on the host compares: a config that changed is newer than what was made of it.
    return Member(path, rights, found.mtime_ns // 1_000_000_000, None if is_link else content, noted.link)


def tar(members: Iterable[Member]) -> bytes:
    """A POSIX tar with owners and groups by name; where a host does not know a name, root owns the file."""
    blocks: list[bytes] = []
    for member in members:
        data = member.data or b""
        info = tarfile.TarInfo(member.path)
        info.type = tarfile.SYMTYPE if member.link else tarfile.DIRTYPE if member.data is None else tarfile.REGTYPE
        info.linkname = member.link
        info.size = len(data)
        info.mode, info.mtime = member.rights.mode, member.mtime
        info.uname, info.gname = member.rights.owner, member.rights.group
        blocks += [info.tobuf(tarfile.PAX_FORMAT), data, bytes(-len(data) % tarfile.BLOCKSIZE)]
    whole = b"".join([*blocks, bytes(2 * tarfile.BLOCKSIZE)])
    return whole + bytes(-len(whole) % tarfile.RECORDSIZE)
