"""Carries a plan out, in its order, and keeps the order of writing that survives a kill at any moment.

For a new or re-made pair (architecture.md, "Crash safety"): the key is staged as `X.key.next` and flushed; the
certificate is signed; the journal gets its line and is flushed, which is the commit point; the key that stood there is
linked to its retired name and the staged one renamed over it; the certificate is written; then what is derived from
them, the receipts and the lock. Pairs that do not need each other are taken together, so that flushes are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pkibuild.execute.ledger import Ledger
from pkibuild.execute.signers import Opened
from pkibuild.execute.single import FOLDER_MODE, SingleActions
from pkibuild.execute.workers import Made, OpenSigner, PairJob, make, workers
from pkibuild.keys import backend, pem
from pkibuild.model.desired import KEY_MODE
from pkibuild.model.facts import KeyFacts, Recorded, sha
from pkibuild.model.layout import STAGED, public_path
from pkibuild.model.plan import Action, Done
from pkibuild.model.recipes import (
    MakeKey,
    Sign,
    Signer,
)
from pkibuild.observe.parts import certificate_part
from pkibuild.state.journal.histories import Histories
from pkibuild.state.journal.journal import draft
from pkibuild.state.openssl import oneline
from pkibuild.world.tree import Tree
from pkibuild.x509.issue import Issuer, new_serial

TOGETHER = 256
"""How many pairs share their flushes. What a kill can cost is the work of so many, never a key."""

_PAIRS = (MakeKey, Sign)


class Executor(SingleActions):
    """Carries out actions in the order given; each comes after what it needs."""

    def __init__(
        self,
        tree: Tree,
        histories: Histories,
        opened: Opened,
        now: int,
        processors: int,
        step: Callable[[str], None],
    ) -> None:
        super().__init__(tree, histories, opened, now, step)
        self._processors = processors
        self._signers: dict[str, OpenSigner] = {}
        """By the path of the key."""
        self._making: dict[str, Action] = {}
        """Keys to be made, by path, until their certificate comes."""
        self._batch: list[tuple[Action | None, Action]] = []
        self._after: list[Action] = []
        """What is put together from the batch."""
        self._waiting: set[str] = set()
        """Ids of the batch and of what comes after it."""

    def prepare(self, actions: Iterable[Action]) -> None:
        """Open the journals and signers that deputies will need."""
        for recipe in (action.recipe for action in actions):
            if isinstance(recipe, Sign):
                self.journals.writer(recipe.journal)
                if recipe.signer.unit != recipe.unit:
                    self._signer(recipe.signer)

    def deputy(self, ledger: Ledger) -> Executor:
        """One that does the same in a fork of this process, but commits through another ledger."""
        own = Executor(self._tree, self._histories, self._opened, self._now, 1, lambda _: None)
        own.journals, own._ledger, own._signers = self.journals, ledger, dict(self._signers)
        return own

    def take(self) -> Done:
        """What was done since the last time."""
        done, self.done = self.done, Done()
        return done

    def flush(self) -> None:
        self._tree.flush()

    def run(self, actions: Iterable[Action]) -> None:
        for action in actions:
            recipe = action.recipe
            if action.moves:
                self._move(action)
            waits = self._waiting.intersection(action.needs)
            if isinstance(recipe, _PAIRS):
                # A certificate whose issuer is still to be made ends the batch; its own key belongs to it.
                if waits.difference((f"{action.id.rpartition('/')[0]}/key",)) or len(self._batch) >= TOGETHER:
                    self._make_batch()
                self._join_batch(action)
            elif waits:
                self._after.append(action)
                self._waiting.add(action.id)
            else:
                self._carry_out(action)
        self._make_batch()
        self._tree.flush()

    def _move(self, action: Action) -> None:
        """Bring files whose paths changed to their places; at each moment every file is at one of the two."""
        for old, new in action.moves:
            if action.kind == "key":
                self._tree.make_folder(new.rpartition("/")[0], FOLDER_MODE)
            self._tree.rename(old, new)
            self._tree.remove_empty_folders(old.rpartition("/")[0])

    def _join_batch(self, action: Action) -> None:
        recipe = action.recipe
        self._waiting.add(action.id)
        if isinstance(recipe, MakeKey):
            self._making[recipe.path] = action
        elif isinstance(recipe, Sign):
            self._batch.append((self._making.pop(recipe.key_path, None), action))

    # -- pairs ---------------------------------------------------------------------------------------------------

    def _make_batch(self) -> None:
        if self._batch:
            self._make_pairs()
        after, self._after = self._after, []
        self._waiting = {action.id for action in self._making.values()}
        for action in after:
            self._carry_out(action)
        self._blocks.clear()

    def _make_pairs(self) -> None:
        batch, self._batch = self._batch, []
        jobs = [self._job(key, action) for key, action in batch]
        made: dict[str, Made] = {}
        rest = []
        for (key, action), job in zip(batch, jobs, strict=True):
            own = self._own_key(key, action)
            if own is None:
                rest.append(job)
            else:
                made[job.id] = make(job, self._signers, own)
        with workers(self._signers, rest, self._processors) as results:
            for one in results:
                made[one.id] = one
                self._step(one.id)
        self._commit([(key, action, made[action.id]) for key, action in batch])

    def _own_key(self, key: Action | None, action: Action) -> backend.PrivateKey | None:
        """The opened key of a certificate that signs itself, or that was staged."""
        recipe = action.recipe
        assert isinstance(recipe, Sign)
        return self._opened.keys.get(recipe.key_path) if key is not None or recipe.signer.unit == recipe.unit else None

    def _job(self, key: Action | None, action: Action) -> PairJob:
        recipe = action.recipe
        assert isinstance(recipe, Sign)
        newest = self._histories.newest(action.id) if recipe.keep_subject else None
        making = key.recipe if key is not None else None
        fresh = isinstance(making, MakeKey) and recipe.key_path not in self._opened.keys
        return PairJob(
            id=action.id,
            algorithm=making.algorithm if isinstance(making, MakeKey) else "",
            passphrase=self._opened.passphrases.get(recipe.key_path),
            key=b"" if fresh or making is not None else self._public(recipe),
            profile=recipe.profile,
            serial=new_serial(self.journals.writer(recipe.journal).has_serial),
            not_before=recipe.not_before,
            not_after=recipe.not_after,
            signer="" if recipe.signer.unit == recipe.unit else self._signer(recipe.signer),
            old=newest.der if newest else b"",
            keep_key_id=recipe.keep_key_id,
        )

    def _public(self, recipe: Sign) -> bytes:
        """The public half of a key that is there."""
        if recipe.public_path:
            data = self._tree.read(recipe.public_path)
            if data is not None:
                return pem.only_der(data, pem.PUBLIC_KEY)
        key = self._opened.keys.get(recipe.key_path)
        if key is None:
            key = backend.load(self._tree.read(recipe.key_path) or b"", validate=False)
        return backend.public_der(key)

    def _signer(self, signer: Signer) -> str:
        """The name (its key's path) of a signer that is ready to sign."""
        if signer.key_path not in self._signers:
            certificate = self._tree.read(signer.certificate_path) or b""
            issuer = Issuer.of(pem.only_der(certificate, pem.CERTIFICATE))
            self._signers[signer.key_path] = OpenSigner(issuer, self._opened.keys[signer.key_path])
        return signer.key_path

    def _commit(self, made: list[tuple[Action | None, Action, Made]]) -> None:
        """Bring keys and certificates to their places, in the order that survives a kill."""
        for key, _, one in made:
            if key is not None:
                self._stage(key, one)
        self._tree.flush()
        for key, action, one in made:
            self._record(key, action, one)
        self._ledger.commit()
        for key, action, one in made:
            if key is not None:
                self._place_key(key)
                self._note_key(key, one)
            recipe = action.recipe
            assert isinstance(recipe, Sign)
            self._put_certificate(action.id, recipe, one)
            self._finish(action)
            self._signers.pop(recipe.key_path, None)
            if recipe.unit.startswith("authority/") and key is not None:
                self._reopen(recipe, one)

    def _put_certificate(self, id: str, recipe: Sign, one: Made) -> None:
        block = pem.to_block(one.der, pem.CERTIFICATE)
        self._tree.write(recipe.path, block.text)
        self._blocks[recipe.path] = block, certificate_part(one.facts.fingerprint)
        self.done.digests[recipe.path] = sha(block.text)
        self.done.certificates[id] = Recorded(one.facts, recipe.generation, recipe.asked_end)
        self.done.subjects[one.facts.serial] = oneline.subject(one.der)

    def _reopen(self, recipe: Sign, one: Made) -> None:
        """An authority's new key signs from now on."""
        if one.key:
            self._opened.keys[recipe.key_path] = backend.load(one.key, self._opened.passphrases.get(recipe.key_path))

    def _stage(self, action: Action, one: Made) -> None:
        recipe = action.recipe
        assert isinstance(recipe, MakeKey)
        if recipe.staged:
            return
        staged = recipe.path + STAGED
        # The key is the first to come and the first to reach its place: a public half that waits alone is that of the
        # key in place. What a killed run has left here, no certificate knows.
        self._tree.make_folder(recipe.path.rpartition("/")[0], FOLDER_MODE)
        self._tree.remove(public_path(recipe.path) + STAGED)
        self._tree.remove(staged)
        self._tree.create(staged, one.key, KEY_MODE, durable=False)
        if recipe.public_path:
            self._tree.write(recipe.public_path + STAGED, one.public)

    def _note_key(self, action: Action, one: Made) -> None:
        recipe = action.recipe
        assert isinstance(recipe, MakeKey)
        if one.key and recipe.passphrase is None:
            self.done.keys[recipe.path] = KeyFacts(one.facts.algorithm, one.facts.public)
        if recipe.public_path:
            self.done.digests[recipe.public_path] = sha(one.public)

    # -- journals --------------------------------------------------------------------------------------------------

    def _record(self, key: Action | None, action: Action, one: Made) -> None:
        recipe = action.recipe
        assert isinstance(recipe, Sign)
        facts = one.facts
        if recipe.unit.startswith("authority/") and key is not None:
            own = f"authorities/{recipe.unit.removeprefix('authority/')}/journal.jsonl"
            detail = {"algorithm": facts.algorithm}
            made = draft("key", self._now, key.id, generation=recipe.generation, public=facts.public, detail=detail)
            self._ledger.add(own, made)
        by = recipe.signer.generation
        issued = draft(
            "issue",
            self._after_the_last(action.id, recipe.journal),
            action.id,
            generation=recipe.generation,
            serial=facts.serial,
            not_before=facts.not_before,
            not_after=facts.not_after,
            asked_end=recipe.asked_end,
            public=facts.public,
            der=one.der,
            detail={"issuer_generation": by} if by != 1 else None,
        )
        self._ledger.add(recipe.journal, issued)
