"""What a run leaves out is planned as before: by `--due`, for want of a passphrase, or as it ends half way.

Nothing of it may be recorded as built: the next plan lists it for the same reasons, the lock alone does so too where it
can know them, and the next `apply` builds it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from estate import AUTHORITIES, Estate
from helpers import Project

from pkibuild.core.diagnostics import fail
from pkibuild.world.tree import Tree

MANIFEST = (
    """\
version: 1
packs: [packs/irc]
defaults: {issuer: web-ca}
"""
    + AUTHORITIES.replace('web-ca.crl"', 'web-ca.crl", validity: 400d')
    + """\
hosts:
  www: {fqdn: www.abc.com, formats: [fullchain, combined], validity: 390d}
  app: {fqdn: app.abc.com, validity: 390d}
  mail: {fqdn: mail.abc.com, formats: [combined], issuer: root, validity: 390d}
  soon: {fqdn: soon.abc.com, formats: [fullchain, combined], validity: 90d}
services:
  web: {type: apache, host: www}
  intranet: {type: apache, host: www, port: 8443}
  other: {type: apache, host: www, port: 8444}
  irc: {type: irc, hosts: [www, soon], word: swordfish}
  pop3: {type: qpopper, host: mail}
"""
)
PACK = {
    "service.yaml": "type: irc\nversion: 1\nfiles: [{path: etc/irc.conf, template: irc.j2, mode: '0600'}]\n",
    "options.schema.json": '{"type": "object", "additionalProperties": false, '
    '"properties": {"word": {"type": "string", "writeOnly": true, '
    '"description": "Password."}, "port": {"type": "integer", "default": 6697, "description": "Port."}}}',
    "irc.j2": "# pkibuild {{ host.fqdn }} {{ options.port }} {{ options.word }}\n",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    made = Estate(Project(tmp_path_factory.mktemp("built")))
    pack = made.folder / "packs" / "irc"
    pack.mkdir(parents=True)
    for name, text in PACK.items():
        (pack / name).write_text(text)
    made.write(MANIFEST)
    made.apply()
    return made


# -- what is to be done --------------------------------------------------------------------------------------------


def names(estate: Estate) -> None:
    """Certificates, and all that is made of them or names them."""
    for name in ("www", "mail"):
        estate.edit(f"fqdn: {name}.abc.com", f"fqdn: {name}.abc.com, aliases: [{name}2.abc.com]")


def options(estate: Estate) -> None:
    estate.edit("intranet: {", "intranet: {redirect_http: true, ")
    estate.edit("word: swordfish", "word: sesame, port: 6698")
    estate.edit("type: qpopper", "type: qpopper, timeout: 60")


def platform(estate: Estate) -> None:
    """All of a host lies elsewhere."""
    for name in ("app", "mail"):
        estate.edit(f"fqdn: {name}.abc.com", f"fqdn: {name}.abc.com, platform: freebsd")


def keys(estate: Estate) -> None:
    for name in ("www", "mail"):
        estate.edit(f"fqdn: {name}.abc.com", f"fqdn: {name}.abc.com, key: {{generation: 2}}")


def authority(estate: Estate) -> None:
    """Chains follow from it, and nothing else."""
    estate.edit("subject: {common_name: ABC Web CA}", "subject: {common_name: ABC Web CA}\n    validity: 3000d")


def new(estate: Estate) -> None:
    estate.edit("services:", "  more: {fqdn: more.abc.com, formats: [combined]}\nservices:")
    estate.edit("formats: [fullchain, combined], validity: 390d", "formats: [fullchain, combined, chain]")
    estate.edit("host: www, port: 8443}", "host: www, port: 8443}\n  third: {type: apache, host: www, port: 8445}")


def by_hand(estate: Estate) -> None:
    """The lock does not know of this."""
    (intranet,) = estate.path("hosts/www").rglob("intranet.conf")
    intranet.write_text(intranet.read_text() + "by hand\n")
    (other,) = estate.path("hosts/www").rglob("other.conf")
    other.unlink()
    estate.path("hosts/www/etc/ssl/certs/www.fullchain.crt").unlink()
    for name in ("www", "mail"):
        (combined,) = estate.path(f"hosts/{name}").rglob(f"{name}.pem")
        combined.chmod(0o600)
        combined.write_bytes(combined.read_bytes().partition(b"-----BEGIN CERT")[0])


Edit = Callable[[Estate], None]


def together(*edits: Edit) -> Edit:
    def edit(estate: Estate) -> None:
        for one in edits:
            one(estate)

    return edit


EDITS = {
    "names": names,
    "options": options,
    "platform": platform,
    "keys": keys,
    "authority": authority,
    "new": new,
    "by hand": by_hand,
    "most": together(names, options, new, by_hand),
    "authority and others": together(authority, options, by_hand),
}
every_edit = pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)


# -- what is left --------------------------------------------------------------------------------------------------


def planned(estate: Estate, *argv: str) -> dict[str, Any]:
    """What a plan says of each artifact, but for what the clock says."""
    told = estate.plan(*argv)["actions"]
    return {
        one["id"]: (one["action"], [reason["code"] for reason in one["reasons"]], sorted(one["paths"])) for one in told
    }


def is_left(estate: Estate, before: dict[str, Any], done: set[str], lock: bool) -> None:
    """`lock`: it was there before, and knows all but what happened to the files."""
    after = planned(estate)
    assert after == {id: one for id, one in before.items() if id not in done}
    with estate.without_lock():
        assert planned(estate) == after
    if lock:
        edited = {id for id, (action, _, _) in after.items() if action != "restore"}
        assert edited <= planned(estate, "--lock-only").keys() <= after.keys()


@every_edit
@pytest.mark.parametrize("lock", [True, False], ids=["", "without a lock"])
def test_what_due_leaves_out(estate: Estate, edit: Edit, lock: bool) -> None:
    estate.later("65d")
    edit(estate)
    if not lock:
        estate.lock.unlink()
    before = planned(estate)
    run = estate.apply("--due", settled=False)
    assert run.ids
    assert before.keys() - run.ids
    is_left(estate, before, run.ids, lock)
    estate.apply()


@every_edit
@pytest.mark.parametrize("lock", [True, False], ids=["", "without a lock"])
def test_what_waits_for_a_passphrase(estate: Estate, edit: Edit, lock: bool) -> None:
    estate.later("65d")
    edit(estate)
    if not lock:
        estate.lock.unlink()
    before = planned(estate)
    run = estate.apply(env={"ROOT_PASSPHRASE": ""}, status=4, settled=False)
    assert run.pending
    is_left(estate, before, run.ids - run.pending, lock)
    estate.apply()


# -- a run that ends half way --------------------------------------------------------------------------------------


def disk_full() -> None:
    raise fail("write-failed", "cannot write: the disk is full")


def interrupted() -> None:
    raise KeyboardInterrupt


def killed() -> None:
    os._exit(1)


ENDS = {"disk full": (disk_full, 1), "interrupted": (interrupted, 130), "killed": (killed, 1)}


def applied(estate: Estate, at: int, end: Callable[[], None]) -> tuple[int, int]:
    """`apply` in a fork that is ended before its change on disk number `at`: its status, and how many it made."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        status, made = 99, 0

        def step(*_: object) -> None:
            nonlocal made
            made += 1
            if made == at:
                end()  # what it records after that, it may

        try:
            Tree.step = step  # type: ignore[method-assign] # only in this process
            status = estate.run("apply").status
            os.write(writer, str(made).encode())
        finally:  # it must never come back into pytest
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), int(said or 0)


