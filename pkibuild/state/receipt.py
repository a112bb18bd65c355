"""`.install.json`: what a folder's files should be on their host, for `install`, `bundle` and the next plan.

Not committed, not in a bundle. Paths are relative to the folder. Kept stable and sorted, one line a file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from msgspec import field

from pkibuild.core.diagnostics import UserError, fail
from pkibuild.core.values import Record, from_json, json_text, to_json
from pkibuild.model.desired import Rights

FORMAT = 1
NAME = ".install.json"


class ReceiptFile(Record):
    """One file as it was written. Raises ValueError for a digest of a secret."""

    node: str
    """Id of the artifact."""
    mode: int
    owner: str = "root"
    group: str = "root"
    secret: bool = False
    digest: str = ""
    """SHA-256 of its bytes; empty for a secret."""
    inputs: str = ""
    """Digest of what a text was rendered from, if that holds no secret; the parts of what was put together."""
    link: str = ""
    """Where it points to, if it is a symbolic link; its digest is that of this."""

    def __post_init__(self) -> None:
        if self.secret and self.digest:
            raise ValueError("a file with a secret has no digest in a receipt")

    @classmethod
    def of(
        cls, node: str, rights: Rights, *, secret: bool = False, digest: str = "", inputs: str = "", link: str = ""
    ) -> ReceiptFile:
        """That of an artifact (`node`) with its rights on the host."""
        return cls(node, rights.mode, rights.owner, rights.group, secret, digest, inputs, link)


class ReceiptFolder(Record):
    """A folder that the layout or a pack declares as its own."""

    mode: int
    owner: str = "root"
    group: str = "root"


class ReceiptCommand(Record):
    """A command to be run on the host, without a shell."""

    service: str
    argv: tuple[str, ...]


class ReceiptBuild(Record):
    """A build step, run on the host: `argv` makes `target` of `source` (overlay paths)."""

    service: str
    argv: tuple[str, ...]
    source: str = ""
    target: str = ""


P = TypeVar("P", ReceiptFile, ReceiptFolder)


class Receipt(Record):
    files: Mapping[str, ReceiptFile] = field(default_factory=dict)
    folders: Mapping[str, ReceiptFolder] = field(default_factory=dict)
    builds: tuple[ReceiptBuild, ...] = ()
    enables: tuple[ReceiptCommand, ...] = ()
    """Run before the checks, once (`a2ensite`)."""
    checks: tuple[ReceiptCommand, ...] = ()
    reloads: tuple[ReceiptCommand, ...] = ()
    starts: tuple[ReceiptCommand, ...] = ()
    """In place of a reload, where the service does not run yet."""

    def serialise(self) -> bytes:
        parts = [f'"format":{FORMAT}', _dump_paths("files", self.files), _dump_paths("folders", self.folders)]
        parts.append(_dump_steps(self.builds, self.enables, self.checks, self.reloads, self.starts))
        return ("{\n" + ",\n".join(parts) + "\n}\n").encode("ascii")


def _dump_paths(name: str, values: Mapping[str, P]) -> str:
    lines = [f"{json_text(path)}:{_dump_with_mode(one)}" for path, one in sorted(values.items())]
    return f'"{name}":{_block("{", lines, "}")}'


def _dump_with_mode(one: ReceiptFile | ReceiptFolder) -> str:
    """Its JSON text; the mode is written in octal digits, as everybody reads it."""
    return json_text({**to_json(one), "mode": f"{one.mode:04o}"})


def _read_mode(kind: type[P], data: Any) -> P:
    return from_json(kind, {**data, "mode": int(data["mode"], 8)})


def _block(opening: str, lines: Iterable[str], closing: str) -> str:
    inside = ",\n".join(lines)
    return f"{opening}\n{inside}\n{closing}" if inside else opening + closing


@lru_cache(maxsize=64)  # hosts with the same services have the same steps
def _dump_steps(builds: tuple[ReceiptBuild, ...], *commands: tuple[ReceiptCommand, ...]) -> str:
    named = zip(("builds", "enables", "checks", "reloads", "starts"), (builds, *commands), strict=True)
    return ",\n".join(
        f'"{name}":{_block("[", (json_text(to_json(step)) for step in steps), "]")}' for name, steps in named
    )


def parse(data: bytes, name: str) -> Receipt:
    """Read a receipt; `name` is its path for messages. Raises UserError: `receipt-newer`, `receipt-garbled`."""
    try:
        content = json.loads(data)
        version = content["format"]
        if isinstance(version, int) and version > FORMAT:
            raise fail(
                "receipt-newer",
                f"`{name}` was written by a newer pkibuild (format {version}, this one knows {FORMAT})",
                hint="update pkibuild",
            )
        return Receipt(
            {path: _read_mode(ReceiptFile, one) for path, one in content.get("files", {}).items()},
            {path: _read_mode(ReceiptFolder, one) for path, one in content.get("folders", {}).items()},
            tuple(from_json(ReceiptBuild, one) for one in content.get("builds", [])),
            *(
                tuple(from_json(ReceiptCommand, one) for one in content.get(kind, []))
                for kind in ("enables", "checks", "reloads", "starts")
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _garbled(name) from None


def _garbled(name: str) -> UserError:
    return fail(
        "receipt-garbled", f"`{name}` cannot be read", hint="delete it: the next `pkibuild apply` writes it anew"
    )
