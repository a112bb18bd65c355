"""Plans as people read them: compared with the texts in tests/golden/plans/.

After a wanted change: `UPDATE_GOLDEN=1 pytest tests/scenarios/test_plan_golden.py`, then read the diff.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from estate import WEB_CA, Estate
from helpers import Project

GOLDEN = Path(__file__).parents[1] / "golden" / "plans"

MANIFEST = (
    WEB_CA
    + """\
    formats: [pem, fullchain]
  mail: {fqdn: mail.abc.com, issuer: root}
  "node[01:12]": {fqdn: "node[01:12].abc.com"}
services:
  web: {type: apache, host: www}
  pop3: {type: qpopper, host: mail, listen: [stls, pop3s]}
"""
)


def alias(estate: Estate) -> None:
    estate.edit("aliases: [abc.com]", "aliases: [abc.com, shop.abc.com]")


def rekeyed(estate: Estate) -> None:
    estate.later("1d")
    estate.edit("{common_name: ABC Web CA}", "{common_name: ABC Web CA}\n    key: {generation: 2}\n    protect: false")


def renewals(estate: Estate) -> None:
    estate.later("370d")


def worst(estate: Estate) -> None:
    """By hand: a config edited, a certificate and a key gone, a mode widened."""
    config = estate.path("hosts/mail/etc/qpopper/qpopper.conf")
    config.write_bytes(config.read_bytes() + b"set debug = true\n")
    estate.path("hosts/mail/etc/ssl/certs/mail.crt").unlink()
    estate.path("hosts/node03/etc/ssl/private/node03.key").unlink()
    estate.path("hosts/node05/etc/ssl/private/node05.key").chmod(0o644)


def removed(estate: Estate) -> None:
    estate.edit("  mail: {fqdn: mail.abc.com, issuer: root}\n", "")
    estate.edit("  pop3: {type: qpopper, host: mail, listen: [stls, pop3s]}\n", "")


def waiting(estate: Estate) -> None:
    """The root has ended, and what it would sign waits."""
    estate.until("2050-06-01T00:00:00Z")


EDITS: list[Callable[[Estate], None]] = [alias, rekeyed, renewals, worst, removed, waiting]


def test_everything_new(project: Project) -> None:
    estate = Estate(project)
    estate.write(MANIFEST)
    hold("new", told(estate))


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_after(built: Estate, tmp_path: Path, edit: Callable[[Estate], None]) -> None:
    estate = built.copy(tmp_path / "estate")
    edit(estate)
    hold(edit.__name__, told(estate))


def told(estate: Estate) -> str:
    result = estate.run("plan")
    text = result.err.replace(
        f"note: the clock is pinned by PKIBUILD_NOW to {estate.environment()['PKIBUILD_NOW']}\n", ""
    )
    return re.sub(r"\b[0-9a-f]{40}\b", "<key id>", text + result.out)


def hold(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
