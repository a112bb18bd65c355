"""Keys as they lie in the output folder: what each is, without opening it.

What an unchanged file was found to be is remembered, so that it need not be parsed again.
"""

from __future__ import annotations

from msgspec.structs import replace

from pkibuild.core.diagnostics import UserError
from pkibuild.keys import pem
from pkibuild.model.facts import KeyFacts, sha
from pkibuild.observe.memos import KeyMemo
from pkibuild.observe.source import State
from pkibuild.world.disk import Stat
from pkibuild.world.tree import Tree


class KeyFiles:
    """Looks at keys, and remembers in `memo` what they are."""

    def __init__(self, tree: Tree, memo: KeyMemo) -> None:
        self._tree = tree
        self._memo = memo
        self._publics_by_block: dict[str, str] = {}
        self._sealed: dict[str, str] = {}
        """Digest of an encrypted key's block → public digest, from the public half beside it."""

    def next_unit(self) -> None:
        """Blocks of keys are found again within a unit only."""
        self._publics_by_block.clear()

    def at(self, path: str, public: str) -> tuple[State, KeyFacts | None, int | None]:
        """State, facts and mode of the key at a path, with its public half at another."""
        found = self._tree.stat(path)
        if found is None:
            return "absent", None, None
        if found.kind != "file":
            return ("closed", None, None) if found.kind == "hidden" else ("damaged", None, found.mode)
        remembered = self._remembered(path, found)
        if remembered is not None:
            return "present", remembered, found.mode
        return (*self._read(path, public, found), found.mode)

    def learn(self, path: str, facts: KeyFacts) -> bool:
        """Remember what a key in clear is that was just made; whether it is there."""
        found = self._tree.stat(path)
        if found is not None:
            self._remember(path, found, facts)
        return found is not None

    def _remembered(self, path: str, found: Stat) -> KeyFacts | None:
        """What was read earlier from a file that has not changed since."""
        known = self._memo.get(path)
        if known is None or known[:4] != (found.mtime_ns, found.ctime_ns, found.size, found.inode):
            return None
        return KeyFacts(known[4], known[5])

    def _remember(self, path: str, found: Stat, facts: KeyFacts) -> None:
        self._memo[path] = (found.mtime_ns, found.ctime_ns, found.size, found.inode, facts.algorithm, facts.public)

    def _public_half(self, path: str) -> KeyFacts | None:
        """What the public half beside an encrypted key tells; None where there is none. Raises ValueError."""
        found = self._tree.stat(path)
        data = self._tree.read(path) if found is not None else None
        if found is None or data is None:
            return None
        remembered = self._remembered(path, found)
        if remembered is not None:
            return replace(remembered, encrypted=True)
        from pkibuild.x509 import inspect

        facts = inspect.public_facts(data, encrypted=True)
        self._remember(path, found, facts)
        return facts

    def _read(self, path: str, public: str, found: Stat) -> tuple[State, KeyFacts | None]:
        try:
            data = self._tree.read(path)
        except UserError:
            return "closed", None
        try:
            block = next(block for block in pem.blocks(data or b"") if block.is_private_key)
        except (ValueError, StopIteration):
            return "damaged", None
        try:
            if block.encrypted:
                sealed = self._public_half(public)
                if sealed is None:
                    return "closed", None
                self._sealed[sha(block.text)] = sealed.public
                return "present", sealed
            from pkibuild.x509 import inspect

            facts = inspect.key_facts(block.text)
        except ValueError:
            return "damaged", None
        self._remember(path, found, facts)
        return "present", facts

    def public_of(self, text: bytes) -> str:
        """The public digest of a private key's PEM block (only its public half can be known when encrypted)."""
        digest = sha(text)
        if digest in self._sealed:
            return self._sealed[digest]
        if digest not in self._publics_by_block:
            from pkibuild.x509 import inspect

            try:
                self._publics_by_block[digest] = inspect.key_facts(text).public
            except ValueError:
                self._publics_by_block[digest] = "unreadable"  # no digest of a key comes into the lock
        return self._publics_by_block[digest]
