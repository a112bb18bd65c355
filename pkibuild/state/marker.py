"""The output folder's own files: `.pkibuild`, which says whose folder it is, and `.gitignore`."""

from __future__ import annotations

import json

from pkibuild.core.diagnostics import fail
from pkibuild.core.values import Record

MARKER = ".pkibuild"
FORMAT = 1

GITIGNORE = b"""\
# Written by pkibuild. Private keys stay out of git: everything is ignored but what this list names.
/*
!/.gitignore
!/*.lock
!/journal.jsonl
!/authorities/
/authorities/*
!/authorities/*/
/authorities/*/*
!/authorities/*/*.crt
!/authorities/*/*.crl
!/authorities/*/journal.jsonl
!/trust/
# Whatever else comes to lie there:
/trust/**/*.key
/trust/**/*.key.next
/trust/**/*.p12
/trust/**/*.jks
.pkibuild-tmp-*
"""


class Marker(Record):
    """Whose output folder this is."""

    manifest: str
    """The manifest's path relative to the folder, with `/`: `../pki.yaml`."""

    def serialise(self) -> bytes:
        return json.dumps({"format": FORMAT, "manifest": self.manifest}).encode("ascii") + b"\n"


def parse(data: bytes, name: str) -> Marker:
    """Read a marker; `name` is its path for messages. Raises UserError: `output-newer`, `output-garbled`."""
    try:
        found = json.loads(data)
        version, manifest = found["format"], found.get("manifest")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        version = manifest = None
    if not isinstance(version, int) or (version <= FORMAT and not isinstance(manifest, str)):
        raise fail(
            "output-garbled",
            f"`{name}` does not say whose folder this is",
            hint="if it belongs to this manifest, delete that file and run `pkibuild apply --take-over`",
        )
    if version > FORMAT:
        raise fail(
            "output-newer",
            f"`{name}` was written by a newer pkibuild (format {version}, this one knows {FORMAT})",
            hint="update pkibuild",
        )
    return Marker(str(manifest))
