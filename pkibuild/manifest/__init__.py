"""The manifest: read, checked and decoded into the frozen values of `pkibuild.model.manifest`."""

from __future__ import annotations

from pkibuild.manifest.load import load

__all__ = ["load"]
