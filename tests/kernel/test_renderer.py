"""Drawings: whatever compiles is drawn, nothing is left out, and no name can break out of its form."""

import html
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import (
    After,
    Always,
    Call,
    Defer,
    Doing,
    Done,
    Each,
    Effect,
    Event,
    Final,
    History,
    Ignore,
    InvalidMachine,
    Machine,
    On,
    Region,
    Reject,
    Retry,
    Returned,
    Send,
    Spawn,
    State,
    Table,
    Wait,
    WrongInput,
    assign,
    compile_machine,
    draw,
    walk,
)
from detent.kernel.renderer import Drawing
from tests.kernel.wide import wide
from tests.settings import times

ROOT = Path(__file__).parents[2]
FORMS: tuple[Drawing, ...] = ("mermaid", "dot", "text")
every_form = pytest.mark.parametrize("form", FORMS)


@frozen
class Add(Event):
    cents: int


@frozen
class Pay(Event):
    pass


@frozen
class Paid:
    cents: int


@frozen
class Charge(Effect[Paid], recovery="at_most_once"):
    cents: int


@frozen
class Cart:
    total: int = 0
    paid: int = 0
    name: str = ""

    def add(self, event: Add) -> "Cart":
        return evolve(self, total=self.total + event.cents)

    def charge(self) -> Charge:
        return Charge(self.total)

    def charges(self) -> tuple[Charge, ...]:
        return ()

    def note(self, event: Returned[Paid]) -> "Cart":
        return evolve(self, paid=event.value.cents)

    def agreed(self, event: Returned[bool]) -> bool:
        return event.value

    def shop(self) -> str:
        return "shop"

    def emptied(self) -> "Cart":
        return Cart()

    def seconds(self) -> float:
        return 1.0


charge = Call(Charge, Cart.charge, timeout=30.0)
ask = Wait(bool, "The bank did not answer. Charge again?", deadline=3600.0)
ORDER = Machine(
    "order",
    State("cart", On(Add, update=Cart.add), On(Pay, to="paying", when="data.total > 0")),
    State(
        "paying",
        On(charge.returned, to="paid", update=Cart.note),
        On(charge.in_doubt, to="asking"),
        On(charge.failed, to="cart"),
        Defer(Add, Pay),
        do=charge,
    ),
    State(
        "asking",
        On(ask.returned, to="paying", when=Cart.agreed),
        On(ask.returned | ask.timed_out, to="cart"),
        Defer(Add, Pay),
        do=ask,
    ),
    Final("paid"),
    data=Cart,
)

SIDES = Machine(
    "sides",
    State(
        "both",
        Region("left", State("a", On(Add, to="b")), Final("b"), History("again")),
        Region("right", do=charge),
        On(charge.unreturned, to="out"),
        On(Add, to="a", reenter=True),
        On(charge.returned),
        Done(to="out"),
    ),
    State("out", On(Pay, to="again"), On(Add, to="out"), After(90, to="out")),
    data=Cart,
)

ORDER_TEXT = """\
  machine order: Cart
    state cart (initial)
      on Add                    / Cart.add
      on Pay  [data.total > 0]              -> paying
*   state paying
      do charge: call Charge from Cart.charge (at_most_once, 30 s)
      on charge.returned  / Cart.note  -> paid
      on charge.in_doubt               -> asking
      on charge.failed                 -> cart
      defer Add, Pay
    state asking
      do wait: wait for bool, 'The bank did not answer. Charge again?' (1 h)
      on wait.returned                   [Cart.agreed]  -> paying
      on wait.returned | wait.timed_out                 -> cart
      defer Add, Pay
    final paid (completed)"""

ORDER_MERMAID = """\
stateDiagram-v2
    [*] --> s1
    state "cart" as s1
    s1 : Add / add
    state "paying" as s2
    s2 : do / charge (at_most_once, 30 s)
    s2 : defer Add, Pay
    state "asking" as s3
    s3 : do / wait ('The bank did not answer. Charge again?', 1 h)
    s3 : defer Add, Pay
    state "paid" as s4
    s1 --> s2 : Pay [data.total > 0]
    s2 --> s4 : charge.returned / note
    s2 --> s3 : charge.in_doubt
    s2 --> s1 : charge.failed
    s3 --> s2 : wait.returned [agreed]
    s3 --> s1 : wait.returned | wait.timed_out
    s4 --> [*]
    classDef lit fill:#ffe08a,stroke:#b8860b,stroke-width:3px,color:#000
    class s2 lit"""

