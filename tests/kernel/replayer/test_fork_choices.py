"""What becomes of effects in flight in a fork: what is chosen, what is chosen if nobody does, what is refused."""

from collections.abc import Mapping
from typing import Any

import pytest
from attrs import frozen

from detent import (
    Call,
    Each,
    Effect,
    Event,
    InDoubt,
    Machine,
    On,
    Returned,
    Send,
    State,
    Wait,
    compile_machine,
)
from detent.kernel import (
    ForkChoice,
    Happened,
    WrongInput,
    fork,
    log_lines,
    replay,
    scribe_of,
    walk,
)
from detent.kernel.values import moment
from tests.kernel.replayer.runs import all_of, resumed

Choices = Mapping[int, ForkChoice]


@frozen
class Asked(Event):
    """Everything is to be ordered."""


@frozen
class Left(Event):
    """And not to be waited for."""


@frozen
class Look(Effect[int], recovery="pure"):
    """May be done again."""


@frozen
class Store(Effect[int], recovery="idempotent"):
    """May be done again, and perhaps should not."""


@frozen
class Book(Effect[int], recovery="reconcilable"):
    """Can be asked about."""


@frozen
class Charge(Effect[int], recovery="at_most_once"):
    """Must not be done again."""


@frozen
class Nothing:
    """Data that never changes."""

    def all(self) -> list[Any]:
        """Orders of every form of an Each."""
        return [look(Look()), store(Store()), book(Book()), charge(Charge()), ask("Well?")]


any_each: Any = Each
look = Call(Look, name="look")
store = Call(Store, name="store")
book = Call(Book, name="book")
charge = Call(Charge, name="charge")
ask = Wait(int, name="ask")
SINGLE: tuple[Any, ...] = (
    Call(Look, lambda data: Look(), name="one_look"),
    Call(Store, lambda data: Store(), name="one_store"),
    Call(Book, lambda data: Book(), name="one_book"),
    Call(Charge, lambda data: Charge(), name="one_charge"),
    Wait(int, "Well?", name="one_ask"),
    Send("other", Left(), name="send"),
)
every = any_each((look, store, book, charge, ask), Nothing.all, name="every")
asking: Machine[Any, Any, Any] = Machine(
    "asking",
    State("idle", On(Asked, to="busy")),
    State(
        "busy",
        On(Left, to="idle"),
        On(every.settled, to="idle"),
        *(On(form.returned) for form in SINGLE),
        do=(*SINGLE, every),
    ),
    data=Nothing,
)
ASKING = compile_machine(asking)
FIRST = len(SINGLE) + 1  # the id of the first order of the Each
UNTOLD: Choices = {2: "rerun", 6: "rerun", FIRST + 1: "rerun"}  # what has no default


def asked(*happened: Any) -> list[bytes]:
    """The log of a run that ordered everything, and what happened then."""
    steps = walk(asking, Nothing(), Asked(), *happened)
    return list(log_lines(ASKING, Nothing(), steps, run="parent"))


def test_what_is_pure_is_ordered_again_and_what_may_not_be_is_in_doubt() -> None:
    forked = fork(asked(), 2, "fork", UNTOLD, at=1_000_000)

    scribe = scribe_of(ASKING)
    now = scribe.snapshot(forked.checkpoint.frame)
    arriving = [scribe.read_signal(one, now.effects) for one in forked.arriving]
    doubt = InDoubt("fork", at=moment(1_000_000))
    assert arriving == [Happened(id, doubt) for id in (3, 4, FIRST + 2, FIRST + 3)]


@pytest.mark.parametrize(
    ("id", "what"),
    [
        (2, "effect 2 (one_store) is idempotent"),
        (6, "effect 6 (send) is Send"),
        (FIRST + 1, f"effect {FIRST + 1} (every) is idempotent"),
    ],
)
def test_what_has_no_default_has_to_be_told(id: int, what: str) -> None:
    choices: Choices = {other: choice for other, choice in UNTOLD.items() if other != id}

    with pytest.raises(WrongInput) as raised:
        fork(asked(), 2, "fork", choices)

    advice = "say whether to rerun it or to take what came of it"
    assert str(raised.value) == f"{what}: {advice}"


def test_what_came_in_the_parent_is_taken_alone_or_in_an_each() -> None:
    log = asked(SINGLE[0].returned(5), every.returned(6).item(3))

    forked = fork(log, 2, "fork", {**UNTOLD, 1: "take", FIRST + 3: "take"})

    scribe = scribe_of(ASKING)
    now = scribe.snapshot(forked.checkpoint.frame)
    arriving = [scribe.read_signal(one, now.effects) for one in forked.arriving]
    assert [one for one in arriving if getattr(one, "effect", 0) in (1, FIRST + 3)] == [
        Happened(1, Returned(5, at=moment(0))),
        Happened(FIRST + 3, Returned(6, at=moment(0))),
    ]


WRONG: list[tuple[Choices, str]] = [
    ({1: "take"}, "nothing came of effect 1 (one_look) in the log"),
    ({1: "doubt"}, "effect 1 (one_look) is pure: it cannot be in doubt"),
    ({5: "doubt"}, "effect 5 (one_ask) is Wait: it cannot be in doubt"),
    ({FIRST + 1: "doubt"}, f"effect {FIRST + 1} (every) is idempotent: it cannot be in doubt"),
    ({99: "rerun"}, "effect 99 is not in flight at entry 2"),
]


@pytest.mark.parametrize(("choices", "why"), WRONG)
def test_a_choice_that_cannot_be_made_is_refused_in_words(choices: Choices, why: str) -> None:
    with pytest.raises(WrongInput) as raised:
        fork(asked(), 2, "fork", {**UNTOLD, **choices})

    assert str(raised.value) == why


def test_a_choice_that_is_none_is_refused() -> None:
    wrong: Any = {**UNTOLD, 1: "redo"}

    with pytest.raises(WrongInput) as raised:
        fork(asked(), 2, "fork", wrong)

    assert str(raised.value) == (
        "effect 1 (one_look): 'redo' is no choice, only 'rerun', 'take', 'doubt'"
    )


def test_what_was_only_stopped_later_is_not_taken() -> None:
    log = asked(Left())

    with pytest.raises(WrongInput) as raised:
        fork(log, 2, "fork", {**UNTOLD, 1: "take"})

    assert str(raised.value) == (
        "what came of effect 1 (one_look) in the log is Stopped, which cannot come of it"
    )


def test_what_was_asked_to_stop_before_may_have_stopped() -> None:
    log = asked(Left())
    took: Choices = all_of(range(1, FIRST + 5), "take")

    forked = fork(log, 3, "fork", took)

    assert len(forked.arriving) == FIRST + 4
    assert replay(resumed(forked, ASKING), asking).entries == FIRST + 4 + 1
