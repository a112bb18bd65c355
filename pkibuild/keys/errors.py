"""Why a private key stays closed. No message holds a passphrase or a part of a key."""

from __future__ import annotations

from pkibuild.core.diagnostics import Diagnostic, Place


class KeyProblem(ValueError):
    """A private key that cannot be used. The message is plain, lower case, and names no file."""


class KeyUnreadable(KeyProblem):
    """It is damaged, of a kind that is not supported, or no private key at all."""


class PassphraseNeeded(KeyProblem):
    """It is encrypted, and no passphrase was given."""


class WrongPassphrase(KeyProblem):
    """It does not open with the passphrase given (or its encrypted part is damaged: the two cannot be told apart)."""


class PassphraseUnavailable(Exception):
    """The source of a passphrase gives none. `place` is the source in the manifest."""

    def __init__(self, code: str, message: str, place: Place, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.place = place
        self.hint = hint

    @property
    def diagnostic(self) -> Diagnostic:
        return Diagnostic(self.code, self.message, self.place, self.hint)
