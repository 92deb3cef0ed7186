"""What stands in the way of an upgrade, each with its place; and what is made of all else that a frame holds.

The file is long because every kind of obstacle has two machines that meet it.
"""

from collections.abc import Callable
from typing import Any

import pytest
from attrs import field, frozen

from detent import (
    After,
    Call,
    Cancelled,
    Defer,
    Each,
    Effect,
    Event,
    Final,
    FrozenMap,
    History,
    Machine,
    On,
    Spawn,
    State,
    Upgrade,
    Wait,
    compile_machine,
)
from detent.kernel import (
    Entry,
    Halted,
    Obstacle,
    Parked,
    Problem,
    Queued,
    Snapshot,
    begin,
    scribe_of,
    step,
    walk,
)
from detent.kernel.frames import followed
from detent.kernel.upgrades import Former, Migration, migrated
from detent.kernel.upgrades.rewriting import changed, frame_change


@frozen
class Work(Effect[int], recovery="idempotent"):
    """Something that takes time."""

    n: int = 0


@frozen
class Toil(Effect[int], recovery="idempotent"):
    """The same, called otherwise."""

    n: int = 0
    hard: bool = False


@frozen
class Go(Event):
    """Go on."""

    n: int = 0


@frozen
class Went(Event):
    """The same, called otherwise."""

    n: int = 0


@frozen
class Data:
    """A number."""

    n: int = 0
    seen: FrozenMap[str, int] = field(factory=FrozenMap[str, int])

    def work(self) -> Work:
        """One order."""
        return Work(self.n)

    def toil(self) -> Toil:
        """The same."""
        return Toil(self.n)

    def many(self) -> tuple[Any, ...]:
        """Two of one class, and one of another."""
        return (Work(1), Work(2), Toil(3))

    def none(self) -> tuple[Work, ...]:
        """Nothing at all."""
        return ()

    def fall(self) -> Work:
        """What breaks."""
        raise ZeroDivisionError("one too many")

    def same(self) -> "Data":
        """What a child begins with."""
        return self


any_machine: Any = Machine
WORK: Any = Call(Work, Data.work, name="work")
TOIL: Any = Call(Toil, Data.toil, name="toil")
ASK: Any = Wait(bool, "?", name="ask")
ONE: Any = Call(Work, name="one")
TWO: Any = Call(Toil, name="two")
MANY: Any = Each((ONE, TWO), Data.many, name="many")
NANY: Any = Each((TWO, ONE), Data.many, name="many")
ONLY: Any = Each((ONE,), Data.none, name="many")
FEW: Any = Each((Wait(bool, name="why"), ONE, TWO), Data.many, name="few")
FALL: Any = Call(Work, Data.fall, name="fall")
CHILD: Any = Spawn(
    any_machine("child", State("a", On(Go, to="b")), Final("b"), data=Data), Data.same, name="child"
)
OTHER: Any = Spawn(
    any_machine("other", State("a", On(Go, to="b")), Final("b"), data=Data), Data.same, name="child"
)


def outcomes(form: Any) -> Any:
    """All that may come of a form."""
    if isinstance(form, Each):
        return form.settled
    if isinstance(form, Spawn):
        return form.ended
    return form.returned | form.unreturned if isinstance(form, Call) else form.returned


def doing(form: Any, *rows: Any, state: str = "a", **more: Any) -> Machine[Any, Any, Any]:
    """A machine that does something."""
    made: Machine[Any, Any, Any] = any_machine(
        "m", State(state, On(outcomes(form), to="z"), *rows, do=form), Final("z"), data=Data, **more
    )
    return made


def idle(*rows: Any, state: str = "a") -> Machine[Any, Any, Any]:
    """A machine that does nothing."""
    made: Machine[Any, Any, Any] = any_machine(
        "m", State(state, On(Went, to="z"), *rows), Final("z"), data=Data
    )
    return made


