"""Where every artifact lies: in the output folder, in a host's overlay, and on the host itself.

An *overlay path* is relative to the folder `hosts/NAME`, which is a picture of the host's root (platform `user`: of its
home). An *output path* is relative to the output folder. Both are written with `/`.
"""

from __future__ import annotations

from pkibuild.model.manifest import Authority, Declaration, Host, Platform

CERTIFICATE_FOLDER: dict[Platform, str] = {
    "debian": "etc/ssl/certs",
    "redhat": "etc/pki/tls/certs",
    "freebsd": "usr/local/etc/ssl/certs",
    "user": "etc/ssl/certs",
}
PRIVATE_FOLDER: dict[Platform, str] = {
    "debian": "etc/ssl/private",
    "redhat": "etc/pki/tls/private",
    "freebsd": "usr/local/etc/ssl/private",
    "user": "etc/ssl/private",
}
OWN_PRIVATE_FOLDER = frozenset[Platform]({"freebsd", "user"})
"""Where the private folder is ours alone. Elsewhere the system brings it, with rights of its own (Debian's `ssl-cert`:
0710 root:ssl-cert), which nothing of ours may change."""

SUFFIX = {
    "key": "key",
    "certificate": "crt",
    "fullchain": "fullchain.crt",
    "chain": "chain.crt",
    "der": "der",
    "combined": "pem",
    "pkcs12": "p12",
    "jks": "jks",
    "csr": "csr",
    "crl": "crl",
    "crl-der": "crl.der",
}
"""What follows the name in a file of that kind. The kinds are the last parts of the ids."""

STAGED = ".next"
"""What is added to the name of a key that is not yet in its place."""

RECEIPT = ".install.json"
"""The name of a unit's receipt in its folder."""

SECRET = frozenset({"key", "combined", "pkcs12", "jks"})
"""The kinds that hold a private key."""


# -- a host's overlay ---------------------------------------------------------------


def overlay(host: Host) -> str:
    """The output path of a host's overlay: `hosts/myhost`."""
    return f"hosts/{host.name}"


def certificate_folder(host: Host) -> str:
    return CERTIFICATE_FOLDER[host.platform]


def private_folder(host: Host) -> str:
    """The overlay path of the folder for keys, which nobody but its owner may enter."""
    return PRIVATE_FOLDER[host.platform]


def host_path(host: Host, kind: str) -> str:
    """The overlay path of the host's own artifact of a kind (see `SUFFIX`)."""
    folder = private_folder(host) if kind in SECRET else certificate_folder(host)
    return f"{folder}/{host.name}.{SUFFIX[kind]}"


def on_host(host: Host, path: str) -> str:
    """The absolute path that an overlay path has on the host."""
    return f"{host.home if host.platform == 'user' else ''}/{path}"


# -- the output folder --------------------------------------------------------------


def unit_folder(declaration: Declaration) -> str:
    """The output path of the folder of an authority, a host (its overlay) or a certificate."""
    if isinstance(declaration, Host):
        return overlay(declaration)
    return f"{'authorities' if isinstance(declaration, Authority) else 'certificates'}/{declaration.name}"


def key_folder(declaration: Declaration) -> str:
    """The output path of a unit's folder for keys (0700)."""
    folder = unit_folder(declaration)
    return f"{folder}/{private_folder(declaration)}" if isinstance(declaration, Host) else f"{folder}/private"


def output_path(declaration: Declaration, kind: str, generation: int | None = None) -> str:
    """The output path of a unit's artifact of a kind (see `SUFFIX`), or of an older generation of it.

    `authorities/myrootca/private/myrootca.g1.key`, `certificates/alice/alice.p12`, and for a host
    `hosts/myhost/etc/ssl/certs/myhost.crt`.
    """
    folder = unit_folder(declaration)
    if isinstance(declaration, Host):
        within = private_folder(declaration) if kind in SECRET else certificate_folder(declaration)
        folder = f"{folder}/{within}"
    elif kind == "key":
        folder = f"{folder}/private"
    stem = declaration.name if generation is None else f"{declaration.name}.g{generation}"
    return f"{folder}/{stem}.{SUFFIX[kind]}"


def journal_path(authority: Authority | None = None) -> str:
    """The output path of an authority's journal, or (without one) of that for self-signed and external certificates."""
    return f"{unit_folder(authority)}/journal.jsonl" if authority else "journal.jsonl"


def beside(path: str, generation: int) -> str:
    """The path of an older generation of a key beside its successor: `x.key` becomes `x.g1.key`."""
    stem, dot, suffix = path.rpartition(".")
    return f"{stem}.g{generation}{dot}{suffix}"


def root_group(platform: Platform) -> str:
    """The group of root's files on a host; empty on the platform `user`, where all is the user's own."""
    return {"freebsd": "wheel", "user": ""}.get(platform, "root")


def root_owner(platform: Platform) -> str:
    return "" if platform == "user" else "root"


def public_path(key_path: str) -> str:
    """Where the public half of a key with a passphrase lies: `x.key` becomes `x.pub`."""
    return key_path.removesuffix(".key") + ".pub"
