"""What built-in templates are compiled to is kept as Python keeps its modules, and is never more than a saving."""

from __future__ import annotations

import os
import py_compile
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, Project
from users import as_nobody, hand_over

from pkibuild.core.diagnostics import UserError
from pkibuild.rendering.languages import find_language
from pkibuild.rendering.renderer import Renderer
from pkibuild.rendering.sandbox import Sandbox

TEMPLATE = "# pkibuild\n{% for name in names %}\nname {{ name }}\n{% endfor %}\n"
SAID = "# pkibuild\nname a\nname b\n"
MANIFEST = """\
version: 1
packs: [packs/proxy]
defaults: {subject: {organization: ABC}, issuer: root}
authorities: {root: {subject: {common_name: Root}, key: ecdsa-p256}}
hosts: {www: {fqdn: www.abc.com}}
services:
  web: {type: apache, hosts: [www]}
  own: {type: files, hosts: [www], files: [{template: x.j2, path: /etc/x, language: words}]}
  proxy: {type: proxy, hosts: [www]}
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this process now keeps bytecode, and nothing is yet."""
    find_language("words")  # the module of the language is kept there as well, if it was not loaded before
    folder = tmp_path / "bytecode"
    monkeypatch.setattr(sys, "pycache_prefix", str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return folder


class Counted(Sandbox):
    """Counts how often a template is parsed."""

    parsed = 0

    def parse(self, *arguments: Any, **named: Any) -> Any:
        self.parsed += 1
        return super().parse(*arguments, **named)


def rendered(text: str = TEMPLATE, name: str = "pack-x.j2", **context: Any) -> tuple[str, int]:
    """As a new run renders a template of a built-in pack, and how often that took the parser."""
    from pkibuild.rendering import renderer

    sandbox = Counted(renderer._finalize)
    said = Renderer(sandbox).render(text, "words", context or {"names": ["a", "b"]}, "x.j2", ("here",), name)
    return said, sandbox.parsed


def kept(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_it_is_compiled_once(cache: Path) -> None:
    assert rendered() == (SAID, 1)
    assert len(kept(cache)) == 1
    assert rendered() == (SAID, 0)


def test_another_text_is_compiled_anew(cache: Path) -> None:
    rendered()
    assert rendered(TEMPLATE.replace("# p", "# P")) == (SAID.replace("# p", "# P"), 1)


def test_what_is_no_built_in_template_is_not_kept(cache: Path) -> None:
    assert rendered(name="") == (SAID, 1)
    assert rendered(name="") == (SAID, 1)
    assert not kept(cache)


def test_a_fault_is_told_at_the_line_of_the_template(cache: Path) -> None:
    told = []
    for _ in range(2):
        with pytest.raises(UserError) as raised:
            rendered(names=["a", "b\nc"])
        told.append(raised.value.diagnostics)
    assert told[0] == told[1]
    assert told[0][0].related_spans[0][1].line == 3


def test_a_refused_template_is_refused_again(cache: Path) -> None:
    for _ in range(2):
        with pytest.raises(UserError, match="macros"):
            rendered("{% macro m() %}{% endmacro %}")
    assert not kept(cache)


@pytest.mark.parametrize("cut", [0, 1, 31, 32, 33, -200, -1])
def test_a_truncated_file_is_compiled_anew(cache: Path, cut: int) -> None:
    rendered()
    (path,) = kept(cache)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    assert rendered() == (SAID, 1)
    assert path.read_bytes() == whole
    assert rendered() == (SAID, 0)


@pytest.mark.parametrize("at", [0, 40, 200, -1])
def test_a_changed_byte_is_not_run(cache: Path, at: int) -> None:
    rendered()
    (path,) = kept(cache)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert rendered() == (SAID, 1)


def test_a_module_of_python_in_its_place_is_not_run(cache: Path) -> None:
    rendered()
    (path,) = kept(cache)
    source = cache / "foreign.py"
    source.write_text("raise SystemExit('it was run')\n")
    py_compile.compile(str(source), cfile=str(path), doraise=True)
    assert rendered() == (SAID, 1)


def test_what_was_kept_of_one_template_is_not_taken_for_another(cache: Path) -> None:
    rendered()
    (first,) = kept(cache)
    rendered("other\n", "pack-y.j2")
    (second,) = set(kept(cache)) - {first}
    shutil.copy(first, second)
    assert rendered("other\n", "pack-y.j2") == ("other\n", 1)


@pytest.mark.parametrize("place", ["a file", "a folder", "closed"])
def test_where_nothing_can_be_written(cache: Path, place: str) -> None:
    if place == "a file":  # where the folder would be
        cache.write_text("")
    elif place == "a folder":  # where the file would be
        rendered()
        (path,) = kept(cache)
        path.unlink()
        path.mkdir()
    else:
        cache.mkdir(mode=0o500)
        hand_over([cache])
    with as_nobody(cache):
        assert rendered() == (SAID, 1)
        assert rendered() == (SAID, 1)


def test_where_nothing_is_to_be_written(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert rendered() == (SAID, 1)
    assert not kept(cache)


def test_the_mode_is_that_of_modules(cache: Path) -> None:
    from importlib.util import cache_from_source

    import pkibuild.rendering.renderer as module

    before = os.umask(0o027)
    try:
        rendered()
    finally:
        os.umask(before)
    (path,) = kept(cache)
    source = stat.S_IMODE(Path(module.__file__).stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == (source | 0o200) & 0o666 & ~0o027
    assert path.parent == Path(cache_from_source(module.__file__)).parent


@pytest.fixture
def copied(project: Project) -> Project:
    """A project with a pack and a template of its own, and a copy of pkibuild to edit."""
    shutil.copytree(ROOT / "pkibuild", project.folder / "copy/pkibuild", ignore=shutil.ignore_patterns("__pycache__"))
    pack = project.folder / "packs/proxy"
    pack.mkdir(parents=True)
    (pack / "service.yaml").write_text(
        "type: proxy\nversion: 1\nfiles: [{path: /etc/proxy, template: proxy.j2, language: words}]\n"
    )
    (pack / "options.schema.json").write_text('{"type": "object", "additionalProperties": false, "properties": {}}')
    (pack / "proxy.j2").write_text("# pkibuild\n{{ host.fqdn }}\n")
    (project.folder / "x.j2").write_text("# pkibuild\nname {{ host.fqdn }}\n")
    project.write(MANIFEST)
    return project


def names(folder: Path) -> list[str]:
    """Templates of which something is kept below a folder."""
    found = (path.name.split(".cpython")[0] for path in folder.rglob("__pycache__/*"))
    return sorted(name for name in found if not name.isidentifier())


def test_of_a_project_only_built_in_templates_are_kept(copied: Project) -> None:
    env = {"PYTHONPATH": str(copied.folder / "copy")}
    copied.run("apply", "-q", env=env).ok()
    assert copied.path("hosts/www/etc/proxy").read_text() == "# pkibuild\nwww.abc.com\n"
    assert names(copied.folder) == ["apache-httpd.conf"]
    assert names(copied.folder / "copy/pkibuild/rendering") == ["apache-httpd.conf"]


@pytest.mark.parametrize(
    ("file", "old", "new", "shows"),
    [
        ("packs/builtin/apache/httpd.conf.j2", "# ", "# edited ", True),
        ("rendering/sandbox.py", "trim_blocks=True", "trim_blocks=False", True),
        ("__init__.py", '__version__ = "', '__version__ = "9.', False),
    ],
    ids=["template", "sandbox", "version"],
)
def test_an_edit_of_what_shapes_it_is_noticed(copied: Project, file: str, old: str, new: str, shows: bool) -> None:
    env = {"PYTHONPATH": str(copied.folder / "copy")}
    copied.run("apply", "-q", env=env).ok()
    (path,) = (copied.folder / "copy/pkibuild/rendering/__pycache__").glob("apache-*")
    before = path.read_bytes()
    source = copied.folder / "copy/pkibuild" / file
    text = source.read_text()
    assert old in text
    source.write_text(text.replace(old, new, 1))
    (config,) = copied.path("hosts/www").rglob("*.conf")
    written = config.read_text()
    config.unlink()
    copied.run("apply", "-q", env=env).ok()
    assert path.read_bytes() != before
    assert (config.read_text() != written) is shows


def test_two_runs_at_once_keep_the_whole(cache: Path) -> None:
    """A file comes to its name by a rename: another run's, half written, is never seen."""
    rendered()
    (path,) = kept(cache)
    before = path.stat().st_ino
    path.write_bytes(b"")
    rendered()
    assert path.stat().st_ino != before
    assert [one.name for one in path.parent.iterdir()] == [path.name]
