"""`docs/architecture.md` names the rooms that there are, and its recipes name files that exist."""

from __future__ import annotations

import re

import pytest
from helpers import ROOT
from test_layers import ROOMS

from pkibuild.artifacts.kind import Kind

PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
MOST_FILES = 5
"""How many steps adding something may take."""


def section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def first_cells(table: str) -> list[str]:
    return re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)[2:]


def test_every_room_is_on_the_page() -> None:
    assert {cell.strip("`") for cell in first_cells(section("Rooms"))} == set(ROOMS)


def test_every_method_of_a_kind_is_on_the_page() -> None:
    methods = {name for name, value in vars(Kind).items() if callable(value) and not name.startswith("_")}
    named = {name for cell in first_cells(section("The life of an artifact")) for name in re.findall(r"`(\w+)`", cell)}
    assert named == methods


def test_the_glossary_is_sorted_and_has_each_word_once() -> None:
    words = [word.lower() for word in first_cells(section("Glossary"))]
    assert words == sorted(set(words))


RECIPES = dict(re.findall(r"^### (.+)\n((?:(?!^###? ).*\n?)*)", section("Where to add"), re.MULTILINE))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_files_of_a_recipe_exist(recipe: str) -> None:
    paths = re.findall(r"`((?:pkibuild|docs|tests|schemas)/[\w./-]*)`", recipe)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert len(re.findall(r"^\d\. ", recipe, re.MULTILINE)) <= MOST_FILES
