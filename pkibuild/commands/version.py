"""`pkibuild version`: versions of pkibuild, Python, cryptography and the OpenSSL inside it."""

from __future__ import annotations

import platform
from argparse import ArgumentParser, Namespace

from pkibuild import __version__
from pkibuild.commands import options
from pkibuild.world import World


def register(parser: ArgumentParser) -> None:
    options.common(parser)
    options.examples(parser, ("pkibuild version --format json", "for a bug report by a program"))


def run(arguments: Namespace, world: World) -> int:
    found = {"pkibuild": __version__, "python": platform.python_version(), **_cryptography()}
    if arguments.format == "json":
        from pkibuild.views.plan_json import dump

        world.out(dump(found))
    else:
        world.out("".join(f"{name} {version}\n" for name, version in found.items()))
    return 0


def _cryptography() -> dict[str, str]:
    """Imported here alone: which OpenSSL is inside, only the library itself knows."""
    import cryptography
    from cryptography.hazmat.backends.openssl import backend

    openssl = backend.openssl_version_text().removeprefix("OpenSSL ")
    return {"cryptography": cryptography.__version__, "openssl": openssl}
