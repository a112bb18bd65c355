"""What becomes of a key: kept, made, finished or missed. Nothing here reads or writes.

An authority's key is never re-made because something looks wrong, only by a reviewed edit
(`protect: false` and a raised `generation`). A host's key that went missing is made anew, and the plan says so.
"""

from __future__ import annotations

from typing import Literal

from pkibuild.core.diagnostics import Diagnostic
from pkibuild.core.values import Record
from pkibuild.model.desired import KeyArtifact
from pkibuild.model.plan import NOT_BUILT, Reason
from pkibuild.observe.source import ObservedKey


class KeyState(Record):
    """What is known before the decision."""

    key: KeyArtifact
    seen: ObservedKey
    certified: str
    """Public digest of the key in the newest certificate, empty when there is none."""
    generation: int | None
    """The generation recorded for the present key; None where nothing is recorded."""
    is_authority: bool
    protected: bool
    """`protect` is not false."""
    renewing: bool
    """Its certificate is due: asked only where that changes the key (`rotate`)."""


class KeyVerdict(Record):
    verb: Literal["keep", "new", "rekey", "finish", "missing"]
    public: str | None
    """Digest of the public key after the plan; None when it is still to be made."""
    generation: int
    reasons: tuple[Reason, ...] = ()
    staged: bool = False
    half: bool = False
    """The key is in place already, and only its public half is not."""
    retire: int | None = None
    """The generation under whose name the present key is kept."""
    problem: Diagnostic | None = None


def _present(state: KeyState) -> str | None:
    facts = state.seen.facts
    if facts is not None:
        return facts.public
    return state.certified or None  # closed: it is taken to fit, and its opening will tell


def _usable_stage(state: KeyState) -> bool:
    """Whether the key that a killed run left is what is asked for still: no key in clear where it is to be sealed."""
    staged, spec = state.seen.staged, state.key.spec
    return staged is not None and (staged.algorithm, staged.encrypted) == (spec.algorithm, spec.passphrase is not None)


def decide(state: KeyState) -> KeyVerdict:
    """The verdict on a key; checks are asked in the order of graph.md."""
    for check in (_interrupted, _lowered, _absent, _misfit, _changed):
        verdict = check(state)
        if verdict is not None:
            return verdict
    return KeyVerdict("keep", _present(state), _generation(state))


def _generation(state: KeyState) -> int:
    return state.generation if state.generation is not None else state.key.spec.generation


def _interrupted(state: KeyState) -> KeyVerdict | None:
    """A killed run has committed a certificate whose key still waits beside the old one."""
    staged, facts = state.seen.staged, state.seen.facts
    reason = Reason("interrupted", "an interrupted run is finished")
    generation = _generation(state)
    if state.seen.half and facts is not None:
        return KeyVerdict("finish", facts.public, generation, (reason,), half=True)
    if staged is None or staged.public != state.certified or (facts and facts.public == state.certified):
        return None
    replaced = state.seen.replaced or max(1, generation - 1)
    retire = replaced if state.seen.state != "absent" else None
    return KeyVerdict("finish", staged.public, generation, (reason,), staged=True, retire=retire)


def _lowered(state: KeyState) -> KeyVerdict | None:
    """The manifest asks for a generation before the recorded one, be the key there or not."""
    key, recorded = state.key, state.generation
    if recorded is None or key.spec.generation >= recorded:
        return None
    problem = Diagnostic(
        "generation-lowered",
        f"`generation` is {key.spec.generation}, and generation {recorded} was made already",
        (*key.place, "generation") if key.spec.generation_declared else key.place,
        f"write `generation: {recorded}`, or a higher number for a new key",
    )
    return KeyVerdict("keep", _present(state), recorded, problem=problem)


def _absent(state: KeyState) -> KeyVerdict | None:
    if state.seen.state != "absent":
        return None
    staged = _usable_stage(state)
    facts = state.seen.staged
    public = facts.public if staged and facts else None
    wanted = state.key.spec.generation
    if not state.certified and not (state.is_authority and state.seen.known):
        return KeyVerdict("new", public, wanted, (NOT_BUILT,), staged)
    if state.is_authority:
        return KeyVerdict("missing", state.certified or None, _generation(state))
    reason = Reason("key-missing", "its key is missing, and it is made anew")
    return KeyVerdict("rekey", public, max(wanted, _generation(state)), (reason,), staged)


def _misfit(state: KeyState) -> KeyVerdict | None:
    """The key at its place is not that of its certificate, or is not a key."""
    facts = state.seen.facts
    damaged = state.seen.state == "damaged"
    if not damaged and (facts is None or not state.certified or facts.public == state.certified):
        return None
    key = state.key
    if state.is_authority:
        what = "is not a private key" if damaged else "does not fit its certificate"
        return KeyVerdict(
            "missing",
            state.certified or None,
            _generation(state),
            problem=Diagnostic(
                "key-mismatch",
                f"the key at `{key.path}` {what}",
                key.place,
                "bring the right key back from a backup: an authority's key is never re-made silently",
            ),
        )
    why = (
        "the file at its path is not a private key"
        if damaged
        else "the key at its place is not that of its certificate"
    )
    return _rekey(state, Reason("key-mismatch", f"{why}; it is kept aside and a new one is made"))


def _rekey(state: KeyState, *reasons: Reason) -> KeyVerdict:
    present = _generation(state)
    generation = max(state.key.spec.generation, present)
    staged, facts = _usable_stage(state), state.seen.staged
    public = facts.public if staged and facts else None
    return KeyVerdict("rekey", public, generation, reasons, staged, retire=present)


def _changed(state: KeyState) -> KeyVerdict | None:
    """The manifest asks for another key: another algorithm, a raised generation, or one for every renewal."""
    key, facts = state.key, state.seen.facts
    spec, recorded = key.spec, state.generation
    raised = recorded is not None and spec.generation > recorded
    other = facts is not None and facts.algorithm != spec.algorithm
    if state.is_authority and (raised or other):
        return _sacred(state, raised, other)
    reasons = []
    if other and facts is not None:
        reasons.append(Reason("algorithm-changed", f"algorithm changed from {facts.algorithm} to {spec.algorithm}"))
    if raised:
        reasons.append(Reason("generation-raised", f"generation {spec.generation} is asked for"))
    if spec.rotate == "on-renewal" and state.renewing:
        reasons.append(Reason("rotated", "a new key at every renewal"))
    return _rekey(state, *reasons) if reasons else None


def _sacred(state: KeyState, raised: bool, other: bool) -> KeyVerdict:
    """An authority's key changes only with `protect: false` and a raised generation."""
    key, facts = state.key, state.seen.facts
    spec = key.spec
    present = _generation(state)
    what = (
        f"`{facts.algorithm}` → `{spec.algorithm}`" if other and facts else f"generation {present} → {spec.generation}"
    )
    if state.protected or not raised:
        missing = [] if raised else [f"`generation: {present + 1}` under `key`"]
        missing += ["`protect: false`"] if state.protected else []
        problem = Diagnostic(
            "protected",
            f"the key of this authority is protected, and the manifest changes it ({what})",
            (*key.place, "algorithm") if other else key.place,
            f"to replace it, add {' and '.join(missing)}: all that it issued is issued again; "
            "else take the change back",
        )
        return KeyVerdict("keep", _present(state), present, problem=problem)
    told = f": {what}" if other else ""
    return _rekey(state, Reason("generation-raised", f"a new key, generation {spec.generation}{told}"))
