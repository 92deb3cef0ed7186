"""Document order: which row is asked first, and in which order things change."""

from detent.kernel import (
    After,
    Always,
    Call,
    Each,
    Fan,
    Machine,
    On,
    Region,
    Send,
    State,
    Wait,
)
from tests.kernel.scxml.toys import (
    A,
    Add,
    Ask,
    B,
    C,
    Go,
    Note,
    NoteNumber,
    Ping,
    Trail,
    orders,
    ping,
    start,
)


def test_of_two_rows_for_an_event_the_first_written_is_taken() -> None:
    machine = Machine(
        "m", State("s", On(Go, update=Note("1")), On(Go, update=Note("2"))), data=Trail
    )

    assert start(machine).send(Go()).marks == ("1",)


def test_rows_are_asked_in_the_order_of_the_text_until_one_says_yes() -> None:
    asked: list[str] = []
    first, second, third = (Ask(w, w == "second", asked) for w in ("first", "second", "third"))
    rows = (
        On(Go, when=first, update=Note("first")),
        On(Go, when=second, update=Note("second")),
        On(Go, when=third, update=Note("third")),
    )

    run = start(Machine("m", State("s", *rows), data=Trail)).send(Go())

    assert asked == ["first", "second"]
    assert run.marks == ("second",)


def test_rows_for_other_events_between_two_rows_do_not_matter() -> None:
    rows = (On(Go, when="data.n > 0", update=Note("1")), On(A), On(Go, update=Note("2")))

    assert start(Machine("m", State("s", *rows), data=Trail)).send(Go()).marks == ("2",)


def test_an_inner_row_is_taken_before_an_outer_one() -> None:
    inner = State("in", On(Go, update=Note("inner")))
    outer = State("out", On(Go, update=Note("outer")), inner)

    assert start(Machine("m", outer, data=Trail)).send(Go()).marks == ("inner",)


def test_an_inner_guard_is_asked_before_an_outer_one() -> None:
    asked: list[str] = []
    inner = State("in", On(Go, when=Ask("inner", False, asked)))
    outer = State("out", On(Go, when=Ask("outer", False, asked)), inner)
    root = On(Go, when=Ask("root", True, asked), update=Note("root"))

    run = start(Machine("m", root, outer, data=Trail)).send(Go())

    assert asked == ["inner", "outer", "root"]
    assert run.marks == ("root",)


def test_where_a_row_stands_beside_inner_states_does_not_matter() -> None:
    inner = State("in", On(Go, update=Note("inner")))
    before = Machine("m", State("out", On(Go, update=Note("outer")), inner), data=Trail)
    after = Machine("m", State("out", inner, On(Go, update=Note("outer"))), data=Trail)

    assert start(before).send(Go()).marks == start(after).send(Go()).marks == ("inner",)


def test_the_rows_of_the_machine_are_asked_last() -> None:
    machine = Machine(
        "m",
        On(Go, update=Note("root")),
        State("s", On(Go, when="data.n > 0", update=Note("s"))),
        data=Trail,
    )

    assert start(machine, n=0).send(Go()).marks == ("root",)
    assert start(machine, n=1).send(Go()).marks == ("s",)


