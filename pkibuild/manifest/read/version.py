"""Whether a file is a manifest of the format, and for the version of pkibuild, that is at hand."""

from __future__ import annotations

import re

from pkibuild.core.diagnostics import Diagnostic, Span, UserError
from pkibuild.documents import Document
from pkibuild.documents.schema.words import quote
from pkibuild.manifest.read.gather import SECTIONS


def check_version(root: Document) -> None:
    """Refuse what is no manifest of this format before anything else is said of it. Raises UserError."""
    if root.data is None:
        raise nothing_declared(root)
    if not isinstance(root.data, dict):
        raise UserError(Diagnostic("wrong-type", "a manifest is a mapping of sections", span=root.locate(())))
    version = root.data.get("version")
    if type(version) is int and version != 1:
        hint = "it is written for a later pkibuild" if version > 1 else "write `version: 1`"
        message = f"this pkibuild knows manifests of version 1, and this is {quote(version)}"
        raise UserError(Diagnostic("bad-version", message, hint=hint, span=root.locate(("version",))))
    if version is None and "version" not in root.data:
        close = [key for key in root.data if key in (*SECTIONS, "defaults", "trust")]
        hint = "write `version: 1`" + ("" if close else "; is this the right file?")
        raise UserError(
            Diagnostic("bad-version", "the manifest has no `version`", hint=hint, span=Span(root.name, 1, 1))
        )
    if type(version) is not int:
        hint = "write `version: 1`, without quotes" if version == "1" else "write `version: 1`"
        raise UserError(Diagnostic("bad-version", "`version` must be the integer 1", hint=hint,
                                   span=root.locate(("version",))))  # fmt: skip


def nothing_declared(root: Document) -> UserError:
    message = "the manifest is empty" if root.data is None else "the manifest declares nothing"
    hint = "is this the right file? `pkibuild init` writes one to begin with"
    return UserError(Diagnostic("empty-manifest", message, hint=hint, span=Span(root.name, 1, 1)))


_REQUIREMENT = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*([0-9.]+)\s*")


def version_fits(wanted: str, version: str) -> bool:
    """Whether a version fulfils every comparison of a requirement such as `>=1.2,<3`; true for what is none."""
    have = _numbers(version)
    for part in wanted.split(","):
        found = _REQUIREMENT.fullmatch(part)
        if found is None:
            continue  # the schema reports it
        limit = _numbers(found[2])
        holds = {
            ">=": have >= limit, "<=": have <= limit, "==": have == limit, "!=": have != limit,
            ">": have > limit, "<": have < limit,
        }  # fmt: skip
        if not holds[found[1]]:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    found = [int(one) for one in re.findall(r"[0-9]+", version.split("+")[0])[:4]]
    while found and found[-1] == 0:
        found.pop()
    return tuple(found)
