"""Sendmail-style `.mc` files for m4.

A value passes through m4 several times (a `define` is expanded again when the macros of the cf folder use it), each
time losing one level of quotes. So quoting does not protect it: a value is accepted only if m4 leaves it unchanged in
every context.
"""

from __future__ import annotations

import re
from string import ascii_letters, digits

from pkibuild.rendering.languages.base import Lines, NotRepresentable

_SAFE = re.compile(r"[A-Za-z0-9_./:@+=\-\[\] ]*")
_LETTER = re.compile(r"[A-Za-z0-9_]")
_LETTERS = f"{ascii_letters}{digits}_"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""As m4 reads it: digits before a name are not part of it, `0dnl` is `0` and a macro."""
_MACRO = re.compile(
    # builtins of GNU and BSD m4
    "builtin|changecom|changequote|changeword|debugfile|debugmode|decr|define|defn|divert|divnum|dnl|dumpdef|errprint|"
    "esyscmd|eval|expr|format|ifdef|ifelse|include|incr|index|indir|len|lower|m4exit|m4trace|m4wrap|maketemp|mkstemp|"
    "paste|patsubst|popdef|pushdef|regexp|shift|sinclude|spaste|strcasecmp|substr|syscmd|sysval|traceoff|traceon|"
    "translit|undefine|undivert|unix|"
    # names that the cf macros use, and whatever could be one of another version
    r"conf[A-Z]\w*|sm_\w*|_\w*|[A-Z][A-Z0-9_]{3,}|DOL|HACK",
    re.ASCII,
)


class M4(Lines):
    def word(self, line: str, value: str, after: str) -> str:
        if line.startswith(("dnl ", "dnl\t")):
            return value
        if not _SAFE.fullmatch(value):
            raise NotRepresentable(
                "only letters, digits, spaces and `_./:@+=-[]` are safe in m4 and in the mail server's own syntax"
            )
        if value != value.strip():
            raise NotRepresentable("m4 drops white space at the beginning of an argument")
        before = line[len(line.rstrip(_LETTERS)) :]
        names = _NAME.findall(before + value)
        macro = next((name for name in names if _MACRO.fullmatch(name)), None)
        if macro is not None:
            reason = "is, or may be, the name of an m4 macro"
            raise NotRepresentable(f"`{macro}` in it {reason}", f"a word in it {reason}")
        if _LETTER.fullmatch(after) and _LETTER.fullmatch(value[-1:]):
            raise NotRepresentable("it would form another name with the letters after it")
        return value
