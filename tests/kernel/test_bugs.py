"""What is wrong in the author's code shows as Broken, says where it is, and changes nothing."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from attrs import frozen

from detent import (
    After,
    Always,
    Broken,
    BrokenBegin,
    Call,
    Each,
    Effect,
    Event,
    Final,
    Machine,
    On,
    Rejected,
    Send,
    Spawn,
    State,
    Wait,
    WrongInput,
    compile_machine,
)
from detent.kernel import Fired, Happened, Snapshot, advance, begin, recall, step
from detent.kernel.facts import but

any_machine: Any = Machine
any_on: Any = On


@frozen
class Go(Event):
    """The event of every test."""


@frozen
class Data:
    """The data."""

    n: int = 0


@frozen
class Work(Effect[int]):
    """An effect."""


class Shy:
    """A thing that does not even want to be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


class ShyError(Exception):
    """An error that cannot be told."""

    def __str__(self) -> str:
        raise RuntimeError("no")


def failing(*_: object) -> Any:
    """Code with a bug in it."""
    raise ValueError("oh")


def shy(*_: object) -> Any:
    """Code with a bug that cannot even be told."""
    raise ShyError


def orders_then_fails(_: object) -> Iterator[Work]:
    """A factory that breaks on the way."""
    yield Work()
    raise ValueError("oh")


def nothing(*_: object) -> Any:
    """Code that forgets its return."""


def shown_badly(*_: object) -> Any:
    """Code that gives what cannot be shown."""
    return Shy()


wait: Any = Wait
each: Any = Each
send: Any = Send
call: Any = Call
BUGS: list[tuple[str, Callable[[], Any], str]] = [
    ("guard", lambda: [State("a", any_on(Go, when=failing))], "a/0: guard failing: ValueError: oh"),
    ("guard", lambda: [State("a", any_on(Go, when=nothing))], "gave None, not True or False"),
    ("guard", lambda: [State("a", any_on(Go, when=shown_badly))], "<Shy whose text raises"),
    ("guard", lambda: [State("a", any_on(Go, when=shy))], "<ShyError whose text raises"),
    ("guard", lambda: [State("a", any_on(Go, when="1 // data.n == 1"))], "ZeroDivisionError"),
    ("update", lambda: [State("a", any_on(Go, update=failing))], "a/0: update failing: ValueError"),
    ("update", lambda: [State("a", any_on(Go, update=nothing))], "not data of class Data"),
    ("update", lambda: go_to(Always(to="a", update=failing)), "update failing"),
    ("seconds", lambda: go_to(After(failing, to="a")), "b/after/0: seconds failing"),
    ("seconds", lambda: go_to(After(lambda data: -1.0, to="a")), "gave -1.0"),
    ("seconds", lambda: go_to(After(nothing, to="a")), "a number of seconds"),
    ("make", lambda: go_to(do=call(Work, failing)), "b/work: make failing: ValueError: oh"),
    ("make", lambda: go_to(do=call(Work, nothing)), "not an order of class Work"),
    ("make", lambda: go_to(do=each(Work, failing)), "make failing"),
    ("make", lambda: go_to(do=each(Work, nothing)), "orders, one after the other"),
    ("make", lambda: go_to(do=each(Work, orders_then_fails)), "ValueError: oh"),
    ("make", lambda: go_to(do=each(Work, lambda data: [3])), "orders that are Work"),
    (
        "make",
        lambda: go_to(
            do=each((call(Work), wait(int)), lambda data: [call(Work, name="x")(Work())])
        ),
        "wait(...)",
    ),
    ("make", lambda: go_to(do=each(call(Work), lambda data: [call(Work)(3)])), "class Work"),
    ("question", lambda: go_to(do=each(wait(int), lambda data: [wait(int)(3)])), "not a text"),
    ("question", lambda: go_to(do=wait(int, nothing)), "b/wait: question nothing"),
    ("question", lambda: go_to(do=wait(int, failing)), "question failing"),
    ("question", lambda: go_to(do=send(nothing, Go())), "not a text"),
    ("make", lambda: go_to(do=send("r", nothing)), "not an event"),
    ("make", lambda: go_to(do=send(failing, Go())), "ValueError"),
    (
        "make",
        lambda: go_to(do=Spawn(any_machine("m", State("x"), data=Data), failing)),
        "ValueError",
    ),
    ("rows", lambda: go_to(Always(when="data.n == 0")), "more than 1000 transitions"),
]


def go_to(*rows: Any, do: Any = ()) -> list[Any]:
    """Two states, of which the second has something wrong."""
    return [State("a", On(Go, to="b")), State("b", *rows, do=do)]


