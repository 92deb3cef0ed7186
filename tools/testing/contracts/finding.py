"""What a journal promises whoever looks for runs, for what is due, and for what comes in, one claim at a time."""

from typing import Any

import pytest

from detent.kernel import Cell, Delivery, Standing
from detent.tools.testing.contracts.bench import SAYING, Bench
from detent.tools.testing.contracts.diary import PAD, TABLE, Said, begun

__all__ = ["FoundExamples"]


class FoundExamples(Bench):
    """Claims about runs that are found, and deliveries that are heard of."""

    # -- finding

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ({}, "abcdef"),
            ({"due_by": 10}, "a"),
            ({"due_by": 20}, "ab"),
            ({"due_by": 9}, ""),
            ({"in_flight": True}, "bc"),
            ({"in_flight": False}, "adef"),
            ({"held": True}, "c"),
            ({"held": False}, "abdef"),
            ({"statuses": ["parked", "failed"]}, "de"),
            ({"machines": ["diary"]}, "abcdef"),
            ({"machines": ["another"]}, ""),
            ({"due_by": 20, "in_flight": True, "statuses": ["running"]}, "b"),
            ({"after": "b"}, "cdef"),
            ({"after": "bb", "limit": 2}, "cd"),
            ({"in_flight": False, "after": "a", "limit": 2}, "de"),
        ],
        ids=str,
    )
    def test_runs_are_found_by_how_they_stand(self, wanted: dict[str, Any], found: str) -> None:
        journal, writers = self.journal_of(*"fbdace")
        stands = {
            "a": Standing("waiting", 10),
            "b": Standing("running", 20, True),
            "c": Standing("running", None, True, True),
            "d": Standing("parked"),
            "e": Standing("failed"),
            "f": Standing("completed"),
        }
        for writer in writers:
            self.verdicts(journal, writer.take(standing=stands[writer.run]))

        assert self.drive(journal.find(**wanted)) == tuple((run, stands[run]) for run in found)

    def test_how_a_run_stands_stays_until_it_is_written_anew(self) -> None:
        journal, (writer,) = self.journal_of("a")
        parked = writer.take((Said("x"), None), standing=Standing("parked"))
        self.verdicts(journal, parked)
        self.verdicts(journal, parked.writer.take((Said("x"), None), standing=None))

        assert self.drive(journal.find()) == (("a", Standing("parked")),)

    def test_runs_are_found_by_what_waits_for_them(self) -> None:
        journal, (a, _) = self.journal_of("a", "b")
        self.drive(journal.deliver([Delivery("a", "k", SAYING)]))

        assert self.found(mail=True) == "a"
        assert self.found(mail=False) == "b"
        (waiting,) = self.drive(journal.inbox("a"))
        self.verdicts(journal, a.take((Said("by post"), "k"), takes=(waiting.number,)))
        assert self.found(mail=True) == ""

    def test_what_is_sent_with_a_write_waits_too(self) -> None:
        journal, (a, _) = self.journal_of("a", "b")
        self.verdicts(journal, a.take(sends=(Delivery("b", "k", SAYING),)))

        assert self.found(mail=True) == "b"

    def test_runs_are_found_by_what_their_machines_are_now(self) -> None:
        journal, (a, b) = self.journal_of("a", "b")
        self.verdicts(journal, begun("p", recorder=PAD))
        assert self.found(machines=["pad"]) == "p"
        assert self.found(shapes=[TABLE.shape]) == "ab"

        self.verdicts(journal, a.take(became=("new", "rules")))
        self.verdicts(journal, b.take(became=(TABLE.shape, "rules")))

        assert self.found(shapes=[TABLE.shape]) == "b"
        assert self.found(shapes=["new", PAD.table.shape]) == "ap"
        assert self.drive(journal.load("a")).digests == ("new", "rules")
        assert self.drive(journal.load("b")).digests == (TABLE.shape, "rules")
        assert self.drive(journal.load("p")).digests == (PAD.table.shape, PAD.table.rules)

    def test_what_a_machine_became_stays_until_it_becomes_something_else(self) -> None:
        journal, (a,) = self.journal_of("a")
        self.verdicts(journal, a.take(became=("new", "rules")))
        later = a.take((Said("x"), None))
        self.verdicts(journal, later)

        assert self.drive(journal.load("a")).digests == ("new", "rules")

    def test_the_shapes_are_those_of_runs_that_are_not_over(self) -> None:
        journal, (a, b, c) = self.journal_of("a", "b", "c")
        self.verdicts(journal, begun("p", recorder=PAD))
        every = sorted({("diary", TABLE.shape), ("pad", PAD.table.shape)})
        assert self.drive(journal.shapes()) == tuple(every)

        new = ("new", "rules")
        self.verdicts(
            journal,
            a.take(standing=Standing("parked"), became=new),
            b.take(standing=Standing("completed"), became=new),
            c.take(standing=Standing("failed")),
        )

        left = {("diary", "new"), ("pad", PAD.table.shape)}
        assert self.drive(journal.shapes()) == tuple(sorted(left))

    def test_the_next_that_is_due_is_the_first_after_a_time(self) -> None:
        journal, writers = self.journal_of("a", "b", "c")
        for writer, due in zip(writers, (30, 10, None), strict=True):
            self.verdicts(journal, writer.take(standing=Standing("waiting", due)))

        asked = [self.drive(journal.next_due(after)) for after in (0, 9, 10, 29, 30)]

        assert asked == [10, 10, 30, 30, None]

    def test_who_listens_is_told_of_what_is_delivered(self) -> None:
        journal, (a, _) = self.journal_of("a", "b")
        heard: list[str] = []
        self.drive(journal.deliver([Delivery("a", "early", SAYING)]))
        journal.listen(heard.append)

        self.drive(journal.deliver([Delivery("b", "k", SAYING), Delivery("a", "k", SAYING)]))
        self.drive(journal.deliver([Delivery("a", "k", SAYING), Delivery("none", "k", SAYING)]))
        assert heard == ["b", "a"]
        self.verdicts(journal, a.take(sends=(Delivery("b", "l", SAYING),), cells=(Cell("c"),)))
        assert heard == ["b", "a"]

    def found(self, **wanted: Any) -> str:
        """The runs that are found, by their letters."""
        return "".join(run for run, _ in self.drive(self.opened.journal.find(**wanted)))