def nested(*inside: Any, first: str = "a") -> Machine[Any, Any, Any]:
    """A machine with a history."""
    made: Machine[Any, Any, Any] = any_machine(
        "m",
        State("box", *inside, On(Go, to="b")),
        State("b", On(Went, to=first)),
        data=Data,
    )
    return made


def upgraded(
    old: Machine[Any, Any, Any], new: Machine[Any, Any, Any], now: Snapshot[Any], **said: Any
) -> Any:
    """What becomes of a snapshot."""
    was, table = compile_machine(old), compile_machine(new)
    frame = scribe_of(was).frame(now)
    former = Former(was.shape_outline, was.rules_outline)
    upgrade: Upgrade[Any] = Upgrade(new, was.shape, **said)
    return migrated(upgrade, table, former, ("r", frame, 7), (was.shape, was.rules))


def after(machine: Machine[Any, Any, Any], *signals: Any) -> Snapshot[Any]:
    """Where a walk leads."""
    *_, last = walk(machine, Data(), *signals)
    return last.snapshot


HISTORY = nested(
    State("s", On(Went, to="t")), State("t", On(Went, to="s")), History("h"), first="h"
)
FORGETFUL = nested(State("s", On(Went, to="t")), State("t"), first="s")
GONE = after(HISTORY, Went(), Go())
DEFERS = doing(ASK, Defer(Go))


@pytest.mark.parametrize(
    ("old", "new", "signals", "said", "place", "what"),
    [
        (idle(), idle(state="b"), (), {}, "state 'a'", "has no counterpart"),
        (idle(), idle(state="b"), (), {"states": {"a": "q"}}, "state 'a'", "cannot be 'q'"),
        (
            idle(),
            nested(State("s"), first="s"),
            (),
            {"states": {"a": "box"}},
            "in",
            "no whole configuration",
        ),
        (doing(WORK), doing(TOIL), (), {}, "effect 1 (work)", "has no counterpart"),
        (doing(WORK), idle(), (), {}, "effect 1 (work)", "one of none"),
        (doing(WORK), idle(), (), {"effects": {"work": None}}, "effect 1 (work)", "only questions"),
        (
            doing(WORK),
            doing(ASK),
            (),
            {"effects": {"work": "ask"}},
            "effect 1 (work)",
            "another kind",
        ),
        (doing(CHILD), doing(OTHER), (), {}, "effect 1 (child)", "Spawn of 'child'"),
        (
            doing(WORK),
            any_machine(
                "m",
                State("a", On(Go, to="b")),
                State("b", On(outcomes(WORK), to="a"), do=WORK),
                data=Data,
            ),
            (),
            {},
            "effect 1 (work)",
            "state 'a' does not do 'work'",
        ),
        (
            any_machine("m", State("a", On(Go, to="a")), data=Data, background=ASK),
            doing(ASK),
            (),
            {},
            "effect 1 (ask)",
            "the machine does not do 'ask'",
        ),
        (
            doing(WORK),
            doing(TOIL),
            (),
            {"effects": {"work": "toil"}},
            "effect 1 (work)",
            "Unreadable",
        ),
        (doing(MANY), doing(ONLY), (), {}, "effect 1 (many)", "its part 'two' has no counterpart"),
        (
            doing(WORK),
            doing(WORK),
            (),
            {"records": {"Work": lambda tree: tree["no"]}},
            "effect 1 (work)",
            "KeyError",
        ),
        (idle(After(5.0, to="z")), idle(), (), {}, "timer 1 (a/after/0)", "has no row"),
        (
            idle(After(5.0, to="z")),
            idle(After(5.0, to="z"), state="b"),
            (),
            {},
            "timer 1 (a/after/0)",
            "has no counterpart",
        ),
        (
            DEFERS,
            doing(ASK, Defer(Went)),
            (Go(),),
            {},
            "the event that entry 2 deferred",
            "knows no event Go",
        ),
        (
            DEFERS,
            doing(ASK, Defer(Went)),
            (Go(),),
            {"records": {"Go": lambda tree: tree["no"]}},
            "the event that entry 2 deferred",
            "KeyError",
        ),
        (
            HISTORY,
            FORGETFUL,
            (Went(), Go()),
            {},
            "history 'h'",
            "has no counterpart",
        ),
        (
            HISTORY,
            nested(State("s"), State("t"), State("h", On(Went, to="t")), first="h"),
            (Went(), Go()),
            {},
            "history 'h'",
            "is no history",
        ),
        (
            HISTORY,
            nested(State("s", On(Went, to="t")), State("t"), History("h"), first="h"),
            (Went(), Go()),
            {"states": {"t": "b"}},
            "history 'h'",
            "not inside",
        ),
        (idle(), doing(FALL), (), {}, "the run", "ZeroDivisionError"),
        (idle(), doing(ONLY), (), {}, "the run", "nothing to order"),
    ],
)
def test_what_stands_in_the_way_is_told_with_its_place(
    old: Any, new: Any, signals: Any, said: Any, place: str, what: str
) -> None:
    found = upgraded(old, new, after(old, *signals), **said)

    assert isinstance(found, tuple)
    assert place in {one.place for one in found}
    (told,) = [str(one) for one in found if one.place == place and what in one.what][:1]
    assert told.startswith(f"run 'r', {place}: ")
    assert isinstance(found[0], Obstacle)


