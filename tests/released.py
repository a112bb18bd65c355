"""Trees made by released versions: makes one, and takes one out of its archive.

    python tests/released.py            makes tests/data/tree-VERSION.tar.gz with this version

An archive is made once, when a version is released, and never again: every later version must find it up to date.
Its keys are worth nothing; they are packed so that nobody takes them for keys that lie around.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from estate import Estate, aside  # noqa: E402 - run as a program, it finds its modules first
from helpers import Project  # noqa: E402 - likewise

import pkibuild  # noqa: E402 - likewise

DATA = ROOT / "tests" / "data"

MANIFEST = """\
version: 1
defaults:
  subject: {country: TW, locality: Taipei, organization: ABC Company}
  issuer: web-ca
authorities:
  root:
    subject: {common_name: ABC Company Root CA}
    key: {algorithm: ecdsa-p384, passphrase: {env: ROOT_PASSPHRASE}}
    validity: 7305d
    crl: {url: "http://pki.abc.com/root.crl", validity: 90d}
  web-ca:
    issuer: root
    subject: {common_name: ABC Company Web CA}
    path_length: 1
    name_constraints: {permitted: {dns: [abc.com, example], ip: [192.0.2.0/24, "2001:db8::/32"]}}
    crl: {url: "http://pki.abc.com/web-ca.crl"}
    ca_issuers_url: "http://pki.abc.com/web-ca.crt"
  deep-ca:
    issuer: web-ca
    subject: {common_name: ABC Company Deep CA}
    key: ed25519
    validity: 900d
  rsa-ca:
    subject: {common_name: ABC Company RSA Root CA, email: pki@abc.com}
    key: rsa-2048
hosts:
  www:
    fqdn: www.abc.com
    aliases: [abc.com, "*.shop.abc.com", bücher.example]
    addresses: [192.0.2.10, "2001:db8::10"]
    formats: [pem, fullchain, chain, der, combined]
  mail:
    fqdn: mail.abc.com
    issuer: rsa-ca
    key: rsa-2048
    usage: [server, client]
  red: {fqdn: red.abc.com, platform: redhat, validity: 36h, renew_before: 6h}
  bsd: {fqdn: bsd.abc.com, platform: freebsd, issuer: deep-ca, formats: [pem, fullchain]}
  home: {fqdn: home.abc.com, platform: user, home: /home/alice}
  vault: {fqdn: vault.abc.com, key: {passphrase: {env: ROOT_PASSPHRASE}}}
  self: {fqdn: self.abc.com, issuer: self}
  late: {fqdn: late.abc.com, issuer: deep-ca, validity: 2000d}
  "node[01:03]": {fqdn: "node[01:03].abc.com", addresses: ["192.0.2.[101:103]"]}
services:
  web: {type: apache, hosts: [www, red, bsd, home]}
  pop3: {type: qpopper, host: mail, listen: [stls, pop3s]}
  smtp: {type: sendmail, host: mail}
certificates:
  alice:
    usage: [client, email]
    subject: {common_name: Alice Wu, email: alice@abc.com}
    names: {email: [alice@abc.com]}
  build:
    usage: [code]
    subject: {common_name: ABC Company Builds}
"""

REKEYED = "    subject: {common_name: ABC Company Web CA}\n    key: {generation: 2}\n    protect: false\n"


def make(estate: Estate) -> None:
    """A tree with a history: an authority and a host that were re-keyed, a name that was added."""
    estate.write(MANIFEST)
    estate.apply()
    estate.later("3h")
    estate.edit("    subject: {common_name: ABC Company Web CA}\n", REKEYED)
    estate.apply()
    estate.edit(REKEYED, REKEYED.replace("    protect: false\n", ""))
    estate.edit('"node[01:03].abc.com",', '"node[01:03].abc.com", aliases: ["n[01:03].abc.com"],')
    estate.edit("fqdn: mail.abc.com\n", "fqdn: mail.abc.com\n    aliases: [pop.abc.com]\n")
    estate.edit("    key: rsa-2048\n    usage", "    key: {algorithm: rsa-2048, generation: 2}\n    usage")
    estate.later("1h")
    estate.apply()
    (estate.folder / "now").write_text(f"{estate.now}\n")


def archives() -> list[Path]:
    return sorted(DATA.glob("tree-*.tar.gz"))


def unpack(archive: Path, folder: Path) -> Estate:
    """The tree as it was made, with the clock of that time."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return Estate(Project(folder), int((folder / "now").read_text()))


def main() -> None:
    archive = DATA / f"tree-{pkibuild.__version__}.tar.gz"
    if archive.exists():
        raise SystemExit(f"{archive} is there: a released version's tree is never made again")
    with tempfile.TemporaryDirectory() as folder:
        estate = Estate(Project(Path(folder)))
        make(estate)
        DATA.mkdir(exist_ok=True)
        with aside(estate.path(".cache")), tarfile.open(archive, "w:gz") as tar:
            tar.add(folder, ".", filter=lambda one: None if ".aside" in one.name else one)
    print(f"{archive}: {archive.stat().st_size} bytes")


if __name__ == "__main__":
    main()