SIDES_TEXT = """\
  machine sides: Cart
*   state both (initial, parallel)
      on charge.failed | charge.in_doubt  -> out
      on Add                              -> a (reenter)
      on charge.returned
      done                                -> out
*     region left
*       state a (initial)
          on Add  -> b
        final b (completed)
        history again -> a
*     region right
        do charge: call Charge from Cart.charge (at_most_once, 30 s)
    state out
      on Pay      -> again
      on Add      -> out
      after 90 s  -> out"""

SIDES_MERMAID = """\
stateDiagram-v2
    [*] --> s1
    state "both" as s1 {
        state "in both" as in1
        in1 : charge.returned
        --
        state "left" as s2 {
            [*] --> s3
            state "a" as s3
            state "b" as s4
            state "H again" as s5
            s3 --> s4 : Add
            s5 --> s3 : at first
            s4 --> [*]
        }
        --
        state "right" as s6
        s6 : do / charge (at_most_once, 30 s)
    }
    state "out" as s7
    s1 --> s7 : charge.failed | charge.in_doubt<br/>done
    s7 --> s7 : Add<br/>after 90 s
    in1 --> s3 : Add (reenter)
    s7 --> s5 : Pay
    classDef lit fill:#ffe08a,stroke:#b8860b,stroke-width:3px,color:#000
    class s3,s6 lit
    classDef around fill:#fff6dc,stroke:#b8860b,stroke-width:3px,color:#000
    class s1,s2 around
    classDef box fill:#fafafa,stroke:#999,stroke-dasharray:4 3,color:#000
    class in1 box
    classDef history fill:#d8e4ff,stroke:#669,stroke-width:2px,color:#000
    class s5 history"""

SIDES_DOT_ARROWS = """\
    i0 -> i1 [lhead=cluster_s1];
    i1 -> s7 [label=<charge.failed | charge.in_doubt>, ltail=cluster_s1];
    b1 -> s3 [label=<Add (reenter)>];
    i1 -> s7 [label=<done>, ltail=cluster_s1];
    s3 -> s4 [label=<Add>];
    s5 -> s7 [label=<Pay>, dir=back];
    s7 -> s7 [label=<Add>];
    s7 -> s7 [label=<after 90 s>];
}"""

SIDES_LIT = ("both", "left", "a", "right")

GOLDEN = [
    (draw(ORDER, ["paying"], "text"), ORDER_TEXT),
    (draw(ORDER, ["paying"]), ORDER_MERMAID),
    (draw(SIDES, SIDES_LIT, "text"), SIDES_TEXT),
    (draw(SIDES, SIDES_LIT), SIDES_MERMAID),
    (draw(SIDES, (), "dot")[-len(SIDES_DOT_ARROWS) :], SIDES_DOT_ARROWS),
]


@pytest.mark.parametrize(("drawn", "expected"), GOLDEN)
def test_small_machines_are_drawn_exactly_so(drawn: str, expected: str) -> None:
    assert drawn == expected


# Machines with nasty names

NASTY = """end|state|[*]|"quoted"|it's|a:b|a;b|#35;|{x}|}|--|a --> b|<b>x</b>|x [[choice]]|direction LR|%% c
- item|1. one|*bold*|_it_|`code`|www.x.com|[a](b)|\\|a\\N|&lt;|&|ﬂ°°58¶ß|日本語|é|class|note right of s1|a -> b
on Add|* lit|digraph|cluster_s1|x "|a (initial)|A  B|</TD>|-->|root|s1|#quot;|~~s~~|$$x$$|%%{init: {}}%%"""
names = st.sampled_from(re.split(r"[|\n]", NASTY)) | st.text(min_size=1, max_size=8).filter(
    lambda text: text.isprintable() and text.strip() != ""
)


def kind(name: str) -> type[Event]:
    """A class of events with a name that no one would choose."""
    return frozen(type(name, (Event,), {}))


