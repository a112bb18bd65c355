"""`REV:PATH`: what is a revision, and what a path."""

from __future__ import annotations

import pytest

from pkibuild.core.diagnostics import UserError
from pkibuild.documents.sources.revision import Named, named


@pytest.mark.parametrize(
    ("text", "revision", "path"),
    [
        ("main:pki.yaml", "main", "pki.yaml"),
        ("origin/main:a/b.yaml", "origin/main", "a/b.yaml"),
        ("HEAD~2:./pki.yaml", "HEAD~2", "./pki.yaml"),
        ("HEAD^{/fix: it}:pki.yaml", "HEAD^{/fix: it}", "pki.yaml"),
        ("main@{2026-01-01 12:00}:a:b", "main@{2026-01-01 12:00}", "a:b"),
        (":pki.yaml", "", "pki.yaml"),
    ],
)
def test_a_revision(text: str, revision: str, path: str) -> None:
    assert named(text) == Named(revision, path)


@pytest.mark.parametrize("text", ["pki.yaml", "a/b.yaml", "./a:b", "../main:pki.yaml", "/tmp/a:b", "{a:b}"])
def test_a_path(text: str) -> None:
    assert named(text) is None


@pytest.mark.parametrize("text", ["main:", "-x:pki.yaml", "a\nb:pki.yaml", "main:a\x1bb", ":", "main:\u202e"])
def test_neither(text: str) -> None:
    with pytest.raises(UserError) as raised:
        named(text)
    assert raised.value.status == 64
