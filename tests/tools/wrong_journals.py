"""Journals that each break one promise, and stores that do so when they are opened again.

The file is long because there are many promises.
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import trio
from attrs import evolve, frozen

from detent.kernel import (
    Checkpoint,
    Committed,
    Delivery,
    Entry,
    Loaded,
    MemoryJournal,
    Standing,
    Verdict,
    Write,
)
from detent.kernel.facts import but
from detent.tools.testing.contracts import Make

__all__ = ["WRONG", "Hasty", "Shelved", "Torn", "Waiting", "shelved"]

Found: TypeAlias = tuple[tuple[str, Standing], ...]


class Shelved(MemoryJournal):
    """A journal that is put away and taken out again."""

    def take_out(self) -> None:
        """Somebody opens it."""
        self._listeners.clear()


@frozen
class Shelf:
    """A store that keeps its journal for whoever has the same directory."""

    journal: Shelved

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[MemoryJournal]:
        """See Store."""
        self.journal.take_out()
        yield self.journal


def shelved(kind: type[Shelved]) -> Make:
    """A store of journals of a kind."""
    kept: dict[Path, Shelved] = {}
    return lambda path: Shelf(kept.setdefault(path, kind()))


class Waiting(Shelved):
    """A journal that waits before it answers: nothing is wrong with it."""

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal."""
        await trio.lowlevel.checkpoint()
        return await super().append(batch)

    async def load(self, run: str) -> Loaded | None:
        """See Journal."""
        await trio.lowlevel.checkpoint()
        return await super().load(run)


# -- what is written


class ForgetsKeys(Shelved):
    def _taken(self, run: str, key: str) -> int | None:
        return 0 if super()._taken(run, key) == 0 else None


class IgnoresEpochs(Shelved):
    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        here = [but(one, epoch=self._epochs.get(one.run, 0)) for one in batch]
        return await super().append(here)


class HalvesGroups(Shelved):
    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        return await super().append([but(one, together=None) for one in batch])


class RefusesAllForOne(Shelved):
    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        return await super().append([but(one, together="all") for one in batch])


class IgnoresHashes(Shelved):
    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        return await super().append([self._blind(one) for one in batch])

    def _blind(self, write: Write) -> Write:
        kept = self._runs.get(write.run)
        is_near = kept is not None and write.after is not None and write.after[0] == kept.head[0]
        return but(write, after=kept.head) if kept is not None and is_near else write


class OverwritesCells(Shelved):
    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        return await super().append([self._now(one) for one in batch])

    def _now(self, write: Write) -> Write:
        cells = (evolve(one, version=self._version(one.name)) for one in write.cells)
        return but(write, cells=tuple(cells))

    def _version(self, name: str) -> int:
        return self._cells[name].version if name in self._cells else 0


class _Drops(Shelved):
    def dropped(self, write: Write) -> Write:
        raise NotImplementedError

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        return await super().append([self.dropped(one) for one in batch])


class LosesSends(_Drops):
    def dropped(self, write: Write) -> Write:
        return but(write, sends=())


class LosesUpgrades(_Drops):
    def dropped(self, write: Write) -> Write:
        return but(write, became=None)


class LosesStandings(_Drops):
    def dropped(self, write: Write) -> Write:
        return write if write.after is None else but(write, standing=None)


class LosesCheckpoints(_Drops):
    def dropped(self, write: Write) -> Write:
        is_fork = write.header is not None and write.header.origin is not None
        return write if is_fork else but(write, checkpoint=None)


class LosesOutlines(_Drops):
    def dropped(self, write: Write) -> Write:
        return but(write, outlines=write.outlines[:1])


class KeepsWhatWasRejected(_Drops):
    def dropped(self, write: Write) -> Write:
        box = self._inboxes.get(write.run, {})
        keys = {entry.key for entry in write.entries}
        takes = (one for one in write.takes if one not in box or box[one].key in keys)
        return but(write, takes=tuple(takes))


