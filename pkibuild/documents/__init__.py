"""Documents: YAML files read safely, positions looked up lazily, JSON Schema turned into short diagnostics."""

from __future__ import annotations

from pkibuild.documents.document import Disk, Document, Source, read_document
from pkibuild.documents.yaml.reparse import ParsedDocuments

__all__ = ["Disk", "Document", "ParsedDocuments", "Source", "read_document"]
