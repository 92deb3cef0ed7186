"""What a journal promises of what is written and read, one claim at a time.

It is long because a store is held to all of it by one class.
"""

import pytest
from attrs import evolve

from detent.kernel import (
    Cell,
    Committed,
    Conflict,
    Delivery,
    Fenced,
    Happened,
    NoSuchRun,
    Standing,
    WrongInput,
    but,
    digests_of,
    fork,
    frame_of,
)
from detent.tools.testing.contracts.bench import SAYING, Bench
from detent.tools.testing.contracts.diary import (
    KEY,
    LARGE,
    LONG,
    RECORDER,
    SCRIBE,
    TABLE,
    Looked,
    Read,
    Said,
    Told,
    Wiped,
    begun,
    forked,
    loaded_writer,
    posted,
    sealed,
)

__all__ = ["WrittenExamples"]


class WrittenExamples(Bench):
    """Claims about what is written, and what is read back."""

    # -- verdicts

    def test_a_write_that_follows_the_newest_entry_is_committed(self) -> None:
        journal, (writer,) = self.journal_of("a")
        made = writer.take((Said("x"), None), (Said("y"), "k"))

        assert self.verdicts(journal, made) == (Committed(*made.writer.after),)
        assert self.drive(journal.load("a")).head == made.writer.after

    def test_a_run_that_is_there_cannot_begin_again(self) -> None:
        journal, (writer,) = self.journal_of("a")

        assert self.verdicts(journal, begun("a")) == (Conflict("exists", *writer.after),)

    def test_a_run_that_is_not_there_cannot_go_on(self) -> None:
        journal, _ = self.journal_of("a")
        stranger = begun("b").writer.take((Said("x"), None))

        assert self.verdicts(journal, stranger) == (Conflict("unknown"),)

    def test_nothing_is_sent_to_a_run_that_is_not_there(self) -> None:
        journal, (writer,) = self.journal_of("a")
        sends = (Delivery("b", "k", SAYING),)

        verdicts = self.verdicts(journal, writer.take(sends=sends))

        assert verdicts == (Conflict("unknown", *writer.after),)
        assert self.drive(journal.deliver(sends)) == (Conflict("unknown"),)

    def test_who_is_behind_is_told_where_the_run_is(self) -> None:
        journal, (writer,) = self.journal_of("a")
        ahead = writer.take((Said("x"), None))
        self.verdicts(journal, ahead)

        verdicts = self.verdicts(journal, writer.take((Said("y"), None)))

        assert verdicts == (Conflict("head", *ahead.writer.after),)

    def test_the_head_is_compared_by_its_hash_too(self) -> None:
        journal, (writer,) = self.journal_of("a")
        made = writer.take((Said("x"), None))
        forged = but(made.write, after=(writer.now.seq, "00" * 32))

        assert self.verdicts(journal, forged) == (Conflict("head", *writer.after),)

    def test_a_key_is_taken_once(self) -> None:
        journal, (writer,) = self.journal_of("a")
        made = writer.take((Said("x"), "k"))
        self.verdicts(journal, made)
        now = made.writer

        assert self.drive(journal.taken("a", "k")) == 2
        assert self.drive(journal.deliver([Delivery("a", "k", SAYING)])) == (
            Conflict("key", *now.after),
        )
        for again in (
            now.take((Said("y"), "k")),
            now.take(sends=(Delivery("a", "k", SAYING),)),
            now.take((Said("y"), "l"), (Said("z"), "l")),
        ):
            assert self.verdicts(journal, again) == (Conflict("key", *now.after),)

    def test_a_key_goes_over_from_the_delivery_to_its_entry(self) -> None:
        journal, (writer,) = self.journal_of("a")
        self.drive(journal.deliver([Delivery("a", "k", SAYING)]))
        (waiting,) = self.drive(journal.inbox("a"))

        assert self.drive(journal.taken("a", "k")) == 0
        assert self.verdicts(journal, writer.take((Said("by post"), "k"))) == (
            Conflict("key", *writer.after),
        )
        made = writer.take((Said("by post"), "k"), takes=(waiting.number,))
        assert self.verdicts(journal, made) == (Committed(*made.writer.after),)
        assert self.drive(journal.taken("a", "k")) == 2
        assert self.drive(journal.inbox("a")) == ()

    def test_a_delivery_that_was_rejected_leaves_no_key(self) -> None:
        journal, (writer,) = self.journal_of("a")
        self.drive(journal.deliver([Delivery("a", "k", SAYING)]))
        (waiting,) = self.drive(journal.inbox("a"))

        verdicts = self.verdicts(journal, writer.take(takes=(waiting.number,)))

        assert verdicts == (Committed(*writer.after),)
        assert self.drive(journal.taken("a", "k")) is None

    @pytest.mark.parametrize("times", [(1, 1), (1, 0), (0,)], ids=str)
    def test_a_delivery_is_taken_once(self, times: tuple[int, ...]) -> None:
        journal, (writer,) = self.journal_of("a")
        self.drive(journal.deliver([Delivery("a", "k", SAYING)]))
        (waiting,) = self.drive(journal.inbox("a"))
        takes = tuple(waiting.number * one for one in times)
        made = writer.take((Said("by post"), "k"), takes=takes, cells=(Cell("c", 1),))

        assert self.verdicts(journal, made) == (Conflict("inbox", *writer.after),)
        assert self.drive(journal.inbox("a")) == (waiting,)
        assert self.drive(journal.cells(["c"])) == (Cell("c"),)

    def test_what_comes_in_is_read_in_its_order(self) -> None:
        journal, (writer,) = self.journal_of("a")
        self.drive(journal.deliver([Delivery("a", "z", SAYING), Delivery("a", "b", SAYING)]))
        self.verdicts(journal, writer.take(sends=(Delivery("a", "m", SAYING),)))
        self.drive(journal.deliver([Delivery("a", "a", SAYING)]))

        assert [one.key for one in self.drive(journal.inbox("a"))] == ["z", "b", "m", "a"]

    def test_a_cell_is_written_at_the_version_it_was_read_at(self) -> None:
        journal, (a, b) = self.journal_of("a", "b")
        first, second = a.take(cells=(Cell("c", 1),)), b.take(cells=(Cell("c", 2),))

        verdicts = self.verdicts(journal, first, second)

        assert verdicts == (Committed(*a.after), Conflict("cell", *b.after))
        assert self.drive(journal.cells(["d", "c"])) == (Cell("d"), Cell("c", 1, 1))
        again = b.take(cells=(Cell("c", 2, 1),))
        assert self.verdicts(journal, again) == (Committed(*b.after),)
        assert self.drive(journal.cells(["c"])) == (Cell("c", 2, 2),)

    def test_who_lost_the_run_is_fenced_off(self) -> None:
        journal, (writer,) = self.journal_of("a")

        assert dict(self.drive(journal.claim(["a", "b"]))) == {"a": 1, "b": 1}
        assert self.verdicts(journal, writer.take((Said("x"), None))) == (Fenced(1),)
        assert self.verdicts(journal, begun("b")) == (Fenced(1),)
        made = evolve(writer, epoch=1).take((Said("x"), None))
        assert self.verdicts(journal, made, begun("b", 1)) == (
            Committed(*made.writer.after),
            Committed(*begun("b").writer.after),
        )

    def test_one_refusal_never_refuses_others(self) -> None:
        journal, (a, b, c) = self.journal_of("a", "b", "c")
        stale = b.take((Said("x"), None))
        self.verdicts(journal, stale)
        good, late = a.take((Said("x"), None)), c.take((Said("x"), None))

        verdicts = self.verdicts(journal, good, stale, late)

        assert [type(one) for one in verdicts] == [Committed, Conflict, Committed]

    def test_runs_marked_together_are_all_or_none(self) -> None:
        journal, (a, b, c) = self.journal_of("a", "b", "c")
        parts = (
            a.take((Said("x"), None), together="m"),
            evolve(b, epoch=7).take((Said("x"), None), together="m"),
            c.take((Said("x"), None), together="n"),
        )

        verdicts = self.verdicts(journal, *parts)

        assert verdicts == (
            Conflict("together", *a.after),
            Fenced(0),
            Committed(*parts[2].writer.after),
        )
        assert self.drive(journal.load("a")).head == a.after

    def test_each_of_those_together_is_judged_after_those_before_it_be_they_refused_or_not(
        self,
    ) -> None:
        journal, (a, b, c) = self.journal_of("a", "b", "c")
        self.verdicts(journal, a.take((Said("x"), "k")))
        again = evolve(a, head=a.head).take(
            (Said("y"), "k"), cells=(Cell("cell", 0),), together="m"
        )
        sending = (Delivery("c", "twice", SAYING),)

        verdicts = self.verdicts(
            journal,
            again,
            b.take((Said("x"), None), cells=(Cell("cell", 0),), sends=sending, together="m"),
            c.take((Said("x"), "twice"), together="m"),
        )

        kinds = [verdict.kind for verdict in verdicts if isinstance(verdict, Conflict)]
        assert kinds == ["head", "cell", "key"]

    def test_a_child_begins_in_the_transaction_of_its_parent(self) -> None:
        journal, (parent,) = self.journal_of("parent")
        child = begun("child")
        sends = (Delivery("child", "hello", SAYING),)
        orders = parent.take((Read(), None), sends=sends, together="spawn")
        born = but(child.write, together="spawn")

        assert self.verdicts(journal, orders, born) == (
            Committed(*orders.writer.after),
            Committed(*child.writer.after),
        )
        assert [one.key for one in self.drive(journal.inbox("child"))] == ["hello"]

    def test_two_of_a_group_cannot_take_one_key(self) -> None:
        journal, (a, b) = self.journal_of("a", "b")
        sends = (Delivery("b", "k", SAYING),)
        parts = (a.take(sends=sends, together="m"), b.take((Said("x"), "k"), together="m"))

        verdicts = self.verdicts(journal, *parts)

        assert verdicts == (Conflict("together", *a.after), Conflict("key", *b.after))

    def test_two_of_a_group_write_a_cell_one_after_the_other(self) -> None:
        journal, (a, b) = self.journal_of("a", "b")
        first = a.take(cells=(Cell("c", 1),), together="m")
        blind = b.take(cells=(Cell("c", 2),), together="m")
        seeing = b.take(cells=(Cell("c", 2, 1),), together="m")

        assert self.verdicts(journal, first, blind) == (
            Conflict("together", *a.after),
            Conflict("cell", *b.after),
        )
        assert self.drive(journal.cells(["c"])) == (Cell("c"),)
        verdicts = self.verdicts(journal, first, seeing)
        assert verdicts == (Committed(*a.after), Committed(*b.after))
        assert self.drive(journal.cells(["c"])) == (Cell("c", 2, 2),)

    def test_a_batch_names_each_run_once(self) -> None:
        journal, (writer,) = self.journal_of("a")

        with pytest.raises(WrongInput, match="each run once"):
            self.verdicts(journal, writer.take(), writer.take())

    def test_an_unknown_commit_is_read_back(self) -> None:
        journal, (writer,) = self.journal_of("a")
        made, other = writer.take((Said("x"), None)), writer.take((Said("y"), None))
        self.verdicts(journal, made)

        assert self.drive(journal.holds("a", *made.writer.after))
        assert not self.drive(journal.holds("a", *other.writer.after))

    # -- reading

    def test_nothing_is_known_of_a_run_that_is_not_there(self) -> None:
        journal, _ = self.journal_of()

        assert self.drive(journal.load("a")) is None
        assert self.drive(journal.taken("a", "k")) is None
        assert self.drive(journal.inbox("a")) == ()
        with pytest.raises(NoSuchRun, match="'a'"):
            self.drive(journal.entries("a"))

    def test_a_run_goes_on_from_its_checkpoint_in_the_chain_of_its_entries(self) -> None:
        journal, (writer,) = self.journal_of("a")
        made = writer.take(*((Said(str(n) * LONG), None) for n in range(6)), (Read(), None))
        read = made.writer.take((Happened(made.writer.now.effects[0].id, Looked()), None))
        self.verdicts(journal, made)
        self.verdicts(journal, read)
        loaded = self.drive(journal.load("a"))
        assert loaded.checkpoint is not None
        assert loaded.head == read.writer.after
        assert loaded.head[1] != loaded.checkpoint.hash

        onward = loaded_writer(loaded, 0).take((Said("on"), None))

        assert onward.write == read.writer.take((Said("on"), None)).write
        assert self.verdicts(journal, onward) == (Committed(*onward.writer.after),)

    def test_a_fork_goes_on_from_the_entry_of_another_run(self) -> None:
        journal = self.make_journal()
        first = begun("a")
        second = first.writer.take((Said("x"), None), (Told("secret"), None))
        self.verdicts(journal, first)
        self.verdicts(journal, second)
        made = forked(fork([*first.lines, *second.lines], 2, "b", key=KEY))

        begins = made.write.checkpoint

        assert begins is not None
        assert self.verdicts(journal, made) == (Committed(*made.writer.after),)
        assert self.drive(journal.load("b")).standing == Standing("inert")
        onward = made.writer.take((Said("y"), None))
        assert onward.write.entries[0].seq == 3
        assert self.verdicts(journal, onward) == (Committed(*onward.writer.after),)
        assert self.drive(journal.opening("b")).body == begins.body
        assert self.drive(journal.opening("a")) is None
        loaded = self.drive(journal.load("b"))
        assert frame_of(loaded, KEY) == SCRIBE.frame(onward.writer.now)
        assert self.drive(journal.entries("b")) == self.drive(journal.entries("b", 2))

    def test_what_a_fork_begins_with_is_kept_with_what_lies_beside_it(self) -> None:
        journal, (writer,) = self.journal_of("a")
        second = writer.take((Told("secret"), None))
        self.verdicts(journal, second)
        made = forked(fork([*begun("a").lines, *second.lines], 2, "b", key=KEY))
        self.verdicts(journal, made)
        pages = [(Said(str(n) * LONG), None) for n in range(9)]
        onward = made.writer.take((Told("another"), None), *pages, (Wiped(), None))
        begins = made.write.checkpoint
        assert begins is not None
        assert onward.write.checkpoint is not None
        self.verdicts(journal, onward)

        journal = self.open_again()

        assert self.drive(journal.opening("b")).body == begins.body
        lying = self.drive(journal.beside(one.digest for one in made.write.beside))
        assert dict(lying) == {one.digest: one for one in made.write.beside}
        newest = self.drive(journal.load("b")).checkpoint
        assert newest == onward.write.checkpoint

    def test_a_run_is_written_whole_at_once(self) -> None:
        journal = self.make_journal()
        first = begun("a")
        more = [(Told("secret"), "k1"), *((Said(f"{n}" * LONG), f"s{n}") for n in range(9))]
        later = first.writer.take(*more, (Wiped(), None), (Said("x" * LARGE), None))
        became = (TABLE.shape, "other rules")
        write = but(
            first.write,
            entries=(*first.write.entries, *later.write.entries),
            checkpoint=later.write.checkpoint,
            standing=Standing("parked", 7),
            beside=later.write.beside,
            became=became,
        )

        assert self.verdicts(journal, write) == (Committed(*later.writer.after),)

        loaded = self.drive(journal.load("a"))
        assert (loaded.standing, loaded.digests) == (Standing("parked", 7), became)
        assert frame_of(loaded, KEY) == SCRIBE.frame(later.writer.now)
        assert loaded.checkpoint == later.write.checkpoint
        assert len(loaded.entries) < len(self.drive(journal.entries("a"))) == 13
        assert self.drive(journal.taken("a", "s3")) == 6
        needed = {
            digest for one in (loaded.checkpoint, *loaded.entries) for digest in digests_of(one)
        }
        assert set(loaded.beside) == needed

    def test_what_was_sealed_can_be_erased_and_the_chain_stays(self) -> None:
        journal, (writer,) = self.journal_of("a")
        blob = "x" * LARGE
        made = writer.take((Told("my secret"), None), (Said(blob), None))
        self.verdicts(journal, made)
        before = self.drive(journal.entries("a"))
        lying = {one.digest: one for one in made.write.beside}

        assert self.drive(journal.erase([*lying, "nothing"])) == 1
        assert self.drive(journal.erase(lying)) == 0
        left = self.drive(journal.beside(lying))
        assert left == {key: one for key, one in lying.items() if not one.is_sealed}
        assert self.drive(journal.entries("a")) == before
        loaded = self.drive(journal.load("a"))
        assert frame_of(loaded, KEY) == sealed(SCRIBE.frame(made.writer.now))

    def test_what_is_sealed_in_an_inbox_lies_beside_and_can_be_erased(self) -> None:
        journal, (_,) = self.journal_of("a")
        first, second = posted("a", "k", Told("my secret")), posted("a", "l", Told("another"))

        assert (
            self.drive(journal.deliver([first, second]))
            == (Committed(*begun("a").writer.after),) * 2
        )

        journal = self.open_again()
        inbox = self.drive(journal.inbox("a"))
        assert [(one.key, one.event) for one in inbox] == [("k", first.event), ("l", second.event)]
        assert "my secret" not in repr(inbox)
        wanted = [one.digest for one in (*first.beside, *second.beside)]
        beside = self.drive(journal.beside(wanted))
        assert dict(beside) == {one.digest: one for one in (*first.beside, *second.beside)}
        assert SCRIBE.read_signal(RECORDER.opened(inbox[0].event, beside), ()) == Told("my secret")
        assert self.drive(journal.erase(wanted[:1])) == 1
        assert list(self.drive(journal.beside(wanted))) == wanted[1:]

    def test_what_is_sealed_in_what_one_run_sends_to_another_lies_beside(self) -> None:
        journal, (a, _) = self.journal_of("a", "b")
        sent = posted("b", "k", Told("my secret"))

        self.verdicts(journal, a.take((Said("x"), None), sends=(sent,)))

        (waiting,) = self.drive(journal.inbox("b"))
        assert waiting.event == sent.event
        (one,) = sent.beside
        assert dict(self.drive(journal.beside([one.digest]))) == {one.digest: one}

    def test_what_is_read_back_shows_nothing_that_was_sealed(self) -> None:
        journal, (writer,) = self.journal_of("a")
        self.verdicts(journal, writer.take((Told("my secret"), None)))

        loaded = self.drive(journal.load("a"))

        assert "my secret" not in repr((loaded, loaded.entries, self.drive(journal.entries("a"))))

    def test_what_a_machine_was_is_kept_with_its_first_run(self) -> None:
        journal, _ = self.journal_of()
        assert self.drive(journal.outline(TABLE.rules)) is None

        self.verdicts(journal, begun("a"))

        assert self.drive(journal.outline(TABLE.rules)) == TABLE.rules_outline
        assert self.drive(journal.outline(TABLE.shape)) == TABLE.shape_outline