class LosesDeliveries(Shelved):
    async def deliver(self, deliveries: Sequence[Delivery]) -> tuple[Verdict, ...]:
        verdicts = await super().deliver(deliveries)
        for one in deliveries[2:]:
            self._inboxes.get(one.run, {}).clear()
        return verdicts


class LosesWhatLiesBesideMail(Shelved):
    def _put(self, delivery: Delivery) -> None:
        super()._put(evolve(delivery, beside=()))


class SparesSecrets(Shelved):
    async def erase(self, digests: Iterable[str]) -> int:
        kept = dict(self._beside)
        count = await super().erase(digests)
        self._beside = kept
        return count


class ErasesAll(Shelved):
    async def erase(self, digests: Iterable[str]) -> int:
        wanted = tuple(digests)
        count = await super().erase(wanted)
        for one in wanted:
            self._beside.pop(one, None)
        return count


class ClaimsTheSameAgain(Shelved):
    async def claim(self, runs: Iterable[str]) -> Mapping[str, int]:
        claimed = await super().claim(runs)
        self._epochs = {run: min(epoch, 1) for run, epoch in self._epochs.items()}
        return {run: min(epoch, 1) for run, epoch in claimed.items()}


# -- what is read


class ReadsOneMore(Shelved):
    async def entries(self, run: str, after: int = 0, limit: int = 1000) -> tuple[Entry, ...]:
        return await super().entries(run, after, limit + 1)


class ReadsFromTheEntryOn(Shelved):
    async def entries(self, run: str, after: int = 0, limit: int = 1000) -> tuple[Entry, ...]:
        return await super().entries(run, max(0, after - 1) if after > 3 else after, limit)


class HoldsByNumber(Shelved):
    async def holds(self, run: str, seq: int, hash: str) -> bool:
        kept = self._runs.get(run)
        return kept is not None and 0 < seq <= kept.head[0]


class ReadsTheLatestFirst(Shelved):
    async def inbox(self, run: str) -> tuple[Delivery, ...]:
        return (await super().inbox(run))[::-1]


class IsDueAtOnce(Shelved):
    async def next_due(self, after: int) -> int | None:
        return await super().next_due(after - 1)


class ListsTheDead(Shelved):
    async def shapes(self) -> tuple[tuple[str, str], ...]:
        every = {(one.header.machine, one.digests[0]) for one in self._runs.values()}
        return tuple(sorted(every))


class ListsWhatWas(Shelved):
    async def shapes(self) -> tuple[tuple[str, str], ...]:
        return tuple(
            sorted({(one.header.machine, one.header.shape) for one in self._runs.values()})
        )


def blind_to(name: str, value: Any) -> type[Shelved]:
    """A journal that does not look at something it is asked for."""

    class Blind(Shelved):
        async def find(self, **wanted: Any) -> Found:
            return await super().find(**{**wanted, name: value})

    return Blind


class FindsInAnyOrder(Shelved):
    async def find(self, **wanted: Any) -> Found:
        return (await super().find(**wanted))[::-1]


class CutsBeforeItLooks(Shelved):
    async def find(self, **wanted: Any) -> Found:
        after, limit = wanted.get("after", ""), wanted.get("limit", 1000)
        page = [run for run in sorted(self._runs) if run > after][:limit]
        return tuple(one for one in await super().find(**wanted) if one[0] in page)


class TakesEveryCheckpointForTheFirst(Shelved):
    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        verdicts = await super().append(batch)
        for one in batch:
            if one.checkpoint is not None and one.run in self._openings:
                self._openings[one.run] = one.checkpoint
        return verdicts


class BeginsEveryRunLikeAFork(Shelved):
    async def opening(self, run: str) -> Checkpoint | None:
        loaded = await self.load(run)
        return None if loaded is None else loaded.checkpoint


# -- who listens


class TellsOfSends(Shelved):
    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        verdicts = await super().append(batch)
        for write, verdict in zip(batch, verdicts, strict=True):
            for sent in write.sends if isinstance(verdict, Committed) else ():
                for heard in self._listeners:
                    heard(sent.run)
        return verdicts


