"""Drawings: whatever compiles is drawn, nothing is left out, and no name can break out of its form.

This file is long because it holds whole drawings, which are to be read beside their machines.
"""

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
from attrs import frozen
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
    Event,
    Final,
    FinalStatus,
    History,
    Ignore,
    Machine,
    On,
    Region,
    Reject,
    Retry,
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
from examples.order import Add, Cart, Charge, Pay, charge
from examples.order import order as ORDER
from tests.kernel.wide import wide
from tests.settings import times

ROOT = Path(__file__).parents[2]
FORMS: tuple[Drawing, ...] = ("mermaid", "dot", "text")
every_form = pytest.mark.parametrize("form", FORMS)


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
      on wait.returned                   [event.value]  -> paying
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
    s3 --> s2 : wait.returned [event.value]
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
    (draw(SIDES), SIDES_MERMAID),
    (draw(SIDES, (), "dot")[-len(SIDES_DOT_ARROWS) :], SIDES_DOT_ARROWS),
]


@pytest.mark.parametrize(("drawn", "expected"), GOLDEN)
def test_small_machines_are_drawn_exactly_so(drawn: str, expected: str) -> None:
    assert drawn == expected


# Machines with nasty names

NASTY = """end|state|[*]|"quoted"|it's|a:b|a;b|#35;|{x}|}|--|a --> b|<b>x</b>|x [[choice]]|direction LR|%% c
- item|1. one|*bold*|_it_|`code`|www.x.com|[a](b)|\\|a\\N|&lt;|&|ﬂ°°58¶ß|日本語|é|class|note right of s1|a -> b
on Add|* lit|digraph|cluster_s1|x "|a (initial)|A  B|</TD>|-->|root|s1|#quot;|~~s~~|$$x$$|%%{init: {}}%%"""
printable = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=8)
names = st.sampled_from(re.split(r"[|\n]", NASTY)) | printable


def shop(data: Cart) -> str:
    """A question, or an address."""
    return "shop"


def kind(name: str) -> type[Event]:
    """A class of events with a name that no one would choose."""
    return frozen(type(name, (Event,), {}))


KINDS = [kind(name) for name in ('E"x', "a;b", "end", "_p_", "<b>")]
GUARDS: list[Any] = [None, "data.total > len('\"; {#<b>:')", lambda data, event: True]
SECONDS: list[Any] = [0, 1.5, 1e9, lambda data: 1.0]
UPDATES: list[Any] = [None, lambda data, event: data, assign(total="len('a:b;c')")]
STATUSES: tuple[FinalStatus, ...] = ("completed", "failed")
EFFECTS: list[Doing[Any]] = [
    Call(Charge, Cart.charge, timeout=0.5, name='c"h; <x>'),
    Wait(bool, 'first line\nsecond "line"; <b>: #1 {' + "long " * 20, name="ask; them"),
    Wait(str, shop, deadline=120, name="other"),
    Spawn(ORDER, lambda data: data),
    Send(shop, lambda data: KINDS[0](), name="told"),
    Each((Call(Charge), Wait(bool, name="or")), lambda data: (), stop_on_failure=True),
]
effects = st.lists(st.sampled_from(EFFECTS), max_size=2, unique_by=id).map(tuple)


@st.composite
def nasty_tables(draw: st.DrawFn) -> Table[Any, Any, Any]:
    """A machine with states of every kind and rows of every direction, under any names."""
    twelve = draw(st.lists(names, min_size=12, max_size=12, unique=True))
    a, b, c, d, e, f, g, h, i, j, k, m = twelve
    deep, flag = draw(st.booleans()), draw(st.sampled_from(STATUSES))
    left = Region(c, State(d, *_rows(draw, c, d, e, f, i)), Final(e, flag), History(f, deep=deep))
    parts: list[Any] = [
        State(a, *_rows(draw, a, b, d, h, i), do=draw(effects)),
        State(b, left, Region(g, do=draw(effects)), History(h), *_rows(draw, b, c, d, i, a)),
        State(i, State(j, *_rows(draw, i, j, k, m)), State(k, State(m, *_rows(draw, i, k, d)))),
    ]
    leading = [On(KINDS[0], to=name) for name in twelve]
    machine: Any = Machine(draw(names), *parts, *leading, data=Cart, background=draw(effects))
    return compile_machine(machine)


