"""A large manifest is parsed again only where it was edited; what is planned is what the whole of it says."""

from __future__ import annotations

import shutil

import pytest
from helpers import Project
from msgspec import msgpack

from pkibuild.cache.documents import FORMAT, PATH
from pkibuild.cache.store import load, save
from pkibuild.documents.yaml.reparse import LARGE, ParsedDocument
from pkibuild.world.tree import Tree

HEAD = """\
version: 1
defaults: {subject: {organization: ABC}, issuer: root}
authorities: {root: {subject: {common_name: Root}, key: ecdsa-p256}}
hosts:
"""
HOST = "  h{0}:\n    fqdn: h{0}.abc.com\n    aliases: [www{0}.abc.com]\n    # {1}\n"


@pytest.fixture
def large(project: Project) -> Project:
    """Ten hosts with much said about them, built and remembered."""
    project.write(HEAD + "".join(HOST.format(number, "." * (LARGE // 10)) for number in range(10)))
    project.run_here("apply", "-q").ok()
    assert project.path(PATH).exists()
    return project


def planned(project: Project) -> str:
    """The plan, which has to be the same with nothing remembered."""
    told = project.run_here("plan").ok().out
    shutil.move(project.path(".cache"), project.folder / "cache")
    assert project.run_here("plan").ok().out == told
    shutil.rmtree(project.path(".cache"), ignore_errors=True)
    shutil.move(project.folder / "cache", project.path(".cache"))
    return told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("www4.abc.com", "web4.abc.com", "DNS:web4.abc.com"),
        ("  h4:\n", "  new:\n    fqdn: new.abc.com\n  h4:\n", "host/new/certificate"),
        ("  h4:\n", "  h44:\n", "host/h44/certificate"),
        ("  h9:\n", "  h99:\n", "host/h99/certificate"),
        ("issuer: root}", "issuer: root, formats: [fullchain]}", "host/h0/fullchain"),
    ],
    ids=["name", "new host", "renamed host", "last host", "defaults"],
)
def test_an_edit_is_noticed(large: Project, old: str, new: str, told: str) -> None:
    large.edit(old, new)
    assert told in planned(large)
    large.run_here("apply", "-q").ok()
    assert told not in planned(large)
    large.edit(new, old)
    assert planned(large) != ""


def test_a_mistake_is_told_at_its_place(large: Project) -> None:
    large.edit("fqdn: h4.abc.com", "fqnd: h4.abc.com")
    run = large.run_here("plan")
    assert run.status == 1
    assert "pki.yaml:22:5: error[unknown-field]" in run.err


def test_what_was_remembered_elsewhere_is_not_believed(large: Project) -> None:
    """A repository could bring a memory along that says what the manifest does not."""
    tree = Tree(str(large.path("")).rstrip("/"))
    documents = load(tree, PATH, FORMAT, dict[str, ParsedDocument]) or {}
    (document,) = documents.values()
    document.data["hosts"]["h4"]["aliases"] = ["forged.abc.com"]
    assert save(tree, PATH, FORMAT, documents)
    assert "forged.abc.com" in large.run_here("plan").ok().out, "this memory is believed where it was written"
    shutil.copytree(large.path(""), large.folder / "copy")
    shutil.rmtree(large.path(""))
    (large.folder / "copy").rename(large.path(""))
    assert "forged" not in large.run_here("plan").ok().out


@pytest.mark.parametrize("data", [b"", b"x", msgpack.encode(1), msgpack.encode((1, 2, 3))])
def test_a_damaged_memory_is_left(large: Project, data: bytes) -> None:
    large.path(PATH).write_bytes(data)
    assert "Nothing to do" in planned(large)
