"""Completion scripts for bash, zsh and fish: commands, options and their values, manifests, and ids to show."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pkibuild.views.usage import Argument, Command, Option

_IDS = "pkibuild show --ids 2>/dev/null"
"""What the scripts run for ids: it reads the manifest of the current folder."""
_ARTIFACTS = "pkibuild graph --ids 2>/dev/null"
_HOSTS = f"{_IDS} | sed -n 's,^host/,,p'"


def _what(name: str) -> str:
    """What stands where `name` is asked for: a word of those below, or nothing that is known."""
    known = {"MANIFEST": "manifest", "FILE": "file", "DIR": "folder", "ID": "ids", "ARTIFACT": "artifacts"}
    return {**known, "HOST": "hosts"}.get(name, "")


# -- bash ---------------------------------------------------------------------------


def bash(commands: Sequence[Command]) -> str:
    names = " ".join(command.name for command in commands)
    lines = [
        '# bash completion for pkibuild: eval "$(pkibuild completion bash)"',
        "_pkibuild() {",
        "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]:-}",
        "  local IFS=$'\\n'",
        "  COMPREPLY=()",
        "  if ((COMP_CWORD == 1)); then",
        f"    IFS=' '; COMPREPLY=($(compgen -W '{names} --help --version' -- \"$cur\")); return",
        "  fi",
        "  case $command:$prev in",
        *(line for command in commands for line in _bash_values(command)),
        "  esac",
        "  case $command in",
        *(line for command in commands for line in _bash_command(command)),
        "  esac",
        "}",
        "complete -o filenames -F _pkibuild pkibuild",
    ]
    return "\n".join(lines) + "\n"


def _bash_values(command: Command) -> list[str]:
    return [
        f"    {'|'.join(f'{command.name}:{flag}' for flag in option.flags)}) {_bash_reply(option)}; return ;;"
        for option in command.options
        if option.value and not option.optional
    ]


def _bash_command(command: Command) -> list[str]:
    flags = " ".join(flag for option in command.options for flag in option.flags)
    first = command.arguments[0] if command.arguments else None
    reply = _bash_reply(first) if first else ":"
    return [
        f"    {command.name})",
        f"      if [[ $cur == -* ]]; then IFS=' '; COMPREPLY=($(compgen -W '{flags}' -- \"$cur\"))",
        f"      else {reply}; fi ;;",
    ]


def _bash_reply(one: Option | Argument) -> str:
    if one.choices:
        return f"IFS=' '; COMPREPLY=($(compgen -W '{' '.join(one.choices)}' -- \"$cur\"))"
    sources = {
        "manifest": 'compgen -d -- "$cur"; compgen -f -X "!*.yaml" -- "$cur"; compgen -f -X "!*.yml" -- "$cur"',
        "file": 'compgen -f -- "$cur"',
        "folder": 'compgen -d -- "$cur"',
        "ids": f'compgen -W "$({_IDS})" -- "$cur"',
        "artifacts": f'compgen -W "$({_ARTIFACTS})" -- "$cur"',
        "hosts": f'compgen -W "$({_HOSTS})" -- "$cur"',
    }
    source = sources.get(_what(one.value if isinstance(one, Option) else one.name))
    return f"COMPREPLY=($({source}))" if source else ":"


# -- zsh ----------------------------------------------------------------------------


def zsh(commands: Sequence[Command]) -> str:
    lines = [
        "#compdef pkibuild",
        "# zsh completion for pkibuild: put it as _pkibuild into a folder of $fpath",
        '_pkibuild_ids() { local -a ids; ids=(${(f)"$(' + _IDS + ')"}); compadd -a ids }',
        '_pkibuild_artifacts() { local -a ids; ids=(${(f)"$(' + _ARTIFACTS + ')"}); compadd -a ids }',
        '_pkibuild_hosts() { local -a ids; ids=(${(f)"$(' + _HOSTS + ')"}); compadd -a ids }',
        "_pkibuild() {",
        "  local -a commands",
        "  commands=(",
        *(f"    {_single(f'{command.name}:{command.summary}')}" for command in commands),
        "  )",
        "  if ((CURRENT == 2)); then _describe command commands; return; fi",
        "  local command=$words[2]",
        "  shift words; ((CURRENT--))",
        "  case $command in",
        *(line for command in commands for line in _zsh_command(command)),
        "  esac",
        "}",
        'if [[ $funcstack[1] == _pkibuild ]]; then _pkibuild "$@"; else compdef _pkibuild pkibuild; fi',
    ]
    return "\n".join(lines) + "\n"


def _zsh_command(command: Command) -> list[str]:
    specs = [_single(_zsh_option(option, flag)) for option in command.options for flag in option.flags]
    specs += [
        _single(f"{number}:{':' if one.optional else ''}{one.name.lower()}:{_zsh_action(one)}")
        for number, one in enumerate(command.arguments, 1)
    ]
    return [
        f"    {command.name}) _arguments -s \\",
        *(f"      {spec} \\" for spec in specs[:-1]),
        f"      {specs[-1]} ;;",
    ]


def _zsh_option(option: Option, flag: str) -> str:
    told = _zsh_text(option.help)
    if not option.value:
        return f"{flag}[{told}]"
    if option.optional:
        return f"{flag}=-[{told}]::{option.value.lower()}:{_zsh_action(option)}"
    equals = "=" if flag.startswith("--") else "+"
    return f"*{flag}{equals}[{told}]:{option.value.lower()}:{_zsh_action(option)}"


def _zsh_action(one: Option | Argument) -> str:
    if one.choices:
        return f"({' '.join(one.choices)})"
    actions = {
        "manifest": '_files -g "*.(yaml|yml)"',
        "file": "_files",
        "folder": "_files -/",
        "ids": "_pkibuild_ids",
        "artifacts": "_pkibuild_artifacts",
        "hosts": "_pkibuild_hosts",
    }
    return actions.get(_what(one.value if isinstance(one, Option) else one.name), " ")


def _zsh_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def _single(text: str) -> str:
    """A shell word in single quotes."""
    return "'" + text.replace("'", "'\\''") + "'"


# -- fish ---------------------------------------------------------------------------


def fish(commands: Sequence[Command]) -> str:
    lines = [
        "# fish completion for pkibuild: pkibuild completion fish | source",
        "complete -c pkibuild -f",
        *(
            f"complete -c pkibuild -n __fish_use_subcommand -a {command.name} -d {_fish_text(command.summary)}"
            for command in commands
        ),
        *(line for command in commands for line in _fish_command(command)),
    ]
    return "\n".join(lines) + "\n"


def _fish_command(command: Command) -> list[str]:
    start = f"complete -c pkibuild -n '__fish_seen_subcommand_from {command.name}'"
    lines = [f"{start} {_fish_option(option)}" for option in command.options]
    for one in command.arguments[:1]:
        reply = _fish_reply(one)
        lines += [f"{start} {reply}"] if reply else []
    return lines


def _fish_option(option: Option) -> str:
    flags = [f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags]
    takes = [] if not option.value or option.optional else [f"-r {_fish_reply(option) or '-f'}"]
    return " ".join([*flags, *takes, f"-d {_fish_text(option.help)}"])


def _fish_reply(one: Option | Argument) -> str:
    if one.choices:
        return f"-f -a {_fish_text(' '.join(one.choices))}"
    replies = {
        "manifest": "-f -a '(__fish_complete_suffix .yaml)'",
        "file": "-F",
        "folder": "-f -a '(__fish_complete_directories)'",
        "ids": f"-f -a '({_IDS})'",
        "artifacts": f"-f -a '({_ARTIFACTS})'",
        "hosts": f'-f -a "({_HOSTS})"',
    }
    return replies.get(_what(one.value if isinstance(one, Option) else one.name), "")


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS: dict[str, Callable[[Sequence[Command]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
