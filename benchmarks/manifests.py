"""The manifests that are measured: a root, an intermediate and as many Apache hosts as asked for."""

from __future__ import annotations

import re

_HEAD = """\
version: 1
output: out
defaults:
  subject: {{country: TW, locality: Taipei, organization: ABC Company}}
  issuer: web-ca
  key: {key}
authorities:
  root:
    subject: {{common_name: ABC Company Root CA}}
    key: ecdsa-p256
  web-ca:
    subject: {{common_name: ABC Company Web CA}}
    key: ecdsa-p256
    issuer: root
    crl: {{url: "http://pki.example.com/web-ca.crl"}}
services:
  web:
    type: apache
    hosts: ["*"]
hosts:
"""

_HOST = """\
  h{number:06d}:
    fqdn: h{number:06d}.example.com
    aliases: [www{number:06d}.example.com]
    addresses: [{address}]
"""


def manifest(hosts: int, key: str = "ecdsa-p256") -> str:
    """A manifest with every host written out, as a generator or a person would leave it: no pattern helps."""
    return _HEAD.format(key=key) + "".join(
        _HOST.format(number=number, address=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        for number in range(hosts)
    )


def with_alias(text: str, hosts: int, change: int) -> str:
    """The same with one more alias for one host; each `change` takes another host, or another alias of it."""
    number = (change * 7919 + hosts // 2) % hosts
    old = f"aliases: [www{number:06d}.example.com"
    return text.replace(old, f"{old}, new{change}.example.com", 1)


def with_aliases(text: str) -> str:
    """The same with one more alias for every host."""
    return re.sub(r"aliases: \[(www\d+)", r"aliases: [new-\1.example.com, \1", text)