def test_what_is_of_a_state_that_the_run_would_not_be_in_is_told() -> None:
    old = any_machine(
        "m",
        State("box", State("s"), On(ASK.returned, to="z"), do=ASK),
        Final("z"),
        data=Data,
    )
    new = any_machine(
        "m",
        State("out", On(Go, to="box")),
        State("box", State("s"), On(ASK.returned, to="z"), do=ASK),
        Final("z"),
        data=Data,
    )

    found = upgraded(old, new, after(old), states={"s": "out"})

    assert "the run not in that" in found[0].what


def fine(made: Any, now: Snapshot[Any], old: Any, new: Any) -> Snapshot[Any]:
    """What a run has become, whose entry makes its frame."""
    assert isinstance(made, Migration), made
    entry = Entry(made.snapshot.seq, made.snapshot.at, made.event, delta=made.delta)
    frame = followed(scribe_of(compile_machine(old)).frame(now), entry)
    assert frame == scribe_of(compile_machine(new)).frame(made.snapshot)
    return made.snapshot


def test_what_a_state_does_now_and_did_not_is_ordered_and_held() -> None:
    old, now = idle(), after(idle())
    for form, held in ((WORK, True), (ASK, False), (CHILD, True), (MANY, True)):
        new = doing(form, After(60.0, to="z"), After(lambda data: 5.0, to="z"))

        snapshot = fine(upgraded(old, new, now), now, old, new)

        (flight,) = snapshot.effects
        assert flight.is_held is held
        assert [timer.due for timer in snapshot.timers] == [60_000_007, 5_000_007]
        assert snapshot.pending.count == (6 if form is MANY else 4)


def test_questions_of_an_each_are_not_held() -> None:
    make: Callable[[Data], Any] = lambda data: (FEW.forms[0]("why"), Work(1))  # noqa: E731
    few: Any = Each((Wait(bool, name="why"), ONE), make, name="few")
    old, new = idle(), doing(few)

    flight: Any = fine(upgraded(old, new, after(old)), after(old), old, new).effects[0]

    assert dict(flight.lives).keys() == {1}


def test_the_parts_of_an_each_may_stand_otherwise() -> None:
    old, new, now = doing(MANY), doing(NANY), after(doing(MANY))

    flight: Any = fine(upgraded(old, new, now), now, old, new).effects[0]

    assert [part for part, _ in flight.orders] == [1, 1, 0]


def test_records_become_what_is_said_of_their_classes() -> None:
    old, new = DEFERS, doing(ASK, Defer(Went))
    now = after(old, Go(3))
    assert fine(upgraded(old, new, now, records={"Go": "Went"}), now, old, new).deferred == (
        Went(3),
    )

    old, new = doing(WORK), doing(TOIL)
    now = after(old)
    records = {"Work": lambda tree: {"$": "Toil", "n": tree["n"] + 1, "hard": True}}
    made = upgraded(old, new, now, effects={"work": "toil"}, records=records)
    flight: Any = fine(made, now, old, new).effects[0]
    assert flight.order == Toil(1, True)


