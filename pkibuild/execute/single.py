"""Actions that are carried out one by one: lists, files put together or rendered, imports, removals."""

from __future__ import annotations

from collections.abc import Callable

from pkibuild.artifacts import registry
from pkibuild.core.diagnostics import fail
from pkibuild.core.times import format_date
from pkibuild.execute.ledger import Journals, Ledger
from pkibuild.execute.signers import Opened
from pkibuild.keys import pem
from pkibuild.model.facts import sha
from pkibuild.model.layout import STAGED
from pkibuild.model.plan import Action, Done
from pkibuild.model.recipes import (
    AcceptGap,
    Adopt,
    Assemble,
    FinishKey,
    Import,
    Link,
    MakeKey,
    Part,
    Remove,
    SetMode,
    SignCrl,
    Stay,
    Write,
)
from pkibuild.observe.parts import certificate_part, key_part
from pkibuild.state.journal.histories import Histories
from pkibuild.state.journal.journal import draft
from pkibuild.world.tree import Tree
from pkibuild.x509.issue import Issuer, sign_crl

FOLDER_MODE = 0o700


class SingleActions:
    """Carries out one action at a time; `done` collects what was done, for the records."""

    def __init__(self, tree: Tree, histories: Histories, opened: Opened, now: int, step: Callable[[str], None]) -> None:
        self._tree = tree
        self._histories = histories
        self._opened = opened
        self._now = now
        self._step = step
        self.journals = Journals(tree, histories)
        self._ledger: Ledger = self.journals
        self._blocks: dict[str, tuple[pem.Block, str]] = {}
        """By path: certificates that bundles are put together from, each with what it is as a part."""
        self.done = Done()

    def _place_key(self, action: Action) -> None:
        recipe = action.recipe
        assert isinstance(recipe, (MakeKey, FinishKey))
        if recipe.retire_to:
            self._tree.link(recipe.path, recipe.retire_to)
        if recipe.retire_public_to:
            self._tree.link(recipe.public_path, recipe.retire_public_to)
        if not (isinstance(recipe, FinishKey) and recipe.half):
            self._tree.rename(recipe.path + STAGED, recipe.path)
        if recipe.public_path:
            self._tree.rename(recipe.public_path + STAGED, recipe.public_path)
        self._finish(action)

    def _after_the_last(self, node: str, journal: str) -> int:
        """The time of a node's new entry: it must be the newest in whatever journal, though the clock stands still."""
        last = self._histories.newest(node)
        if last is None or last.time < self._now:
            return self._now
        here = self._histories.at(journal).newest(node)
        return last.time if here is not None and here.serial == last.serial else last.time + 1

    def _carry_out(self, action: Action) -> None:
        recipe = action.recipe
        self._step(action.id)
        match recipe:
            case FinishKey():
                self._place_key(action)
                return
            case SignCrl():
                self._sign_crl(recipe)
            case Assemble():
                self._assemble(recipe)
            case Write():
                if recipe.keep_copy:
                    self._keep_copy(recipe.path)
                self._tree.write(recipe.path, recipe.data, recipe.mode)
                self.done.digests[recipe.path] = sha(recipe.data)
            case Link():
                if recipe.keep_copy:
                    self._keep_copy(recipe.path)
                self._tree.write_link(recipe.path, recipe.target)
                self.done.digests[recipe.path] = sha(recipe.target.encode())
            case SetMode():
                self._tree.set_mode(recipe.path, recipe.mode)
            case Stay():
                pass
            case Adopt():
                self._adopt(action, recipe)
            case Import():
                self._import(recipe)
            case AcceptGap():
                self._accept_gap(recipe)
            case Remove():
                self._remove(recipe)
            case _:
                raise AssertionError(recipe)
        self._finish(action)

    def _finish(self, action: Action) -> None:
        self.done.ids.append(action.id)

    def _sign_crl(self, recipe: SignCrl) -> None:
        certificate = pem.only_der(self._tree.read(recipe.signer.certificate_path) or b"", pem.CERTIFICATE)
        der = sign_crl(
            Issuer.of(certificate),
            self._opened.keys[recipe.signer.key_path],
            number=recipe.number,
            this_update=recipe.this_update,
            next_update=recipe.next_update,
            revoked=recipe.revoked,
        )
        detail = {"number": recipe.number, "this_update": recipe.this_update, "next_update": recipe.next_update}
        id = f"authority/{recipe.authority}/crl"
        line = draft("crl", self._now, id, generation=recipe.signer.generation, der=der, detail=detail)
        self.journals.add(recipe.journal, line)
        self.journals.commit()
        self._tree.write(recipe.path, pem.to_pem(der, pem.CRL))

    def _assemble(self, recipe: Assemble) -> None:
        found = [self._block(part, recipe.path) for part in recipe.parts]
        if recipe.keep_copy:
            self._keep_copy(recipe.path)
        data = registry.assemble(recipe.form, [block for block, _ in found])
        self._tree.write(recipe.path, data, recipe.mode)
        if all(part for _, part in found):
            self.done.bundles[recipe.path] = tuple(part for _, part in found)
        if all(part.role == "certificate" for part in recipe.parts):  # of what holds a key, no digest is kept
            self.done.digests[recipe.path] = sha(data)

    def _block(self, part: Part, path: str) -> tuple[pem.Block, str]:
        """A part of a bundle: the first block of its file, and what it is; empty for a key that was not made here."""
        if part.path in self._blocks:
            return self._blocks[part.path]
        data = self._tree.read(part.path)
        if data is None:
            raise fail("missing", f"`{part.path}` went missing while it was needed for `{path}`")
        block = pem.blocks(data)[0]
        if part.role != "certificate":
            made = self.done.keys.get(part.path)
            return block, key_part(made.public) if made is not None else ""
        self._blocks[part.path] = block, certificate_part(sha(block.der()))
        return self._blocks[part.path]

    def _keep_copy(self, path: str) -> None:
        data = self._tree.content(path)
        if data is not None:
            kept = f".cache/edited/{format_date(self._now)}-{sha(data)[:12]}/{path}"
            self._tree.write(kept, data, 0o600)

    def _remove(self, recipe: Remove) -> None:
        if recipe.attic:
            self._tree.make_folder(".attic", FOLDER_MODE)
            self._tree.link(recipe.path, recipe.attic)  # which takes no other file's place, as a renaming would
        self._tree.remove(recipe.path)
        self._tree.remove_empty_folders(recipe.path.rpartition("/")[0])

    def _adopt(self, action: Action, recipe: Adopt) -> None:
        entry = self._histories.at(recipe.journal).by_serial(recipe.serial)
        if entry is None:
            raise fail("missing", f"certificate {recipe.serial} went missing from `{recipe.journal}`")
        adopted = draft(
            "adopt",
            self._after_the_last(action.id, recipe.journal),
            action.id,
            generation=entry.generation,
            serial=entry.serial,
            not_before=entry.not_before,
            not_after=entry.not_after,
            asked_end=entry.asked_end,
            public=entry.public,
            der=entry.der,
            detail={**entry.detail, "former": entry.id},
        )
        self._ledger.add(recipe.journal, adopted)
        self._ledger.commit()

    def _import(self, recipe: Import) -> None:
        """Take what plain OpenSSL did into the journal, with the certificates themselves."""
        by = {"issuer_generation": recipe.generation} if recipe.generation != 1 else {}
        for one in recipe.certificates:
            facts = one.facts
            issued = draft(
                "issue",
                self._now,
                f"openssl/{recipe.authority}/{one.serial}",
                serial=one.serial,
                not_before=facts.not_before if facts else None,
                not_after=one.not_after,
                public=facts.public if facts else "",
                der=one.der,
                detail={**by, **({} if one.der else {"subject": one.subject})},
            )
            self.journals.add(recipe.journal, issued)
        for id, revoked in recipe.revocations:
            detail = {"on": revoked.on, "reason": revoked.reason}
            self.journals.add(recipe.journal, draft("revoke", self._now, id, serial=revoked.serial, detail=detail))
        if recipe.crl_number is not None:
            id = f"authority/{recipe.authority}/crl"
            line = draft("crl", self._now, id, generation=recipe.generation, detail={"number": recipe.crl_number})
            self.journals.add(recipe.journal, line)
        self.journals.commit()

    def _accept_gap(self, recipe: AcceptGap) -> None:
        if recipe.torn_at is not None:
            self._tree.truncate(recipe.journal, recipe.torn_at)
        self._tree.append(recipe.journal, recipe.lines)