def texts(estate: Estate) -> dict[str, str]:
    """Files that depend on nothing but the manifest."""
    root = estate.path("hosts")
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*.conf"))}


@pytest.mark.parametrize(("edit", "end"), [("most", "disk full"), ("most", "interrupted"), ("platform", "killed")])
def test_what_a_run_that_ends_half_way_leaves_out(estate: Estate, tmp_path: Path, edit: str, end: str) -> None:
    EDITS[edit](estate)
    before = {one["id"]: one["paths"] for one in estate.plan()["actions"]}
    was = estate.everything()
    whole = estate.copy(tmp_path / "whole")
    status, steps = applied(whole, 0, killed)
    assert status == 0
    assert steps > len(before)
    how, status = ENDS[end]
    for step in range(1, steps + 1):
        one = estate.copy(tmp_path / str(step))
        assert applied(one, step, how)[0] in (status, 0)  # a memory for the next run alone may go unwritten
        now = one.everything()
        left = {id for id, paths in before.items() if all(now.get(path) == was.get(path) for path in paths)}
        assert left <= planned(one).keys(), f"before step {step} of {steps}"
        assert one.run("apply").status == 0
        one.healthy()
        assert planned(one) == {}
        assert texts(one) == texts(whole), f"before step {step} of {steps}"
        shutil.rmtree(one.folder)
