"""`openssl.cnf` of an authority's folder, with which `openssl ca -config openssl.cnf` signs and revokes there.

The extensions are those of profile.md. They are sections to choose from with `-extensions`.
"""

from __future__ import annotations

from pkibuild.core.times import DAY
from pkibuild.core.values import Record

_DIGESTS = {"ecdsa-p384": "sha384", "ecdsa-p521": "sha512", "ed25519": "default"}
"""Where it is not SHA-256; `default` leaves it to OpenSSL, for keys that take no digest."""


class Folder(Record):
    """What the config says of an authority. Paths are relative to its folder, spans in seconds."""

    name: str
    algorithm: str
    key: str
    certificate: str
    crl: str
    path_length: int | None = None
    crl_url: str = ""
    ca_issuers_url: str = ""
    ocsp_url: str = ""
    validity: int = 397 * DAY
    """Of what `openssl ca` issues, unless `-days` says otherwise."""
    crl_validity: int = 30 * DAY


def render(folder: Folder) -> bytes:
    """The config's text."""
    digest = "default" if folder.algorithm.startswith("ml-dsa") else _DIGESTS.get(folder.algorithm, "sha256")
    text = _CA.format(
        name=folder.name,
        key=_value(folder.key),
        certificate=_value(folder.certificate),
        crl=_value(folder.crl),
        days=max(1, folder.validity // DAY),
        crl_days=max(1, folder.crl_validity // DAY),
        digest=digest,
    )
    return (text + _extensions(folder)).encode("utf-8")


def _value(text: str) -> str:
    """A value with what the config's language would read as something else escaped (config(5))."""
    return "".join("\\" + character if character in "\\$#\"'`;" else character for character in text)


def _extensions(folder: Folder) -> str:
    pointers = ""
    sections = ""
    if folder.crl_url:
        pointers += "crlDistributionPoints  = @crl_points\n"
        sections += f"\n[ crl_points ]\nURI.1 = {_value(folder.crl_url)}\n"
    access = [("caIssuers", folder.ca_issuers_url), ("OCSP", folder.ocsp_url)]
    lines = [f"{method};URI.{number} = {_value(url)}\n" for number, (method, url) in enumerate(access, 1) if url]
    if lines:
        pointers += "authorityInfoAccess    = @access\n"
        sections += "\n[ access ]\n" + "".join(lines)
    below = 0 if folder.path_length is None else max(0, folder.path_length - 1)
    leaves = "".join(
        _LEAF.format(comment=comment, section=section, usage=usage, purpose=purpose, pointers=pointers)
        for comment, section, usage, purpose in _LEAVES
    )
    return leaves + _REST.format(path_length=below, pointers=pointers) + sections


_CA = """\
# Written by pkibuild, for plain OpenSSL run inside this folder:
#
#   openssl ca -config openssl.cnf -in host.csr -out host.crt
#   openssl ca -config openssl.cnf -revoke host.crt -crl_reason superseded
#
# What it issues and revokes is taken into the journal at the next `pkibuild apply`. Changes to this file are lost then.

[ ca ]
default_ca = {name}

[ {name} ]
dir              = .
certificate      = $dir/{certificate}
private_key      = $dir/{key}
new_certs_dir    = $dir/newcerts
database         = $dir/index.txt
crl              = $dir/{crl}
crlnumber        = $dir/crlnumber
# Random, as pkibuild's own. An OpenSSL before 1.1.1 passes over rand_serial and takes the serial file, which holds
# a number that is random as well and not taken.
serial           = $dir/serial
rand_serial      = yes
# A renewed certificate has the subject of the one before it.
unique_subject   = no
default_md       = {digest}
default_days     = {days}
default_crl_days = {crl_days}
policy           = any_subject
preserve         = no
string_mask      = utf8only
utf8             = yes
name_opt         = utf8,sep_comma_plus_space,esc_ctrl
cert_opt         = ca_default
# The names of a request come along; what a section below says itself (CA:FALSE, usages) no request can override.
copy_extensions  = copy
x509_extensions  = v3_req
crl_extensions   = v3_crl

[ any_subject ]
domainComponent        = optional
countryName            = optional
stateOrProvinceName    = optional
localityName           = optional
organizationName       = optional
organizationalUnitName = optional
commonName             = optional
streetAddress          = optional
postalCode             = optional
title                  = optional
givenName              = optional
surname                = optional
serialNumber           = optional
emailAddress           = optional

[ req ]
default_bits       = 2048
default_md         = sha256
distinguished_name = request_name
string_mask        = utf8only
utf8               = yes
x509_extensions    = v3_ca

[ request_name ]
commonName     = Common name (the server's full name)
commonName_max = 64
"""

_SIGNS = "digitalSignature"
_LEAVES = (
    ("A server; its names come with the request", "v3_req", _SIGNS, "serverAuth"),
    (
        "The same with an RSA key, for clients that know no ECDHE",
        "v3_req_rsa",
        _SIGNS + ", keyEncipherment",
        "serverAuth",
    ),
    ("A client", "v3_client", _SIGNS, "clientAuth"),
    ("A server that is a client too", "v3_both", _SIGNS, "serverAuth, clientAuth"),
    ("E-mail", "v3_email", _SIGNS, "emailProtection"),
    ("Code", "v3_code", _SIGNS, "codeSigning"),
)

_LEAF = """\

# {comment}
[ {section} ]
basicConstraints       = critical, CA:FALSE
keyUsage               = critical, {usage}
extendedKeyUsage       = {purpose}
subjectKeyIdentifier   = hash
authorityKeyIdentifier = keyid:always
{pointers}"""

_REST = """\

# An authority below this one
[ v3_ca ]
basicConstraints       = critical, CA:TRUE, pathlen:{path_length}
keyUsage               = critical, keyCertSign, cRLSign
subjectKeyIdentifier   = hash
authorityKeyIdentifier = keyid:always
{pointers}
[ v3_crl ]
authorityKeyIdentifier = keyid:always
"""
