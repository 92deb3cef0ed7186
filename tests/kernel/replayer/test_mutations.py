"""What replay says of a machine of which one thing is otherwise: which entry comes out differently, and how."""

from typing import Any

import pytest

from detent import compile_machine
from detent.kernel import Difference, Divergence, replay
from tests.kernel.replayer.corpus import Plan, logs, parcel
from tests.kernel.replayer.mutants import MUTATIONS, with_field

RECORDED = logs()
LENGTHS = {run: int(replay(log, parcel()).entries) for run, log in RECORDED.items()}


def shape_of_plan(**changes: Any) -> str:
    """The first letters of a digest."""
    return compile_machine(parcel(Plan(**changes))).shape[:12]


SHAPE = shape_of_plan()


@pytest.mark.parametrize("what", MUTATIONS)
def test_what_is_otherwise_is_found_at_its_entry_and_said_in_its_word(what: str) -> None:
    changes, expected = MUTATIONS[what]
    machine = parcel(Plan(**changes))

    found = {run: replay(log, machine) for run, log in RECORDED.items()}

    told = {
        run: (one.divergence.seq, one.divergence.kind)
        for run, one in found.items()
        if one.divergence is not None
    }
    assert told == expected
    for run, one in found.items():
        seq = told[run][0] if run in told else LENGTHS[run] + 1
        assert one.entries == max(0, seq - 1)


def test_more_differences_than_anybody_reads_are_counted() -> None:
    many = tuple(Difference(f"data.n{number}", 1, 2) for number in range(14))

    lines = str(Divergence("run", 3, "reducer", "on/0 -> on", "on/0 -> on", many)).splitlines()

    assert len(lines) == 3 + 12 + 1
    assert lines[-1] == "    ... and 2 more"


# -- in words

TEXTS: dict[str, tuple[str, list[str]]] = {
    "the text of a guard": (
        "failed",
        [
            "2 entries as recorded",
            'changed since: states.packing.rows.packing/1.when: "data.weight > 0" -> "data.weight > 20"',
            "entry 3 of run 'failed' diverges: guard",
            "  recorded: packing/1 -> labelling",
            "  now:      packing/2 -> counter",
            '    took[0][0]: "packing/1" -> "packing/2"',
            '    in[0]: "labelling" -> "counter"',
            '    effects.1: ["labelling","label",0,{"$":"Print","weight":"books: 1"}] -> nothing',
            "    count: 2 -> 1",
            "    ordered[0]: 1 -> nothing",
        ],
    ),
    "the target of a row": (
        "failed",
        [
            "4 entries as recorded",
            'changed since: states.labelling.rows.labelling/1.to: "packing" -> "counter"',
            "entry 5 of run 'failed' diverges: target",
            "  recorded: labelling/1 -> packing",
            "  now:      labelling/1 -> counter",
            '    in[0]: "packing" -> "counter"',
        ],
    ),
    "the body of an update": (
        "posted",
        [
            "1 entry as recorded",
            "entry 2 of run 'posted' diverges: reducer",
            "  recorded: packing/0 -> packing",
            "  now:      packing/0 -> packing",
            "    data.weight: 5 -> 10",
        ],
    ),
    "an update that raises": (
        "posted",
        [
            "5 entries as recorded",
            "entry 6 of run 'posted' diverges: broken",
            "  recorded: labelling/2 -> labelling",
            "  now:      labelling/2: update seen: LookupError: no such thing",
        ],
    ),
    "an event that is ignored now": (
        "posted",
        [
            "5 entries as recorded",
            "changed since: states.labelling.rows.labelling/2: "
            '{"kind":"on","on":["Checked"],"when":"","update":"tests.k... -> nothing',
            'changed since: states.labelling.otherwise.Checked: nothing -> "ignored"',
            "entry 6 of run 'posted' diverges: event removed",
            "  recorded: labelling/2 -> labelling",
            "  now:      Checked ignored in labelling",
        ],
    ),
    "fewer orders at once": (
        "heavy",
        [
            "5 entries as recorded",
            "changed since: effects.scans.at_most: 2 -> 1",
            "entry 6 of run 'heavy' diverges: effects",
            "  recorded: road/0 -> travelling, depot",
            "  now:      road/0 -> travelling, depot",
            "    effects.3[3].$fan.begun: 2 -> 1",
            "    ordered[1]: 4 -> nothing",
        ],
    ),
    "a beginning that raises": (
        "direct",
        [
            "0 entries as recorded",
            "entry 1 of run 'direct' diverges: broken",
            "  recorded: begin -> packing",
            "  now:      machine 'parcel': begin raised LookupError('no such thing')",
        ],
    ),
    "a field of the data": (
        "direct",
        [
            "0 entries as recorded",
            "run 'direct' diverges: shape",
            f"  recorded: shape {SHAPE}",
            f"  now:      shape {shape_of_plan(data=with_field(), begin=None, result=None)}",
            '    classes.Parcel.colour: nothing -> "str"',
        ],
    ),
    "the first state": (
        "direct",
        [
            "0 entries as recorded",
            "run 'direct' diverges: shape",
            f"  recorded: shape {SHAPE}",
            f"  now:      shape {shape_of_plan(first='depot')}",
            '    order of states[6]: "road" -> "depot"',
            '    order of states[7]: "depot" -> "road"',
        ],
    ),
}


@pytest.mark.parametrize("what", TEXTS)
def test_what_is_otherwise_is_said_in_a_few_lines(what: str) -> None:
    run, lines = TEXTS[what]
    changes, _ = MUTATIONS[what]

    found = replay(RECORDED[run], parcel(Plan(**changes)))

    assert str(found).splitlines() == lines
