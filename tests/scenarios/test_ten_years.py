"""Ten years of daily runs under a root that ends: every certificate lives as long as it could, and nothing loops."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from estate import START, Estate
from helpers import Project

from pkibuild import manifest as manifests
from pkibuild import pipeline
from pkibuild.core.times import DAY, format_time
from pkibuild.execute.progress import Progress
from pkibuild.model.manifest import Manifest
from pkibuild.model.plan import Plan
from pkibuild.pipeline import Options
from pkibuild.world import World

ROOT_DAYS = 3700
MANIFEST = f"""\
version: 1
defaults: {{issuer: web-ca}}
authorities:
  root:
    subject: {{common_name: ABC Root CA}}
    validity: {ROOT_DAYS}d
  web-ca:
    issuer: root
    subject: {{common_name: ABC Web CA}}
    crl: {{url: "http://pki.abc.com/web-ca.crl", validity: 90d}}
hosts:
  short: {{fqdn: short.abc.com, validity: 90d}}
  long: {{fqdn: long.abc.com, validity: 397d}}
"""


class Quiet(World):
    """A clock of a test's own, which is not told of."""

    def __init__(self, now: int) -> None:
        super().__init__({})
        self._now = now


class NoProgress(Progress):
    def start(self, total: int) -> None: ...
    def step(self, label: str) -> None: ...
    def done(self) -> None: ...


def test_ten_years_of_daily_runs(project: Project) -> None:
    estate = Estate(project)
    estate.write(MANIFEST)
    manifest = manifests.load(str(project.folder / "pki.yaml"), Quiet(START))
    issued: Counter[str] = Counter()
    for day in range(ROOT_DAYS + 3):
        now = START + day * DAY
        plan = pipeline.plan(manifest, Quiet(now), Options())
        if plan.actions:
            issued.update(one.id for one in apply(manifest, now).actions if one.kind in ("certificate", "crl"))
            assert not pipeline.plan(manifest, Quiet(now), Options()).actions, (
                f"day {day}: the second plan is not empty"
            )
        if day < ROOT_DAYS - 1:
            assert not plan.pending, f"day {day}"
    assert issued == {
        "authority/root/certificate": 1,
        "authority/web-ca/certificate": 1 + 1,  # renewed once, to end with its root
        "authority/web-ca/crl": issues(90, 30, clamped=False),
        "host/short/certificate": issues(90, 30),
        "host/long/certificate": issues(397, 30),
    }
    for name in ("short", "long"):
        certificates = estate.issued(f"host/{name}/certificate")
        for one, following in pairwise(certificates):
            assert following["time"] < one["not_after"], "never without a valid certificate"
            assert following["not_after"] > one["not_after"], "no re-issue that gains nothing"
        assert certificates[-1]["not_after"] == format_time(
            int(estate.authority("root").not_valid_after_utc.timestamp())
        )


def apply(manifest: Manifest, now: int) -> Plan:
    return pipeline.apply(manifest, Quiet(now), Options(), NoProgress())[0]


def issues(days: int, before: int, *, clamped: bool = True) -> int:
    """How often something that is good for `days` is made until the root ends, if it is renewed `before` days early."""
    count, made = 1, 0
    while True:
        expires = min(made + days, ROOT_DAYS) if clamped else made + days
        renewed = expires - before
        if renewed >= ROOT_DAYS or (clamped and expires == ROOT_DAYS):
            return count
        made, count = renewed, count + 1