KINDS = [kind(name) for name in ('E"x', "a;b", "end", "_p_", "<b>")]
GUARDS = ["data.total > 0", "data.name == '\"; {#<b>\\\\:'", lambda data, event: True]
UPDATES = [None, lambda data, event: data, assign(name="'a:b;c'")]
EFFECTS: list[Doing[Any]] = [
    Call(Charge, Cart.charge, timeout=0.5, name='c"h; <x>'),
    Wait(bool, 'first line\nsecond "line"; <b>: #1 {' + "long " * 20, name="ask\nthem"),
    Wait(str, Cart.shop, deadline=120, name="other"),
    Spawn(ORDER, Cart.emptied),
    Send(Cart.shop, lambda data: KINDS[0](), name="told"),
    Each((charge, Wait(bool, name="a|b")), Cart.charges, stop_on_failure=True, name="many"),
]


@st.composite
def nasty_machines(draw: st.DrawFn) -> Machine[Any, Any, Any]:
    """Machines of any shape, every state of which a row of the machine leads to."""
    given_names = draw(st.lists(names, min_size=1, max_size=9, unique=True))
    waiting = list(given_names)
    parts = _states(draw, waiting, [], is_parallel=draw(st.booleans()), depth=0)
    leading = [On(KINDS[0], to=name) for name in [*given_names, *_histories(parts)]]
    background = tuple(draw(st.lists(st.sampled_from(EFFECTS), max_size=1)))
    return Machine(draw(names), *parts, *leading, data=Cart, background=background)


def _states(
    draw: st.DrawFn, waiting: list[str], around: list[str], *, is_parallel: bool, depth: int
) -> list[Any]:
    """States side by side, each with some of the names that wait inside it."""
    made: list[Any] = []
    beside: list[str] = []
    while waiting and (not made or depth == 0 or draw(st.booleans())):
        name = waiting.pop(0)
        beside.append(name)
        if made and not is_parallel and draw(st.integers(0, 4)) == 0:
            made.append(Final(name, draw(st.sampled_from(["completed", "failed"]))))
            continue
        inside: list[Any] = []
        if depth < 3 and draw(st.booleans()):
            parallel = draw(st.booleans())
            inside = _states(draw, waiting, [*around, name], is_parallel=parallel, depth=depth + 1)
        if inside and draw(st.booleans()):
            inside.append(History(f"~{name}", deep=draw(st.booleans())))
        targets = [name, *around, *(part.name for part in inside), *_histories(inside)]
        targets += [] if is_parallel else beside
        do = tuple(draw(st.lists(st.sampled_from(EFFECTS), max_size=2, unique_by=id)))
        shape = Region if is_parallel else State
        made.append(shape(name, *_rows(draw, targets), *inside, do=do))
    return made


def _histories(parts: list[Any]) -> list[str]:
    own = [part.name for part in parts if isinstance(part, History)]
    return own + [name for part in parts for name in _histories(list(getattr(part, "parts", ())))]


def _rows(draw: st.DrawFn, targets: list[str]) -> Iterator[Any]:
    """Some rows, to anywhere that is no other region."""
    anywhere = st.sampled_from(targets)
    for event in draw(st.lists(st.sampled_from(KINDS[1:4]), max_size=3)):
        yield On(
            event,
            to=draw(st.none() | anywhere),
            when=draw(st.sampled_from([None, *GUARDS])),
            update=draw(st.sampled_from(UPDATES)),
            reenter=draw(st.booleans()),
        )
    if draw(st.booleans()):
        yield After(draw(st.sampled_from([0, 1.5, 60, 1e300, Cart.seconds])), to=draw(anywhere))
        yield Always(to=draw(anywhere), when="data.total > 1")
        yield draw(st.sampled_from([Ignore, Defer, Reject]))(KINDS[4])


def compiled(machine: Machine[Any, Any, Any]) -> Table[Any, Any, Any]:
    """The table of a machine whose names may have met by accident."""
    try:
        return compile_machine(machine)
    except InvalidMachine as error:
        assert {mistake.code for mistake in error.mistakes} == {"duplicate-state"}, error
        return compile_machine(ORDER)