def _rows(draw: st.DrawFn, *targets: str) -> Iterator[Any]:
    anywhere = st.sampled_from(targets)
    for event in draw(st.lists(st.sampled_from(KINDS[1:4]), max_size=3)):
        some = {"when": draw(st.sampled_from(GUARDS)), "update": draw(st.sampled_from(UPDATES))}
        yield On(event, to=draw(st.none() | anywhere), reenter=draw(st.booleans()), **some)
    if draw(st.booleans()):
        yield After(draw(st.sampled_from(SECONDS)), to=draw(anywhere))
        yield Always(to=draw(anywhere), when="data.total > 1")
        yield draw(st.sampled_from([Ignore, Defer, Reject]))(KINDS[4])


LABEL = re.compile(r"<((?:[^<>]|<[^<>]*>)*)>")  # of what is not a tag, all angles are escaped
ESCAPE = re.compile(r"#(\d+);")
TEXT = r"[^\":;{}#<\n]+"
MERMAID = re.compile(
    r"stateDiagram-v2|\[\*\] --> s\d+|s\d+ --> \[\*\]|--|\}|classDef \w+ [\w:#,\- ]+|class [\w,]+ \w+"
    rf"|state \"{TEXT}\" as \w+( \{{)?|(s|in)\d+ : {TEXT}|(s|in)\d+ --> s\d+( : {TEXT})?"
)


def read_mermaid(drawn: str) -> str:
    """What a reader of the picture sees."""
    return ESCAPE.sub(lambda found: chr(int(found[1])), drawn).replace("\u200b", "")


@settings(max_examples=times(100))
@given(nasty_tables())
def test_mermaid_is_of_the_few_kinds_of_lines_we_know_to_work(table: Table[Any, Any, Any]) -> None:
    drawn = draw(table)

    for line in drawn.split("\n"):
        bare = re.sub(r"#\d+;|<br/>", "_", line).strip()
        assert MERMAID.fullmatch(bare), line
    assert drawn.count(" {\n") == len(re.findall(r"^ *\}$", drawn, re.MULTILINE))
    seen = read_mermaid(drawn)
    for node in table.nodes[1:]:
        mark = ("H* " if node.deep else "H ") if node.kind == "history" else ""
        assert f'state "{mark}{node.name}" as s{node.index}' in seen


@settings(max_examples=times(100))
@given(nasty_tables())
def test_labels_of_a_graph_are_well_formed_and_say_the_names(table: Table[Any, Any, Any]) -> None:
    drawn = draw(table, (), "dot")

    arrowless = drawn.replace("->", "")
    for label in LABEL.findall(arrowless):
        ElementTree.fromstring(f"<label>{label}</label>")
    bare = re.sub(r'"[^"]*"', "", LABEL.sub("", arrowless))
    assert all(bare.count(one) == bare.count(other) for one, other in ("{}", "[]", "<>"))
    assert '"' not in bare
    seen = html.unescape(drawn).replace("\u200b", "")
    assert all(f"{node.name}</B>" in seen for node in table.nodes)


@settings(max_examples=times(100))
@given(nasty_tables())
def test_the_text_says_every_state_row_and_effect(table: Table[Any, Any, Any]) -> None:
    lines = draw(table, (), "text").split("\n")

    words = [line.split(maxsplit=1) for line in lines]
    states = [name for word, name in words if word in ("state", "region", "final", "history")]
    rows = [line for line in lines if re.match(r" +(on|after|always|done)\b", line)]
    for node, state in zip(table.nodes[1:], states, strict=True):
        assert state.startswith((node.name, repr(node.name)))
    for row, line in zip(table.rows, rows, strict=True):
        target = table.nodes[row.target].name if row.target else ""
        again = " (reenter)" if row.reenter else ""
        assert line.endswith((f"{target}{again}", f"{target!r}{again}"))
        assert (row.guard_name if row.condition else "") in line
    forms = [form.key for node in table.nodes for form in node.forms]
    assert forms == [said.split(":")[0] for word, said in words if word == "do"]


