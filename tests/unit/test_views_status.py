"""The table of states."""

from __future__ import annotations

import json

from pkibuild.core.times import DAY, parse_time
from pkibuild.model.plan import StatusRow
from pkibuild.views import status

NOW = parse_time("2026-01-01")
ROWS = [
    StatusRow(
        "host/www/certificate", "certificate", "ok", "CN=www.abc.com", "CN=Root", "0123456789abcdef",
        NOW - DAY, NOW + 40 * DAY, NOW + 10 * DAY,
    ),
    StatusRow("host/台/certificate", "certificate", "expired", "CN=台", "CN=Root", "0f", NOW - 9 * DAY, NOW - 1),
    StatusRow("authority/root/crl", "crl", "not-built", message="`apply` makes it"),
]  # fmt: skip


def test_the_table_is_aligned_and_tells_all() -> None:
    assert status.text(ROWS, NOW) == (
        "ID                    STATE      EXPIRES     DAYS  RENEWS      SERIAL     SUBJECT         ISSUER\n"
        "host/www/certificate  ok         2026-02-10  40    2026-01-11  01234567…  CN=www.abc.com  CN=Root\n"
        "host/台/certificate   expired    2025-12-31  -1    -           0f         CN=台           CN=Root\n"
        "authority/root/crl    not-built  -           -     -           -          -               -\n"
        "\n"
        "authority/root/crl: `apply` makes it\n"
        "\n"
        "1 expired, 1 not-built, 1 ok.\n"
    )
    assert "0123456789abcdef" in status.text(ROWS, NOW, verbose=True)


def test_what_is_fine() -> None:
    assert status.is_fine([ROWS[0], StatusRow("a", "certificate", "short")])
    assert not any(status.is_fine([StatusRow("a", "crl", state)]) for state in ("due", "expired", "missing", "wrong"))


def test_json() -> None:
    told = json.loads(status.json_text(ROWS, NOW))
    assert told["now"] == "2026-01-01T00:00:00Z"
    assert told["rows"][0] == {
        "id": "host/www/certificate",
        "kind": "certificate",
        "state": "ok",
        "subject": "CN=www.abc.com",
        "issuer": "CN=Root",
        "serial": "0123456789abcdef",
        "not_before": "2025-12-31T00:00:00Z",
        "not_after": "2026-02-10T00:00:00Z",
        "days_left": 40,
        "renew_at": "2026-01-11T00:00:00Z",
        "message": "",
    }
    assert told["rows"][2]["days_left"] is None