ESCAPE = re.compile(r"#(\d+);")
TEXT = r"[^\":;{}#\n]+"
MERMAID = re.compile(
    r"stateDiagram-v2|\[\*\] --> s\d+|s\d+ --> \[\*\]|--|\}|classDef \w+ [\w:#,\- ]+|class [\w,]+ \w+"
    rf"|state \"{TEXT}\" as \w+( \{{)?|(s|in)\d+ : {TEXT}|(s|in)\d+ --> s\d+( : {TEXT})?"
)


def read_mermaid(drawn: str) -> str:
    """What a reader of the picture sees."""
    return ESCAPE.sub(lambda found: chr(int(found[1])), drawn).replace("\u200b", "")


def labels_of(drawn: str) -> list[str]:
    """The HTML labels of a graph."""
    return re.findall(r"label=<(.*?)>(?=[,;\]](?: |\]|;|$))", drawn, re.MULTILINE)


@settings(max_examples=times(100))
@given(nasty_machines())
def test_mermaid_is_of_the_few_kinds_of_lines_we_know_to_work(
    machine: Machine[Any, Any, Any],
) -> None:
    table = compiled(machine)

    drawn = draw(table)

    for line in drawn.split("\n"):
        assert MERMAID.fullmatch(ESCAPE.sub("", line).strip().replace('""', '"_"')), line
    assert drawn.count(" {\n") == len(re.findall(r"^ *\}$", drawn, re.MULTILINE))
    seen = read_mermaid(drawn)
    for node in table.nodes[1:]:
        assert f'"{node.name}" as' in seen or f'* {node.name}" as' in seen or "H " in seen


@settings(max_examples=times(100))
@given(nasty_machines())
def test_labels_of_a_graph_are_well_formed_and_say_the_names(
    machine: Machine[Any, Any, Any],
) -> None:
    table = compiled(machine)

    drawn = draw(table, (), "dot")

    bare = re.sub(r'"[^"]*"', "", re.sub(r"label=<.*>(?=[,;\]])", "label=_", drawn))
    assert all(bare.count(one) == bare.count(other) for one, other in ("{}", "[]"))
    assert "<" not in bare
    for label in labels_of(drawn):
        ElementTree.fromstring(f"<label>{label}</label>")
    seen = html.unescape(drawn).replace("\u200b", "")
    assert all(f"{node.name}</B>" in seen for node in table.nodes)


@settings(max_examples=times(100))
@given(nasty_machines())
def test_the_text_says_every_state_row_and_effect(machine: Machine[Any, Any, Any]) -> None:
    table = compiled(machine)

    lines = draw(table, (), "text").split("\n")

    words = [line.split(maxsplit=1)[0] for line in lines]
    assert words[0] == "machine"
    assert sum(word in ("state", "region", "final", "history") for word in words) == (
        len(table.nodes) - 1
    )
    assert sum(word in ("on", "after", "always", "done") for word in words) == len(table.rows)
    assert words.count("do") == sum(len(node.forms) for node in table.nodes)
    for node in table.nodes[1:]:
        assert any(node.name in line or repr(node.name) in line for line in lines)
    for row in table.rows:
        target = table.nodes[row.target].name if row.target else ""
        assert any(target in line or repr(target) in line for line in lines)


@settings(max_examples=times(30))
@given(nasty_machines())
def test_a_drawing_can_be_printed_and_is_the_same_twice(machine: Machine[Any, Any, Any]) -> None:
    table = compiled(machine)
    states = [node.name for node in table.nodes[1:]]

    for form in FORMS:
        drawn = draw(table, states, form)
        assert drawn == draw(table.machine, reversed(states), form)
        assert drawn.replace("\n", "").isprintable()


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@settings(max_examples=times(10))
@given(nasty_machines())
def test_graphviz_reads_what_we_write(machine: Machine[Any, Any, Any]) -> None:
    drawn = draw(compiled(machine), (), "dot")

    done = subprocess.run(["dot", "-Tsvg"], input=drawn.encode(), capture_output=True, check=True)

    ElementTree.fromstring(done.stdout)


@every_form
def test_a_drawing_is_the_same_in_every_process(form: Drawing) -> None:
    code = (
        "import sys; from detent import draw; from tests.kernel.wide import wide;"
        f"sys.stdout.buffer.write(draw(wide, (), {form!r}).encode())"
    )

    drawn = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert drawn == {draw(wide, (), form).encode()}
