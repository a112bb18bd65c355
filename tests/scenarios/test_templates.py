"""What a service is rendered from besides the manifest is noticed, however often nothing was to be done before."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import Project

MANIFEST = """\
version: 1
packs: [packs/proxy]
defaults: {subject: {organization: ABC}, issuer: root}
authorities: {root: {subject: {common_name: Root}, key: ecdsa-p256}}
hosts: {www: {fqdn: www.abc.com}, app: {fqdn: app.abc.com}}
services:
  own: {type: files, hosts: [www, app], files: [{template: x.j2, path: /etc/x, language: words}]}
  proxy: {type: proxy, hosts: [www, app], word: swordfish}
"""
PACK = {
    "service.yaml": "type: proxy\nversion: 1\nfiles: [{path: /etc/proxy, template: proxy.j2, language: words}]\n",
    "proxy.j2": "# pkibuild\n{{ options.word }}\n",
    "options.schema.json": '{"type": "object", "additionalProperties": false, "properties": {"word": '
    '{"type": "string", "writeOnly": true, "description": "password"}}}',
}


@pytest.fixture
def settled(project: Project) -> Project:
    """Built, and planned so often that every memory of that is in place."""
    folder = project.folder / "packs" / "proxy"
    folder.mkdir(parents=True)
    for name, text in PACK.items():
        (folder / name).write_text(text)
    (project.folder / "x.j2").write_text("# pkibuild\nname {{ host.fqdn }}\n")
    project.write(MANIFEST)
    project.run("apply", "-q").ok()
    for _ in range(3):  # each takes long enough for the next to believe what it remembers
        assert "Nothing to do" in project.run("plan").ok().out
    return project


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new", "service"),
    [
        ("x.j2", "name", "my name", "own"),
        ("packs/proxy/proxy.j2", "pkibuild", "pkibuild!", "proxy"),
        ("pki.yaml", "swordfish", "xyzzyxyzz", "proxy"),
        ("pki.yaml", "path: /etc/x", "mode: '0600', path: /etc/x", "own"),
    ],
    ids=["own template", "template of a pack", "secret", "mode"],
)
def test_an_edit_is_noticed(settled: Project, file: str, old: str, new: str, service: str) -> None:
    edit(settled.folder / file, old, new)
    told = settled.run("plan").ok().out
    assert told.count(f"service/{service}@") == 2, told
    assert "swordfish" not in told
    assert "xyzzyxyzz" not in told
