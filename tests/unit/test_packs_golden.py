"""Every built-in pack on every platform, as it is rendered: compared with the files in tests/golden/.

After a wanted change: `UPDATE_GOLDEN=1 pytest tests/unit/test_packs_golden.py`, then read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import packs as given
import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
PACKS = given.packs()

SITES = [
    {"names": ["www.abc.com"], "document_root": "/srv/www files"},
    {"names": ["abc.com"], "client_auth": "optional"},
]
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "apache": ("apache", {}, {}),
    "apache-full": (
        "apache",
        {
            "sites": SITES,
            "addresses": ["192.0.2.10", "2001:db8::10"],
            "port": 4443,
            "redirect_http": True,
            "publish": {"url": "/pki", "folder": "/srv/pki"},
            "client_authorities": ["myrootca"],
            "tls_profile": "modern",
            "log_level": "info",
        },
        {},
    ),
    "apache-publish": ("apache", {"publish": {"url": "/pki", "folder": "/srv/pki"}, "tls_profile": "old"}, {}),
    "qpopper": ("qpopper", {}, {}),
    "qpopper-inetd": ("qpopper", {"start": "inetd"}, {}),
    "qpopper-xinetd": ("qpopper", {"start": "xinetd", "pop3_port": 1110}, {}),
    "qpopper-systemd": (
        "qpopper",
        {"start": "systemd", "ciphers": "HIGH:!aNULL", "timeout": 300, "log_facility": "local1", "statistics": False},
        {},
    ),
    "sendmail": ("sendmail", {}, {}),
    "sendmail-full": (
        "sendmail",
        {
            "port": 2525,
            "msa": True,
            "addresses": ["192.0.2.10", "2001:db8::10"],
            "ask_clients": False,
            "tls_profile": "modern",
            "host_name": "mail.abc.com",
            "smart_host": "relay.abc.com",
            "masquerade_as": "abc.com",
            "log_level": 14,
            "include": ["/etc/mail/local.m4"],
        },
        {"usages": ("server", "client")},
    ),
    "sendmail-mta-alone": ("sendmail", {"submission": False, "smtps": False, "build_snippet": False}, {}),
}


@pytest.mark.parametrize("platform", given.PLATFORMS)
@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, platform: Any) -> None:
    type_, options, host = CASES[case]
    if (type_, platform) == ("sendmail", "user"):
        assert given.problems(PACKS[type_], options, given.a_host(platform, **host))
        return
    folder = GOLDEN / case / platform
    texts = given.texts(given.expanded(PACKS[type_], options, given.a_host(platform, **host)))
    if os.environ.get("UPDATE_GOLDEN"):
        update(folder, texts)
    expected = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert texts == expected


def update(folder: Path, texts: dict[str, str]) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
