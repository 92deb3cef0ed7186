"""The index of what is due says what a search of everything would say."""

from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import MemoryJournal, Standing
from detent.kernel.journal.dues import FEW, Dues
from detent.tools.testing.contracts.diary import begun, done
from tests.settings import times

times_of = st.one_of(st.none(), st.integers(0, 12))


@settings(max_examples=times(100))
@given(st.lists(st.tuples(st.sampled_from("abcdef"), times_of), max_size=40), st.integers(-1, 13))
def test_what_is_due_is_what_was_said_last(said: list[tuple[str, int | None]], time: int) -> None:
    stands: dict[str, int | None] = {}
    dues = Dues(lambda due, run: stands.get(run) == due)
    for run, due in said:
        before = stands.get(run)
        stands[run] = due
        dues.put(run, before, due)

    here = {run: due for run, due in stands.items() if due is not None}
    assert {run for run, due in here.items() if due <= time} <= dues.until(time)
    assert dues.after(time) == min((due for due in here.values() if due > time), default=None)


def test_times_that_were_replaced_are_forgotten() -> None:
    stands: dict[str, int] = {}
    dues = Dues(lambda due, run: stands.get(run) == due)
    for number in range(10 * FEW):
        before = stands.get("r")
        stands["r"] = number
        dues.put("r", before, number)

    assert dues.until(0) == set()
    assert dues.until(10 * FEW) == {"r"}
    assert dues.after(-1) == 10 * FEW - 1


def test_a_journal_knows_what_is_due_however_often_that_was_replaced() -> None:
    journal, made = MemoryJournal(), begun("r")
    done(journal.append([made.write]))
    for number in range(3 * FEW):
        made = made.writer.take(standing=Standing("waiting", number))
        done(journal.append([made.write]))

        assert done(journal.next_due(-1)) == number
        assert [run for run, _ in done(journal.find(due_by=number))] == ["r"]
        assert done(journal.find(due_by=number - 1)) == ()
