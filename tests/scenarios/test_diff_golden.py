"""A diff with something of every kind, as it is told: `UPDATE_GOLDEN=1 pytest` writes it anew, to be read in git."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest
from helpers import ROOT, run_here

FOLDER = Path(__file__).parents[1] / "golden" / "diff"
FORMS = {"text": "diff.txt", "markdown": "diff.md", "json": "diff.json"}


@pytest.mark.parametrize("form", FORMS)
def test_a_diff_is_told_as_it_was(form: str) -> None:
    result = run_here(
        "diff", "old.yaml", "new.yaml", "--format", form, env={"PKIBUILD_NOW": "2030-01-01"}, cwd=FOLDER
    ).ok()
    golden = FOLDER / FORMS[form]
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(result.out, encoding="utf-8")
    assert result.out == golden.read_text(encoding="utf-8")


def test_the_golden_json_is_as_its_schema_says() -> None:
    schema = json.loads((ROOT / "schemas" / "plan.schema.json").read_text())
    plan = json.loads((FOLDER / FORMS["json"]).read_text())
    jsonschema.validate(plan, schema)
    ids = {one["id"] for one in plan["actions"]}
    for one in plan["actions"]:
        for reason in one["reasons"]:
            causes = reason.get("because", [])
            assert all(cause in ids or cause.startswith("/") for cause in causes)
            assert causes or reason["code"] == "not-built", f"{one['id']} does not say why"
