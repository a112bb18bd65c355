"""Reading what others wrote: every way in which the library refuses bytes becomes one kind of error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cryptography import x509

from pkibuild.keys.backend import UNREADABLE, quietly

_UNREADABLE = (
    *UNREADABLE,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for bytes that are no certificate, or an odd one."""


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn the library's errors into a ValueError: `the certificate cannot be read: …`, on one line."""
    try:
        with quietly():
            yield
    except _UNREADABLE as error:
        raise ValueError(f"the {what} cannot be read: {_plain(error)}") from None


def _plain(error: Exception) -> str:
    """The library's words, without the dump that some of them carry."""
    return " ".join(str(error).split())[:200] or type(error).__name__
