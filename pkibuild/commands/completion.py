"""`pkibuild completion`: a completion script for a shell."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from pkibuild.commands import options
from pkibuild.views.completion import SHELLS
from pkibuild.world import World


def register(parser: ArgumentParser) -> None:
    parser.add_argument("shell", choices=tuple(SHELLS), metavar="SHELL", help="bash, zsh or fish")
    options.common(parser, ("text",))
    options.examples(
        parser,
        ('eval "$(pkibuild completion bash)"', "in ~/.bashrc"),
        ("pkibuild completion zsh > ~/.zfunc/_pkibuild", "with ~/.zfunc in fpath, before compinit"),
        ("pkibuild completion fish > ~/.config/fish/completions/pkibuild.fish", "for fish"),
    )


def run(arguments: Namespace, world: World) -> int:
    from pkibuild.commands.describe import commands
    from pkibuild.commands.registry import COMMANDS

    world.out(SHELLS[arguments.shell](commands(COMMANDS)))
    return 0
