"""What the manual says is done and compared; what is generated in it, or lists what the source has, is not stale."""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import ROOT
from pages import Reader, blocks, pages

DOCS = ROOT / "docs"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_what_a_page_says_can_be_done(page: Path, tmp_path: Path) -> None:
    reader = Reader(page, tmp_path)
    for block in blocks(page):
        reader.do(block)


def test_the_readme_shows_the_same_in_both_languages() -> None:
    english, chinese = (
        [block.body for block in blocks(ROOT / name) if "norun" not in block.words]
        for name in ("README.md", "README.zh-TW.md")
    )
    assert english == chinese


@pytest.mark.parametrize(
    "page", [*pages(), ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("decisions/*.md"))]
)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        whole = (page.parent / path).resolve() if path else page
        assert whole.exists(), target
        if anchor:
            assert anchor in anchors(whole), target


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {"".join(c for c in one.lower().replace(" ", "-") if c.isalnum() or c in "-_") for one in headings}


@pytest.mark.parametrize("page", ["manifest.md", "commands.md"])
def test_the_generated_pages_are_up_to_date(page: str) -> None:
    generator = runpy.run_path(str(DOCS / "generate"))
    assert generator["renewed"](page) == (DOCS / page).read_text(encoding="utf-8"), "run docs/generate"


def test_every_code_is_in_the_catalogue_and_no_other() -> None:
    text = (DOCS / "diagnostics.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.MULTILINE))
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "pkibuild").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    found = set(codes(nodes))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant)}  # those of tables too
    assert told - found - texts == set(), "no longer in the source"
    assert found - told == set(), "missing in docs/diagnostics.md"


def test_every_built_in_pack_is_in_the_manual() -> None:
    text = (DOCS / "packs.md").read_text(encoding="utf-8")
    names = [path.parent.name for path in (ROOT / "pkibuild/packs/builtin").glob("*/service.yaml")]
    assert names
    assert [name for name in names if f"`{name}`" not in text] == []


# -- codes in the source ----------------------------------------------------------------------------


def codes(nodes: list[ast.AST]) -> Iterator[str]:
    """Every constant that is handed over as the `code` of a diagnostic, a reason, or something that waits."""
    takers = _takers(nodes)
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = [node.args[at] for at in takers.get(name, ()) if at < len(node.args)]
        for value in [*given, *(keyword.value for keyword in node.keywords if keyword.arg == "code")]:
            yield from _constants(value)


def _takers(nodes: list[ast.AST]) -> dict[str, set[int]]:
    """Functions and classes with a parameter `code`, and its position among those that may be called by it."""
    found: dict[str, set[int]] = {}
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and node.name != "__init__":
            names = [one.arg for one in node.args.args if one.arg not in ("self", "cls")]
        elif isinstance(node, ast.ClassDef):
            made = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
            fields = [
                one.target.id for one in node.body if isinstance(one, ast.AnnAssign) and hasattr(one.target, "id")
            ]
            names = [one.arg for one in made[0].args.args[1:]] if made else fields
        else:
            continue
        if "code" in names:
            found.setdefault(node.name, set()).add(names.index("code"))
    return found


def _constants(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.IfExp):
        yield from _constants(value.body)
        yield from _constants(value.orelse)
    elif isinstance(value, ast.JoinedStr):  # `requires-` and the kind of a requirement
        yield from (f"requires-{kind}" for kind in ("platform", "issuer", "usage", "key"))
    elif isinstance(value, ast.Constant) and isinstance(value.value, str) and _CODE.fullmatch(value.value):
        yield value.value


_CODE = re.compile(r"[a-z]{2,}(-[a-z0-9]+)*")