@settings(max_examples=times(30))
@given(nasty_tables())
def test_a_drawing_can_be_printed_and_is_the_same_twice(table: Table[Any, Any, Any]) -> None:
    states = [node.name for node in table.nodes[1:]]

    for form in FORMS:
        drawn = draw(table, states, form)
        assert drawn == draw(table.machine, reversed(states), form)
        assert drawn.replace("\n", "").isprintable()


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@settings(max_examples=times(10))
@given(nasty_tables())
def test_graphviz_reads_what_we_write(table: Table[Any, Any, Any]) -> None:
    drawn = draw(table, (), "dot")

    done = subprocess.run(["dot", "-Tsvg"], input=drawn.encode(), capture_output=True, check=True)

    ElementTree.fromstring(done.stdout)


@every_form
def test_a_drawing_is_the_same_in_every_process(form: Drawing) -> None:
    show = f"print(ascii(draw(wide, (), {form!r})))"
    code = f"from detent import draw; from tests.kernel.wide import wide; {show}"
    there = {**os.environ, "PYTHONHASHSEED": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=there, capture_output=True)

    assert done.stdout.decode().strip() == ascii(draw(wide, (), form))


# What is lit


@every_form
def test_a_snapshot_lights_its_configuration(form: Drawing) -> None:
    (begun,) = walk(SIDES, Cart())

    assert begun.snapshot.configuration == SIDES_LIT
    lit, dark = draw(SIDES, begun.snapshot, form), draw(SIDES, (), form)
    assert lit == draw(SIDES, iter(SIDES_LIT), form)
    changed = [line for line in lit.split("\n") if line not in dark.split("\n")]
    assert len(changed) == 4


Place = Enum("Place", {"ASKING": "asking"}, type=str)  # its hash is not that of its value


@pytest.mark.parametrize("name", ["asking", *Place])
def test_a_name_alone_lights_as_well_and_so_does_a_member_of_an_enumeration(name: Any) -> None:
    assert draw(ORDER, name) == draw(ORDER, [name]) == draw(ORDER, ["asking"])


@pytest.mark.parametrize("name", ["payin", "", 5])
def test_a_name_that_is_no_state_cannot_be_lit(name: Any) -> None:
    with pytest.raises(WrongInput, match="its states are 'cart', 'paying', 'asking', 'paid'") as e:
        draw(ORDER, [name])

    assert f"has no state {name!r}" in str(e.value)
    assert ("did you mean 'paying'?" in str(e.value)) == (name == "payin")


@pytest.mark.parametrize("form", ["svg", None, ["dot"]])
def test_another_form_is_refused_with_those_there_are(form: Any) -> None:
    with pytest.raises(WrongInput, match="no form of drawing: it is 'mermaid', 'dot', 'text'"):
        draw(ORDER, (), form)


# Words


def drawn_with(*parts: Any, form: Drawing = "text", **more: Any) -> str:
    """The drawing of a state with some parts, without that of the machine and of state `out`."""
    machine: Machine[Any, Any, Any] = Machine(
        "m", State("s", *parts, On(Pay, to="out"), **more), State("out"), data=Cart
    )
    return draw(machine, (), form)


SAID: dict[Any, str] = {0.25: "0.25 s", 90.0: "90 s", 7200: "2 h", 1e9: "1000000000 s"}


@pytest.mark.parametrize(("time", "said"), list(SAID.items()))
def test_a_time_is_said_in_the_largest_unit_that_measures_it(time: Any, said: str) -> None:
    lines = [line.strip() for line in drawn_with(After(time, to="out")).split("\n")]

    assert re.split(r" {2,}", lines[2]) == [f"after {said}", "-> out"]


