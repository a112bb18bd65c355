"""Hosts and certificates in great number, built on every processor: a share of them at a time by each worker.

Workers are forks: they inherit the plan, the units and the opened keys, and nothing secret is sent anywhere. A worker
carries a share out as this process would, up to its receipts (`Executor`); what the journals are to say it sends here,
and goes on when that is on the disk. So the order that survives a kill is the same, and one process alone binds the
lines of a journal.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from pkibuild.artifacts.wants import Unit
from pkibuild.build.execute import TOGETHER, Executor
from pkibuild.build.ledger import Asking, Drafts
from pkibuild.build.made import Built, Done
from pkibuild.diagnostics import fail
from pkibuild.nodes import Action, Assemble, FinishKey, Link, MakeKey, SetMode, Sign, Write, unit_of
from pkibuild.values import dataclass
from pkibuild.world.crew import Channel, crew, ready

ALONE = 96
"""Up to so many pairs one process is faster than starting others."""

Record = Callable[[Iterable[Unit], Done], Built]
"""Writes the receipts of units, and tells what the lock and the cache are to say."""


@dataclass(frozen=True, slots=True)
class Share:
    units: tuple[Unit, ...]
    actions: tuple[Action, ...]


def split(units: Iterable[Unit], actions: Sequence[Action], processors: int) -> tuple[list[Action], list[Share]]:
    """What this process carries out itself, first, and shares for others; of these none when they would not help."""
    by_unit: dict[str, list[Action]] = {}
    for action in actions:
        by_unit.setdefault(unit_of(action.id), []).append(action)
    chosen = [(unit, by_unit[unit.id]) for unit in units if unit.id in by_unit and _apart(unit, by_unit[unit.id])]
    if processors < 2 or sum(isinstance(action.recipe, Sign) for _, own in chosen for action in own) <= ALONE:
        return list(actions), []
    away = {unit.id for unit, _ in chosen}
    shares = []
    size = min(TOGETHER, len(chosen) // (2 * processors) + 1)  # several for each: some are done earlier than others
    for at in range(0, len(chosen), size):
        part = chosen[at : at + size]
        shares.append(Share(tuple(unit for unit, _ in part), tuple(action for _, own in part for action in own)))
    return [action for action in actions if unit_of(action.id) not in away], shares


def _apart(unit: Unit, actions: Iterable[Action]) -> bool:
    """Whether a unit's actions depend on nothing but authorities. RSA keys are made faster by threads (`workers`)."""
    return unit.authority is None and all(
        isinstance(action.recipe, MakeKey | FinishKey | Sign | Assemble | Write | Link | SetMode)
        and not action.moves
        and not (isinstance(action.recipe, MakeKey) and action.recipe.algorithm.startswith("rsa"))
        for action in actions
    )


def build(shares: Sequence[Share], executor: Executor, record: Record, processors: int) -> Iterator[Built]:
    """Have the shares built, and tell of each when it is done. Raises UserError, the first that a worker met."""
    executor.prepare(action for share in shares for action in share.actions)
    waiting = deque(range(len(shares)))
    with crew(min(processors, len(shares)), lambda channel: _work(channel, shares, executor, record)) as working:
        while working:
            for channel in ready(working):
                said = _heard(channel)
                if isinstance(said, Exception):
                    raise said
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


def _heard(channel: Channel) -> Drafts | Built | Exception | None:
    """What a worker says: lines to be committed, what it has built, what it met, or (None) that it is there."""
    try:
        said: Drafts | Built | Exception | None = channel.receive()
    except EOFError:
        raise fail(
            "worker-died",
            "a process that worked for this run was ended from outside",
            hint="was there too little memory? Run the command again: it finishes what was begun",
        ) from None
    return said


def _work(channel: Channel, shares: Sequence[Share], executor: Executor, record: Record) -> None:
    """A worker's life: share after share, until there is none."""

    def ask(lines: Drafts) -> None:
        channel.send(lines)
        channel.receive()

    deputy = executor.deputy(Asking(ask))
    channel.send(None)
    try:
        while (number := channel.receive()) is not None:
            deputy.run(shares[number].actions)
            built = record(shares[number].units, deputy.take())
            deputy.flush()
            channel.send(built)
    except Exception as error:  # told by the parent: this process has no business with the terminal
        error.add_note(traceback.format_exc())
        channel.send(error)
