"""`pkibuild init`: a starter manifest that is valid as it is."""

from __future__ import annotations

import posixpath
from argparse import ArgumentParser, Namespace

from pkibuild.commands import options
from pkibuild.commands.data import package_file
from pkibuild.core.diagnostics import fail
from pkibuild.world import World
from pkibuild.world.files import exists, write_file


def register(parser: ArgumentParser) -> None:
    parser.add_argument("manifest", nargs="?", metavar="MANIFEST", help=f"file to write (default: {options.MANIFEST})")
    parser.add_argument("-f", "--file", metavar="MANIFEST", help="file to write, as an option")
    parser.add_argument("--from", dest="source", metavar="DIR", help="read an existing PKI (not yet supported)")
    options.common(parser, ("text",))
    options.examples(
        parser,
        ("pkibuild init", "write pki.yaml in this folder"),
        ("pkibuild init lab/pki.yaml", "write it elsewhere; the folder must exist"),
    )


def run(arguments: Namespace, world: World) -> int:
    path = options.manifest_path(arguments)
    if arguments.source:
        raise fail("not-supported", "`--from` is not yet supported", hint="start from the manifest that `init` writes")
    if exists(path):
        raise fail("manifest-exists", f"`{path}` exists already", hint="name another file: nothing is overwritten")
    folder = posixpath.dirname(path)
    if folder and not exists(folder):
        raise fail("write-failed", f"cannot write `{path}`: there is no folder `{folder}`", hint="make it first")
    write_file(path, package_file("commands/starter.yaml").encode())
    if not arguments.quiet:
        world.out(
            f"{path}: written. Edit the names in it, then:\n"
            f"  export PKI_PASSPHRASE=…        (the root key's passphrase; never stored)\n"
            f"  pkibuild plan {path}\n"
            f"  pkibuild apply {path}\n"
        )
    return 0
