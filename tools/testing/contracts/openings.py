"""What a journal promises over the ends of processes, and to many who ask at once, one claim at a time.

What is told of a store that is opened again is so of a journal that is no store too: nobody opens it again.
"""

from collections.abc import Awaitable, Callable

import pytest
import trio

from detent.kernel import Cell, Committed, Delivery, Fenced, Journal, Standing, frame_of
from detent.tools.testing.contracts.bench import SAYING, Bench
from detent.tools.testing.contracts.diary import (
    KEY,
    LARGE,
    LONG,
    SCRIBE,
    TABLE,
    Prepared,
    Said,
    Told,
    begun,
    loaded_writer,
    sealed,
)

__all__ = ["OpenedExamples"]

MANY = 8
closings = pytest.mark.parametrize("is_cut", [False, True], ids=["closed", "cut"])


class OpenedExamples(Bench):
    """Claims about what is there when a journal is opened again, and about many who use it."""

    @closings
    def test_what_was_written_is_there(self, is_cut: bool) -> None:
        journal, (writer,) = self.journal_of("a")
        made = writer.take(*((Said(str(n) * LONG), f"k{n}") for n in range(9)), (Told("x"), None))
        self.verdicts(journal, made)
        before = self.drive(journal.load("a"))
        entries = self.drive(journal.entries("a"))

        journal = self.open_again(is_cut)

        loaded = self.drive(journal.load("a"))
        assert loaded == before
        assert dict(loaded.beside) == dict(before.beside)
        assert self.drive(journal.entries("a")) == entries
        assert frame_of(loaded, KEY) == SCRIBE.frame(made.writer.now)
        assert self.drive(journal.taken("a", "k3")) == 5
        onward = loaded_writer(loaded, 0).take((Said("on"), None))
        assert self.verdicts(journal, onward) == (Committed(*onward.writer.after),)

    @closings
    def test_what_waits_is_there_and_numbers_go_on(self, is_cut: bool) -> None:
        journal, (writer,) = self.journal_of("a")
        self.drive(journal.deliver([Delivery("a", "k", SAYING), Delivery("a", "b", SAYING)]))
        first, second = self.drive(journal.inbox("a"))
        self.verdicts(journal, writer.take(takes=(second.number,)))

        journal = self.open_again(is_cut)

        assert self.drive(journal.inbox("a")) == (first,)
        assert self.drive(journal.taken("a", "k")) == 0
        self.drive(journal.deliver([Delivery("a", "l", SAYING)]))
        third = self.drive(journal.inbox("a"))[-1]
        assert third.number > second.number

    @closings
    def test_who_lost_the_run_is_fenced_off_by_the_next_process_too(self, is_cut: bool) -> None:
        journal, (writer,) = self.journal_of("a")
        self.drive(journal.claim(["a", "b"]))

        journal = self.open_again(is_cut)

        assert self.drive(journal.load("a")).epoch == 1
        assert self.verdicts(journal, writer.take((Said("x"), None))) == (Fenced(1),)
        assert dict(self.drive(journal.claim(["a", "b"]))) == {"a": 2, "b": 2}

    @closings
    def test_what_was_erased_stays_so(self, is_cut: bool) -> None:
        journal, (writer,) = self.journal_of("a")
        made = writer.take((Told("my secret"), None), (Said("x" * LARGE), None))
        self.verdicts(journal, made)
        lying = {one.digest: one for one in made.write.beside}
        assert self.drive(journal.erase(lying)) == 1

        journal = self.open_again(is_cut)

        left = self.drive(journal.beside(lying))
        assert left == {key: one for key, one in lying.items() if not one.is_sealed}
        assert frame_of(self.drive(journal.load("a")), KEY) == sealed(SCRIBE.frame(made.writer.now))

    @closings
    def test_what_is_shared_and_asked_is_there(self, is_cut: bool) -> None:
        journal, (writer,) = self.journal_of("a")
        stands = Standing("parked", 10, True, True)
        made = writer.take(standing=stands, became=("new", "rules"), cells=(Cell("c", {"n": [1]}),))
        self.verdicts(journal, made)

        journal = self.open_again(is_cut)

        assert self.drive(journal.find(shapes=["new"], held=True)) == (("a", stands),)
        assert self.drive(journal.next_due(0)) == 10
        assert self.drive(journal.shapes()) == (("diary", "new"),)
        assert self.drive(journal.cells(["c"])) == (Cell("c", {"n": [1]}, 1),)
        assert self.drive(journal.outline(TABLE.shape)) == TABLE.shape_outline

    # -- many at once

    def test_many_use_it_at_once(self) -> None:
        journal, writers = self.journal_of(*map(str, range(MANY)))
        made = [writer.take((Said("x"), "k")) for writer in writers]

        async def one(prepared: Prepared) -> None:
            run = prepared.write.run
            sent = Delivery(run, "by post", SAYING)
            assert await journal.append([prepared.write]) == (Committed(*prepared.writer.after),)
            assert await journal.deliver([sent]) == (Committed(*prepared.writer.after),)
            assert await journal.claim([run]) == {run: 1}
            assert await journal.taken(run, "k") == 2

        self.drive(_side_by_side(one, made))

        for prepared in made:
            loaded = self.drive(journal.load(prepared.write.run))
            assert (loaded.head, loaded.epoch) == (prepared.writer.after, 1)
        assert len(self.drive(journal.find(mail=True))) == MANY

    def test_of_many_who_follow_one_entry_one_is_written(self) -> None:
        journal, (writer,) = self.journal_of("a")
        verdicts: list[object] = []

        async def one(prepared: Prepared) -> None:
            verdicts.extend(await journal.append([prepared.write]))

        self.drive(_side_by_side(one, [writer.take((Said(str(n)), None)) for n in range(MANY)]))

        (committed,) = (verdict for verdict in verdicts if isinstance(verdict, Committed))
        assert self.drive(journal.load("a")).head == (committed.seq, committed.hash)

    @pytest.mark.parametrize("turns", range(4))
    def test_who_is_cancelled_has_written_all_of_it_or_nothing(self, turns: int) -> None:
        journal, (a, b) = self.journal_of("a", "b")
        first = a.take((Said("x"), "k"), cells=(Cell("c", 1),), together="m")
        second = b.take((Said("y"), "k"), together="m")

        self.drive(_cancelled(journal, turns, first, second))

        is_written = self.drive(journal.holds("a", *first.writer.after))
        assert self.drive(journal.holds("b", *second.writer.after)) == is_written
        assert self.drive(journal.taken("a", "k")) == (2 if is_written else None)
        assert self.drive(journal.cells(["c"])) == (Cell("c", 1, 1) if is_written else Cell("c"),)
        again = begun("c")
        assert self.verdicts(journal, again) == (Committed(*again.writer.after),)


async def _side_by_side(one: Callable[[Prepared], Awaitable[None]], made: list[Prepared]) -> None:
    """Do something with each, all at once."""
    async with trio.open_nursery() as nursery:
        for prepared in made:
            nursery.start_soon(one, prepared)


async def _cancelled(journal: Journal, turns: int, *made: Prepared) -> None:
    """Write in a scope that is cancelled some turns of the loop later."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.append, [one.write for one in made])
        for _ in range(turns):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