def test_a_question_may_be_given_up_and_a_history_forgotten() -> None:
    old, new, now = doing(ASK), idle(), after(doing(ASK))
    assert fine(upgraded(old, new, now, effects={"ask": None}), now, old, new).effects == ()

    new = nested(State("s", On(Went, to="t")), State("t"), first="s")
    made = upgraded(HISTORY, new, GONE, states={"h": None})
    assert fine(made, GONE, HISTORY, new).pending.history == {}

    renamed = nested(State("s", On(Went, to="u")), State("u"), History("way"), first="way")
    made = upgraded(HISTORY, renamed, GONE, states={"h": "way", "t": "u"})
    assert fine(made, GONE, HISTORY, renamed).pending.history == {"way": ("u",)}


def test_what_is_stopping_may_be_of_a_state_that_is_no_more() -> None:
    old = any_machine(
        "m",
        State("a", On(outcomes(WORK), to="b"), On(Go, to="b"), do=WORK),
        State("b", On(Go, to="a")),
        data=Data,
    )
    new = any_machine(
        "m",
        State("b", On(Go, to="c")),
        State("c", On(outcomes(WORK), to="b"), do=WORK),
        data=Data,
    )
    table = compile_machine(old)
    now = step(table, begin(table, Data()).snapshot, Go()).snapshot

    for states, owner in (({}, ""), ({"a": "c"}, "c"), ({"a": None}, "")):
        (flight,) = fine(upgraded(old, new, now, states=states), now, old, new).effects
        assert flight.owner == owner


def test_a_run_that_is_parked_keeps_its_line() -> None:
    old, new = idle(), idle(On(Go, to="z"))
    bug = Parked("a/0", "update", "f", Problem("E", "m"), Went(1))
    now = after(old, bug, Queued(Went(2)))

    snapshot = fine(upgraded(old, new, now), now, old, new)

    assert snapshot.pending.line == now.pending.line
    assert snapshot.pending.parked == now.pending.parked
    found = upgraded(old, new, now, records={"Went": lambda tree: tree["no"]})
    assert {one.place for one in found} == {"line"}


def test_of_a_run_that_compensates_or_ends_nothing_is_ordered() -> None:
    def undoing(form: Any) -> Any:
        return any_machine(
            "m",
            State("a", On(Cancelled, to="u"), On(Go, to="a")),
            State("u", On(outcomes(WORK), to="z"), do=WORK, compensates=True),
            Final("z"),
            data=Data,
            background=form,
        )

    old, new = undoing(()), undoing(ASK)
    now = after(old, Halted("cancelled", "enough"))
    ended = after(doing(WORK), Halted("cancelled", "enough"))

    assert len(fine(upgraded(old, new, now), now, old, new).effects) == 1
    old, new = doing(WORK), doing(WORK, After(5.0, to="z"))
    assert ended.end is not None
    assert fine(upgraded(old, new, ended), ended, old, new).timers == ()


def test_edits_say_what_is_otherwise() -> None:
    assert changed({"$set": [1]}, {"$set": [2]}) == [{"$set": [2]}]
    assert changed({"$": "A", "n": 1}, {"$": "B", "n": 1}) == [{"$": "B", "n": 1}]
    assert changed([1, [2, 3]], [1, [2, 4]]) == {"1": {"1": [4]}}
    assert changed([1], [1, 2]) == [[1, 2]]
    old: Any = {"effects": {}, "timers": {}, "count": 1, "data": 1, "line": [1]}
    new: Any = {"effects": {"1": [1]}, "timers": {}, "count": 2, "data": 1, "halted": 3}
    assert frame_change(old, new) == {
        "effects": {"1": [[1]]},
        "halted": [3],
        "line": [],
        "count": [2],
    }
    assert frame_change(old, old) == {}