@pytest.mark.parametrize(
    ("role", "parts", "text"), BUGS, ids=[f"{i}-{b[0]}" for i, b in enumerate(BUGS)]
)
def test_a_bug_is_named_and_nothing_has_happened(
    role: str, parts: Callable[[], Any], text: str
) -> None:
    table = compile_machine(any_machine("m", *parts(), data=Data))
    now: Snapshot[Any] = begin(table, Data()).snapshot

    broken = step(table, now, Go())

    assert isinstance(broken, Broken)
    assert broken.bug.role == role
    assert text in str(broken.bug)
    assert broken.snapshot is now
    assert list(advance(table, now, Go())) == [broken]


def test_a_result_with_a_bug_breaks_the_last_step() -> None:
    table = compile_machine(
        Machine("m", State("a", On(Go, to="z")), Final("z"), data=Data, result=failing)
    )
    now = begin(table, Data()).snapshot

    broken = step(table, now, Go())

    assert isinstance(broken, Broken)
    assert str(broken) == "Go broke in a: m: result failing: ValueError: oh"
    assert broken.bug.error is not None


def test_a_begin_with_a_bug_is_told_to_who_wrote_it() -> None:
    begins: list[tuple[Any, str]] = [(failing, "begin raised ValueError"), (nothing, "made None")]
    for make, text in begins:
        table = compile_machine(any_machine("m", State("a"), data=Data, begin=make))
        with pytest.raises(BrokenBegin, match=text):
            begin(table, 3)
    table = compile_machine(
        any_machine("m", State("a", Always(update=failing, when="data.n == 0")), data=Data)
    )
    with pytest.raises(BrokenBegin, match="update failing"):
        begin(table, Data())


def test_a_run_begins_with_what_its_machine_begins_with() -> None:
    table = compile_machine(any_machine("m", State("a"), data=Data))

    with pytest.raises(WrongInput, match="class Data, not with 3"):
        begin(table, 3)


class Maker:
    """A callable that has no name, and does not even want to be shown."""

    def __call__(self, data: object) -> Any:
        raise ValueError("oh")

    __repr__ = Shy.__repr__


class Rude:
    """What is no event at all."""

    __repr__ = Shy.__repr__


@pytest.mark.parametrize(
    "strange",
    [
        Happened(10**5000, Go()),
        Happened(True, Go()),
        Happened(cast(int, "x"), Go()),
        Happened(cast(int, 1.0), Go()),
        Happened(1, cast(Event, Rude())),
        Fired(10**5000),
        Fired(cast(int, Rude())),
        cast(Event, Rude()),
        cast(Event, None),
        cast(Event, Go),
    ],
    ids=lambda signal: type(signal).__name__,
)
def test_whatever_is_no_signal_is_refused(strange: Any) -> None:
    many = each(Work, lambda data: [Work()], name="many")
    table = compile_machine(any_machine("m", *go_to(After(1, to="a"), do=many), data=Data))
    now = step(table, begin(table, Data()).snapshot, Go()).snapshot

    assert isinstance(step(table, now, strange), Rejected)


def test_code_without_a_name_is_told_by_its_class() -> None:
    table = compile_machine(any_machine("m", *go_to(After(Maker(), to="a")), data=Data))
    now = begin(table, Data()).snapshot

    broken = step(table, now, Go())

    assert isinstance(broken, Broken)
    assert broken.bug.callable == "Maker()"
    assert broken == step(table, now, Go())


def test_time_never_runs_out_of_numbers() -> None:
    none: Any = Each(Work, lambda data: [], name="none")
    table = compile_machine(any_machine("m", *go_to(On(none.settled), do=none), data=Data))
    now = begin(table, Data()).snapshot

    assert step(table, now, Go(), 10**18).snapshot.at == 10**18


def test_an_event_nobody_knows_leaves_nothing_behind() -> None:
    table = compile_machine(any_machine("m", State("a", On(Go)), data=Data))
    now = begin(table, Data()).snapshot
    for _ in range(5):
        stranger: Any = frozen(type("Stranger", (Event,), {}))
        assert isinstance(step(table, now, stranger()), Rejected)

    assert set(table.layouts[now.configuration].cells) <= {Go}


def test_a_snapshot_of_another_machine_is_refused() -> None:
    table = compile_machine(any_machine("m", *go_to(), data=Data))
    now = begin(table, Data()).snapshot

    for strange in [("c",), (), ("a", "b"), ("b", "a"), ("",)]:
        foreign = but(now, configuration=strange)
        answered = step(table, foreign, Go())
        assert isinstance(answered, Rejected)
        assert answered.why == "the snapshot is not one of machine 'm'"
        assert recall(table, foreign) is None