class TellsOfRefusals(Shelved):
    async def deliver(self, deliveries: Sequence[Delivery]) -> tuple[Verdict, ...]:
        verdicts = await super().deliver(deliveries)
        for delivery, verdict in zip(deliveries, verdicts, strict=True):
            for heard in () if isinstance(verdict, Committed) else self._listeners:
                heard(delivery.run)
        return verdicts


class TellsNobody(Shelved):
    def listen(self, heard: Callable[[str], None]) -> None:
        pass


# -- what is there when it is opened again


class ForgetsEpochs(Shelved):
    def take_out(self) -> None:
        super().take_out()
        self._epochs.clear()


class ForgetsTheMail(Shelved):
    def take_out(self) -> None:
        super().take_out()
        self._inboxes.clear()


class CountsAnew(Shelved):
    def take_out(self) -> None:
        super().take_out()
        self._delivered = 0


class ForgetsUpgrades(Shelved):
    def take_out(self) -> None:
        super().take_out()
        for kept in self._runs.values():
            kept.became = None


class ForgetsOpenings(Shelved):
    def take_out(self) -> None:
        super().take_out()
        self._openings.clear()


class ForgetsCells(Shelved):
    def take_out(self) -> None:
        super().take_out()
        self._cells.clear()


class BringsBackWhatWasErased(Shelved):
    def __init__(self) -> None:
        super().__init__()
        self.ever: dict[str, Any] = {}

    def take_out(self) -> None:
        super().take_out()
        self._beside.update(self.ever)

    async def erase(self, digests: Iterable[str]) -> int:
        self.ever.update(self._beside)
        return await super().erase(digests)


# -- what only shows when many ask, or somebody is cancelled


class Hasty(Shelved):
    """Looks, waits, and writes without looking again."""

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal."""
        heads = {one.run: self._runs[one.run].head for one in batch if one.run in self._runs}
        await trio.lowlevel.checkpoint()
        made = [
            but(one, after=self._runs[one.run].head)
            if one.run in heads and one.after == heads[one.run]
            else one
            for one in batch
        ]
        return await super().append(made)


class Torn(Shelved):
    """Writes one after the other, and can be cancelled in between."""

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal."""
        verdicts: list[Verdict] = []
        for write in batch:
            verdicts += await super().append([but(write, together=None)])
            await trio.lowlevel.checkpoint()
        return tuple(verdicts)


KINDS: dict[str, type[Shelved]] = {
    one.__name__: one
    for one in (
        *(ForgetsKeys, IgnoresEpochs, HalvesGroups, RefusesAllForOne, IgnoresHashes),
        *(OverwritesCells, LosesSends, LosesUpgrades, LosesStandings, LosesCheckpoints),
        *(LosesOutlines, KeepsWhatWasRejected, LosesDeliveries, SparesSecrets, ErasesAll),
        *(ClaimsTheSameAgain, ReadsOneMore, ReadsFromTheEntryOn, HoldsByNumber),
        *(ReadsTheLatestFirst, IsDueAtOnce, ListsTheDead, ListsWhatWas, FindsInAnyOrder),
        *(CutsBeforeItLooks, TellsOfSends, TellsOfRefusals, TellsNobody, ForgetsEpochs),
        *(
            LosesWhatLiesBesideMail,
            TakesEveryCheckpointForTheFirst,
            BeginsEveryRunLikeAFork,
            ForgetsOpenings,
        ),
        *(ForgetsTheMail, CountsAnew, ForgetsUpgrades, ForgetsCells, BringsBackWhatWasErased),
    )
}
BLIND = {
    f"blind to {name}": blind_to(name, value)
    for name, value in {
        **dict.fromkeys(("due_by", "in_flight", "held", "mail"), None),
        **dict.fromkeys(("statuses", "machines", "shapes"), ()),
        **{"after": "", "limit": 1000},
    }.items()
}
WRONG = KINDS | BLIND