retry = Retry(attempts=5, base=0, total=10**20)
two = (Call(Charge), Wait(bool))
SPOKEN: tuple[Doing[Any], ...] = (
    Call(Charge, partial(Charge), retry=retry, limit="li", name="one"),
    Call(Charge, Cart.charge, timeout=60, breaker="br"),
    Wait(bool, shop),
    Wait(bool, "two\nlines", name="ask"),
    Wait(str, "x" * 61, deadline=0.5, name="x"),
    Spawn(ORDER, lambda data: data),
    Send("there", Pay()),
    Send(shop, lambda data: Pay(), name="tell"),
    Each(two, lambda data: (), at_most=10**6, stop_on_failure=True, name="two"),
)
COMPLETE = rf"""
do one: call Charge from partial(Charge) (at_most_once, 5 attempts, base 0, total 1.000e+20, limit li)
do charge: call Charge from Cart.charge (at_most_once, 1 min, breaker br)
do wait: wait for bool from shop
do ask: wait for bool, 'two\nlines'
do x: wait for str, '{"x" * 61}' (0.5 s)
do order: run order from lambda
do send: send Pay to 'there'
do tell: send lambda to shop
do two: each of charge: call Charge (at_most_once) | wait: wait for bool from lambda \
(at most 1000000, stop on failure)""".replace("\\\n", "")
LEAN = f"""
do / one (at_most_once, 5 attempts, limit li)
do / charge (at_most_once, 1 min, breaker br)
do / wait
do / ask ('two lines')
do / x ('{"x" * 57}...', 0.5 s)
do / order (run order)
do / send (send Pay to 'there')
do / tell (send lambda to shop)
do / two (each of charge (at_most_once) | wait, at most 1000000, stop on failure)"""


def test_an_effect_is_said_with_all_that_bounds_it() -> None:
    complete, lean = drawn_with(do=SPOKEN), drawn_with(do=SPOKEN, form="mermaid")

    assert COMPLETE.replace("\n", "\n      ") in complete
    assert LEAN.replace("\n", "\n    s1 : ") in read_mermaid(lean)


def test_a_machine_of_regions_is_a_state_itself_and_says_how_it_begins_and_results() -> None:
    machine: Any = Machine("m", Region("r"), data=Cart, begin=Cart, result=shop)

    assert 'state "m" as s0 {' in draw(machine)
    assert "i0" not in draw(machine, (), "dot")
    assert draw(machine, (), "text") == (
        "  machine m: Cart (parallel)\n    begin Cart\n    result shop\n    region r"
    )


def test_a_row_that_waits_for_nothing_is_always() -> None:
    assert "      always  -> out\n      on Pay  -> out\n" in drawn_with(Always(to="out"))
    assert "s1 --> s2 : always<br/>Pay" in drawn_with(Always(to="out"), form="mermaid")


def test_columns_are_aligned_on_a_terminal() -> None:
    wide_name, combined = frozen(type("日本", (Event,), {})), frozen(type("e\u0301", (Event,), {}))

    lines = drawn_with(On(wide_name, to="out"), On(combined, to="out")).split("\n")

    rows = ["on 日本  -> out", "on e\u0301     -> out", "on Pay   -> out"]
    assert [line.strip() for line in lines[2:5]] == rows


def test_a_row_outwards_leaves_the_state_it_leads_to() -> None:
    a = State("a", On(Pay, to="big"), On(Add, to="b"))
    machine = Machine("m", State("big", a, State("b"), On(Add, to="big")), data=Cart)

    mermaid, graph = draw(machine), draw(machine, (), "dot")

    assert "\n        s2 : Pay -> big\n" in mermaid
    assert "\n    s1 --> s1 : Add" in mermaid
    assert "s2 -> w2_0 [label=<Pay>, dir=none];" in graph
    assert "i1 -> w2_0 [ltail=cluster_s1, dir=back];" in graph
    assert "i1 -> w1_0 [label=<Add>, dir=none, ltail=cluster_s1];" in graph


def test_a_tangle_of_arrows_across_borders_is_ranked_in_another_way() -> None:
    leading = [On(Add, to="big") for _ in range(20)]
    machine = Machine(
        "m", State("big", State("a"), State("b", *leading)), On(Pay, to="b"), data=Cart
    )

    assert "newrank" in draw(machine, (), "dot")
    assert "newrank" not in draw(SIDES, (), "dot")
