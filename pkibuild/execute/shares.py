"""Hosts and certificates in great number, built on every processor: a share of them at a time by each worker.

Workers are forks: they inherit the plan, the units and the opened keys, and nothing secret is sent anywhere. A worker
carries a share out as this process would, up to its receipts (`Executor`); what the journals are to say it sends here,
and goes on when that is on the disk. So the order that survives a kill is the same, and one process alone binds the
lines of a journal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from pkibuild.core.values import Record
from pkibuild.execute.executor import TOGETHER, Executor
from pkibuild.execute.ledger import Drafts, ForwardedDrafts
from pkibuild.model.desired import Unit
from pkibuild.model.plan import Action, Built, Done, unit_of
from pkibuild.model.recipes import Assemble, FinishKey, Link, MakeKey, SetMode, Sign, Write
from pkibuild.world.forks import Channel, crew, ready

ALONE = 96
"""Up to so many pairs one process is faster than starting others."""

_LEAST = 32
"""So many at least are a share: for fewer its flushes cost too much."""

_Item = TypeVar("_Item")

_BELOW_AUTHORITIES = frozenset((MakeKey, FinishKey, Sign, Assemble, Write, Link, SetMode))

WriteRecords = Callable[[Iterable[Unit], Done], Built]
"""Writes the receipts of units, and tells what the lock and the cache are to say."""


class Share(Record):
    units: tuple[Unit, ...]
    actions: tuple[Action, ...]


def split(units: Iterable[Unit], actions: Sequence[Action], processors: int) -> tuple[list[Action], list[Share]]:
    """What this process carries out itself, first, and shares for others; of these none when they would not help."""
    by_unit: dict[str, list[Action]] = {}
    owners = [unit_of(action.id) for action in actions]
    for owner, action in zip(owners, actions, strict=True):
        by_unit.setdefault(owner, []).append(action)
    chosen = [(one, own) for one in units if (own := by_unit.get(one.id)) is not None and _apart(one, own)]
    if processors < 2 or sum(isinstance(action.recipe, Sign) for _, own in chosen for action in own) <= ALONE:
        return list(actions), []
    away = {one.id for one, _ in chosen}
    shares = []
    for part in _parts(chosen, processors):
        shares.append(Share(tuple(one for one, _ in part), tuple(action for _, own in part for action in own)))
    return [action for owner, action in zip(owners, actions, strict=True) if owner not in away], shares


def _parts(items: Sequence[_Item], processors: int) -> Iterator[Sequence[_Item]]:
    """Ever smaller parts, so that all processes are done at about the same time."""
    at = 0
    while at < len(items):
        size = min(TOGETHER, max(_LEAST, (len(items) - at) // (2 * processors)))
        yield items[at : at + size]
        at += size


def _apart(unit: Unit, actions: Iterable[Action]) -> bool:
    """Whether a unit's actions depend on nothing but authorities. RSA keys are made faster by threads (`workers`)."""
    if unit.authority is not None:
        return False
    for action in actions:
        recipe = action.recipe
        if type(recipe) not in _BELOW_AUTHORITIES or action.moves:
            return False
        if isinstance(recipe, MakeKey) and recipe.algorithm.startswith("rsa"):
            return False
    return True


def build(shares: Sequence[Share], executor: Executor, record: WriteRecords, processors: int) -> Iterator[Built]:
    """Have the shares built, and tell of each when it is done. Raises UserError, the first that a worker met."""
    executor.prepare(action for share in shares for action in share.actions)
    waiting = deque(range(len(shares)))
    with crew(min(processors, len(shares)), lambda channel, _: _work(channel, shares, executor, record)) as working:
        while working:
            for channel in ready(working):
                # lines to be committed, what it has built, or (None) that it is there
                said: Drafts | Built | None = channel.hear()
                if isinstance(said, list):
                    executor.journals.add_all(said)
                    executor.journals.commit()
                    channel.send(None)
                    continue
                if waiting:
                    channel.send(waiting.popleft())
                else:
                    channel.send(None)
                    working.remove(channel)
                if said is not None:
                    yield said


def _work(channel: Channel, shares: Sequence[Share], executor: Executor, record: WriteRecords) -> None:
    """A worker's life: share after share, until there is none."""

    def ask(lines: Drafts) -> None:
        channel.send(lines)
        channel.receive()

    deputy = executor.deputy(ForwardedDrafts(ask))
    channel.send(None)
    with channel.answering():
        while (number := channel.receive()) is not None:
            deputy.run(shares[number].actions)
            built = record(shares[number].units, deputy.take())
            deputy.flush()
            channel.send(built)