def test_regions_update_in_document_order() -> None:
    machine = Machine(
        "m",
        Region("x", State("x1", On(Go, to="x2", update=Note("x"))), State("x2")),
        Region("y", State("y1", On(Go, to="y2", update=Note("y"))), State("y2")),
        Region("z", State("z1", On(Go, to="z2", update=Note("z"))), State("z2")),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert run.marks == ("x", "y", "z")
    assert run.moved.took == (("x1/0", "y1/0", "z1/0"),)


def test_an_update_sees_what_the_updates_before_it_made_of_the_data() -> None:
    machine = Machine(
        "m",
        Region("x", State("x1", On(Go, update=Add(5)))),
        Region("y", State("y1", On(Go, update=NoteNumber("n=")))),
        data=Trail,
    )

    assert start(machine).send(Go()).marks == ("n=5",)


def test_effects_are_ordered_as_they_stand_in_do() -> None:
    forms = (
        Wait(bool, "b?", name="b"),
        Call(Ping, ping, name="a"),
        Send("other", Go(), name="c"),
    )
    machine = Machine("m", State("s", *[On(f.returned) for f in forms], do=forms), data=Trail)

    assert orders(start(machine).moved) == (("b", 1), ("a", 2), ("c", 3))


def test_an_outer_state_orders_before_an_inner_one() -> None:
    one, two, three = (Call(Ping, ping, name=name) for name in ("one", "two", "three"))
    machine = Machine("m", State("s", State("t", State("u", do=three), do=two), do=one), data=Trail)

    assert orders(start(machine).moved) == (("one", 1), ("two", 2), ("three", 3))


def test_regions_order_in_document_order_whatever_was_entered_first() -> None:
    x, y = (Call(Ping, ping, name=name) for name in ("x", "y"))
    machine = Machine(
        "m",
        State("idle", On(Go, to="y2")),
        State(
            "both",
            Region("rx", State("x1", do=x)),
            Region("ry", State("y1", On(A, to="y2")), State("y2", do=y)),
        ),
        data=Trail,
    )

    assert orders(start(machine).send(Go()).moved) == (("x", 1), ("y", 2))


def test_timers_and_effects_are_counted_together_timers_of_a_state_first() -> None:
    call = Call(Ping, ping)
    machine = Machine(
        "m", State("s", After(1), State("t", After(2), do=call), do=Wait(bool, "?")), data=Trail
    )

    run = start(machine)

    assert [timer.id for timer in run.now.timers] == [1, 3]
    assert orders(run.moved) == (("wait", 2), ("ping", 4))


def test_orders_are_made_of_the_data_at_the_end_of_the_macrostep() -> None:
    call = Call(Ping, ping)
    machine = Machine(
        "m",
        State("idle", On(Go, to="s", update=Add(1))),
        State("s", Always(when="data.n < 5", update=Add(1)), do=call),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert [order.order for order in run.moved.ordered] == [Ping(5)]


def test_took_names_the_rows_of_each_microstep_in_order() -> None:
    machine = Machine(
        "m",
        State("a", On(Go, to="b")),
        State("b", Always(to="c")),
        State("c", Always(to="d", when="data.n == 0")),
        State("d"),
        data=Trail,
    )

    assert start(machine).send(Go()).moved.took == (("a/0",), ("b/0",), ("c/0",))


def test_rows_are_numbered_in_their_state_timers_apart() -> None:
    machine = Machine(
        "m", State("s", On(A, update=Note("a")), After(1), On(B, update=Note("b"))), data=Trail
    )

    run = start(machine)

    assert run.now.timers[0].row == "s/after/0"
    assert run.send(B()).moved.took == (("s/1",),)


def test_what_is_stopped_is_named_in_the_order_of_the_orders() -> None:
    one, two, three = (Call(Ping, ping, name=name) for name in ("one", "two", "three"))
    machine = Machine(
        "m",
        State("s", On(Go, to="t"), State("u", do=(two, three)), do=one),
        State("t"),
        data=Trail,
    )

    run = start(machine).send(Go())

    assert run.moved.stopped == run.stopping == (1, 2, 3)


def test_leaving_a_state_takes_its_timers_and_those_inside_away() -> None:
    machine = Machine(
        "m",
        After(9, to="t"),
        State("s", On(Go, to="t"), After(1), State("u", After(2), On(A, to="v")), State("v")),
        State("t", After(3)),
        data=Trail,
    )

    inner = start(machine).send(A())
    outer = start(machine).send(Go())

    assert [timer.row for timer in inner.now.timers if timer.owner] == ["s/after/0"]
    assert [timer.row for timer in outer.now.timers if timer.owner] == ["t/after/0"]


def test_a_configuration_is_in_document_order_outer_before_inner() -> None:
    machine = Machine(
        "m",
        State("zoo", Region("r2", State("q")), Region("r1", State("p", State("a")))),
        data=Trail,
    )

    assert start(machine).states == ("zoo", "r2", "q", "r1", "p", "a")


def test_an_event_is_matched_by_its_own_class() -> None:
    machine = Machine("m", State("s", On(B, update=Note("b")), On(C, update=Note("c"))), data=Trail)

    assert start(machine).send(C(), B()).marks == ("c", "b")


def test_several_eaches_of_one_state_take_consecutive_blocks_of_ids() -> None:
    one, two = (Each(Ping, Trail.pings, name=name) for name in ("one", "two"))
    machine = Machine("m", State("s", On(one.settled), On(two.settled), do=(one, two)), data=Trail)

    flying = start(machine, n=3).now.effects

    assert [(f.id, f.id + len(f.orders)) for f in flying if isinstance(f, Fan)] == [(1, 4), (4, 7)]
