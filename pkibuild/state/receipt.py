"""`.install.json`: what a folder's files should be on their host, for `install`, `bundle` and the next plan.

Not committed, not in a bundle. Paths are relative to the folder. Kept stable and sorted, one line a file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any

from msgspec import field

from pkibuild.core.diagnostics import UserError, fail
from pkibuild.core.values import Record
from pkibuild.model.desired import Rights
from pkibuild.state.codec import Mode, from_json, to_text

FORMAT = 1
NAME = ".install.json"


class ReceiptFile(Record):
    """One file as it was written. Raises ValueError for a digest of a secret."""

    node: str
    """Id of the artifact."""
    mode: Mode
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

    mode: Mode
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
        parts = [f'"format":{FORMAT}']
        listed: tuple[tuple[str, Mapping[str, Any]], ...] = (("files", self.files), ("folders", self.folders))
        for name, values in listed:
            lines = [f"{encode_basestring_ascii(key)}:{to_text(value)}" for key, value in sorted(values.items())]
            parts.append(f'"{name}":{_block("{", lines, "}")}')
        parts.append(_dump_steps(self.builds, self.enables, self.checks, self.reloads, self.starts))
        return ("{\n" + ",\n".join(parts) + "\n}\n").encode("ascii")


def _block(opening: str, lines: Iterable[str], closing: str) -> str:
    inside = ",\n".join(lines)
    return f"{opening}\n{inside}\n{closing}" if inside else opening + closing


@lru_cache(maxsize=64)  # hosts with the same services are told to do the same
def _dump_steps(builds: tuple[ReceiptBuild, ...], *commands: tuple[ReceiptCommand, ...]) -> str:
    named = zip(("builds", "enables", "checks", "reloads", "starts"), (builds, *commands), strict=True)
    return ",\n".join(f'"{name}":{_block("[", map(to_text, steps), "]")}' for name, steps in named)


def parse(data: bytes, name: str) -> Receipt:
    """Read a receipt; `name` is its path for messages. Raises UserError: `receipt-newer`, `receipt-garbled`."""
    try:
        found = json.loads(data)
        version = found["format"]
        if isinstance(version, int) and version > FORMAT:
            raise fail(
                "receipt-newer",
                f"`{name}` was written by a newer pkibuild (format {version}, this one knows {FORMAT})",
                hint="update pkibuild",
            )
        return Receipt(
            {path: from_json(ReceiptFile, one) for path, one in found.get("files", {}).items()},
            {path: from_json(ReceiptFolder, one) for path, one in found.get("folders", {}).items()},
            tuple(from_json(ReceiptBuild, one) for one in found.get("builds", [])),
            *(
                tuple(from_json(ReceiptCommand, one) for one in found.get(kind, []))
                for kind in ("enables", "checks", "reloads", "starts")
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _garbled(name) from None


def _garbled(name: str) -> UserError:
    return fail(
        "receipt-garbled", f"`{name}` cannot be read", hint="delete it: the next `pkibuild apply` writes it anew"
    )
