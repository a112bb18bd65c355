"""The man page, generated from the command line's values (man(7) macros; checked with mandoc and groff)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pkibuild.views.usage import Argument, Command, Option

EXIT_CODES = (
    (0, "done; for plan also with changes, unless --detailed-exitcode"),
    (1, "the manifest has problems, or something failed"),
    (2, "plan --detailed-exitcode: there are changes; status: something is due, expired or wrong"),
    (3, "another run holds the output folder"),
    (4, "apply: done as far as possible, something waits (a key or passphrase that is not here)"),
    (5, "--max-reissue: stopped before anything was written"),
    (64, "wrong usage of the command line"),
    (130, "interrupted; what was finished is recorded, the next run goes on"),
)
ENVIRONMENT = (
    ("NO_COLOR", "no colours, unless --color=always"),
    ("PKIBUILD_CACHE", "off: what earlier runs kept in .cache/ is neither read nor written"),
    ("PKIBUILD_NOW", "the time taken as now, for tests; each run that is pinned so says it"),
)
FILES = (
    ("pki.yaml", "the manifest: what should exist"),
    ("pki.lock", "what was built from what, without secrets; committed beside the manifest"),
    ("pki/", "the output folder: keys, certificates, journals, and for every host its files"),
)


def text(commands: Sequence[Command], version: str) -> str:
    """The source of pkibuild(1). It has no date: it changes only when the command line does."""
    lines = [
        f'.TH PKIBUILD 1 "" "pkibuild {version}" "User Commands"',
        ".SH NAME",
        "pkibuild \\- one YAML manifest into keys, certificates, CRLs and TLS configs",
        ".SH SYNOPSIS",
        ".B pkibuild",
        "\\fICOMMAND\\fR [\\fIMANIFEST\\fR] [\\fIoptions\\fR]",
        ".SH DESCRIPTION",
        "A build system for a private PKI. The manifest says what should exist;",
        "\\fBplan\\fR shows what would be done, \\fBapply\\fR does it, and a second run does nothing.",
        "The manifest is \\fIpki.yaml\\fR in the current folder unless another is named.",
        ".SH COMMANDS",
    ]
    common = _common(commands)
    for command in commands:
        lines += _command(command, common)
    lines += [".SH COMMON OPTIONS", *_options(common)]
    lines += [".SH EXIT STATUS", *_list((str(code), what) for code, what in EXIT_CODES)]
    lines += [".SH ENVIRONMENT", *_list(ENVIRONMENT), ".SH FILES", *_list(FILES)]
    return "\n".join(lines) + "\n"


def _list(pairs: Iterable[tuple[str, str]]) -> list[str]:
    lines: list[str] = []
    for term, what in pairs:
        lines += [".TP", f".B {_escaped(term)}", _escaped(what)]
    return lines


def _common(commands: Sequence[Command]) -> list[Option]:
    """The options that every command has, in the order of the first."""
    first, *others = commands
    return [option for option in first.options if all(option in command.options for command in others)]


def _options(options: Iterable[Option]) -> list[str]:
    return [line for option in options for line in (".TP", _flags(option), _escaped(option.help))]


def _command(command: Command, common: Sequence[Option]) -> list[str]:
    usage = " ".join(_usage(one) for one in command.arguments)
    lines = [f".SS pkibuild {command.name} {usage}".rstrip(), f"{_escaped(command.summary.capitalize())}."]
    for argument in command.arguments:
        lines += [".TP", f"\\fI{_escaped(argument.name)}\\fR", _escaped(argument.help)]
    lines += _options(option for option in command.options if option not in common)
    return lines + _examples(command.epilog)


def _usage(one: Argument) -> str:
    return f"[{one.name}]" if one.optional else one.name


def _flags(option: Option) -> str:
    value = "|".join(option.choices) or option.value
    told = ", ".join(f"\\fB{_escaped(flag)}\\fR" for flag in option.flags)
    if not value:
        return told
    return f"{told}[=\\fI{_escaped(value)}\\fR]" if option.optional else f"{told} \\fI{_escaped(value)}\\fR"


def _examples(epilog: str) -> list[str]:
    if not epilog:
        return []
    lines = [".PP", "Examples:"]
    told = epilog.splitlines()[1:]
    for command, what in zip(told[::2], told[1::2], strict=True):
        lines += [".TP", f"\\fB{_escaped(command.strip())}\\fR", _escaped(what.strip())]
    return lines


def _escaped(text: str) -> str:
    """Text that roff takes as it is: no request at a line's start, hyphens that can be copied, no long characters."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").replace("’", "'")
    plain = plain.replace("'", "\\(aq").replace("`", "\\(ga").replace("~", "\\(ti").replace("^", "\\(ha")
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain
