"""Values, and their one spelling in bytes."""

import copy
import json
import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from enum import KEEP, Enum, Flag, IntEnum, StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from attrs import define, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from detent import FrozenMap, Unstorable, freeze
from detent.kernel import canonical, digest
from detent.kernel.shapes import Anything, shape_of
from detent.kernel.values import moment, tree
from detent.tools.testing import values
from tests.kernel.wide import All, Branch, Colour, Leaf, Mood

JSON = values(Anything())


class Level(IntEnum):
    """Numbers with names."""

    LOW = 1


class Text(str):
    """A text that is not only a text."""


@frozen
class One:
    """A record."""

    n: object = 0


@frozen
class Other:
    """A record with the same field."""

    n: object = 0


@define
class Loose:
    """A record that can be changed."""

    n: int = 0


@frozen
class Derived:
    """A record that computes a field."""

    n: int
    twice: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "twice", 2 * self.n)


LOOKALIKES: list[list[Any]] = [
    [1, True, 1.0, Decimal("1"), Decimal("1.0"), Decimal("1.00"), "1", b"1", Level.LOW],
    [0, False, 0.0, -0.0, None, "", b"", (), frozenset[int](), FrozenMap[str, int]()],
    ["good", Mood.GOOD, Colour.RED],
    [(1, 2), frozenset({1, 2}), ((1, 2),), FrozenMap({1: 2})],
    [One(1), Other(1), FrozenMap({"$": "One", "n": 1}), FrozenMap(n=1)],
    [Decimal("1"), FrozenMap({"$decimal": "1"}), "1"],
    [float("inf"), float("-inf"), "inf", FrozenMap({"$float": "inf"})],
    [datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1), "2026-01-01"],
    [timedelta(seconds=1), 1_000_000, "1000000"],
    [UUID(int=1), str(UUID(int=1))],
    [2**63, hex(2**63), 2**63 - 1, float(2**63)],
    [FrozenMap({1: "a"}), FrozenMap({"1": "a"}), FrozenMap({True: "a"})],
    ["\ud800", "\\ud800"],
]


@pytest.mark.parametrize("alike", LOOKALIKES, ids=repr)
def test_values_that_look_alike_have_different_bytes(alike: list[Any]) -> None:
    assert len({canonical(value) for value in alike}) == len(alike)


@given(values(shape_of(All)))
def test_equal_values_have_equal_bytes(value: All) -> None:
    again = copy.deepcopy(value)

    assert canonical(again) == canonical(value)
    assert digest(again) == digest(value)


@given(values(shape_of(All)))
def test_canonical_bytes_are_json(value: All) -> None:
    assert json.loads(canonical(value)) == json.loads(json.dumps(tree(value)))


@given(values(shape_of(All)), values(shape_of(All)))
def test_equal_bytes_mean_equal_values(one: All, other: All) -> None:
    assert (canonical(one) == canonical(other)) <= (one == other)


@given(st.dictionaries(st.text() | st.integers() | st.booleans(), st.integers()))
def test_a_map_does_not_remember_how_it_was_made(items: dict[Any, int]) -> None:
    backwards = dict(reversed(items.items()))

    one, other = FrozenMap(items), FrozenMap(backwards)

    assert list(one) == list(other)
    assert one == other == items
    assert hash(one) == hash(other)
    assert canonical(one) == canonical(other)


def test_a_map_holds_any_keys_that_can_be_stored() -> None:
    keys: list[Any] = [b"k", 1, "1", None, Colour.RED, date(2026, 1, 1), (1, 2), Decimal("NaN")]

    held = FrozenMap((key, 0) for key in keys)

    assert len(held) == len(keys)


def test_a_map_never_changes() -> None:
    held: Any = FrozenMap(a=1)

    with pytest.raises(AttributeError, match="never changes"):
        held.more = 1
    assert held.set("b", 2) == {"a": 1, "b": 2}
    assert held.drop("a") == {}
    assert held.drop("z") == held == {"a": 1}


@given(JSON)
def test_frozen_json_is_its_own_frozen_form(value: Any) -> None:
    assert canonical(freeze(value)) == canonical(value)


def test_what_a_json_reader_gives_is_frozen() -> None:
    read = json.loads('{"b": [1, {"c": null}], "a": true}')

    assert freeze(read) == FrozenMap(a=True, b=(1, FrozenMap(c=None)))


@pytest.mark.parametrize("value", [{1: 2}, {"a": object()}, [{1}], object(), b"raw", Text("a")])
def test_what_is_no_json_is_not_frozen(value: Any) -> None:
    with pytest.raises(Unstorable):
        freeze(value)


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ([1], "a tuple"),
        ({1}, "a frozenset"),
        ({"a": 1}, "a FrozenMap"),
        (bytearray(b"a"), "use bytes"),
        (Loose(), "attrs.frozen"),
        (object(), "attrs.frozen"),
        (One([1]), "a tuple"),
        ((1, [2]), "a tuple"),
        (Text("a"), "nobody could read"),
        (len, "nobody could read"),
    ],
    ids=repr,
)
def test_what_cannot_be_stored_is_refused_with_advice(value: Any, advice: str) -> None:
    with pytest.raises(Unstorable, match=advice):
        canonical(value)


def test_what_a_record_computes_is_not_part_of_its_value() -> None:
    assert tree(Derived(2)) == {"$": "Derived", "n": 2}


def test_records_are_tagged_with_their_class() -> None:
    assert tree(Branch((Leaf(Decimal("1.0")),))) == {
        "$": "Branch",
        "inside": [{"$": "Leaf", "weight": {"$decimal": "1.0"}}],
    }


def test_a_set_is_written_in_an_order_of_its_own() -> None:
    assert canonical(frozenset("cab")) == canonical(frozenset("bca")) == b'{"$set":["a","b","c"]}'


def test_a_huge_number_can_be_written() -> None:
    assert canonical(10**5000).startswith(b'{"$int":"0x')


def test_half_a_surrogate_pair_is_told_from_a_whole_one() -> None:
    assert canonical("é\ud800") == b'{"$surrogates":"00e9d800"}'
    assert canonical(("😀", "\ud800")) != canonical(("\ud83d\ude00", "\ud800"))
    assert canonical(FrozenMap({"\ud800": 1})).startswith(b'{"$map"')


def test_flags_without_a_name_are_told_apart() -> None:
    class Bits(Flag, boundary=KEEP):
        ONE = 1

    assert len({canonical(Bits(n)) for n in (0, 1, 8, 16)}) == 4


def test_a_decimal_is_written_the_same_in_every_context() -> None:
    with localcontext() as context:
        context.capitals = 0
        assert canonical(Decimal("1E+2")) == b'{"$decimal":"1E+2"}'


def test_equal_maps_have_equal_hashes() -> None:
    one, other = FrozenMap({1.0: "x", 0: "y"}), FrozenMap({1: "x", 0: "y"})

    assert one == other
    assert hash(one) == hash(other) == hash(one)
    assert FrozenMap(items=1, self=2) == {"items": 1, "self": 2}


def test_what_is_nested_too_deeply_is_refused() -> None:
    deep: Any = ()
    for _ in range(5000):
        deep = (deep,)

    with pytest.raises(Unstorable, match="too deeply"):
        canonical(deep)


def test_a_zone_with_rules_is_refused() -> None:
    with pytest.raises(Unstorable, match="astimezone"):
        canonical(datetime(2026, 7, 1, tzinfo=ZoneInfo("Europe/Berlin")))


def test_a_moment_beyond_all_times_is_the_last_one() -> None:
    assert moment(10**18).year == 9999


def test_times_keep_their_offset() -> None:
    here = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))

    assert canonical(here) == b'{"$datetime":"2026-01-01T00:00:00+01:00"}'


def test_a_moment_is_an_instant_in_utc() -> None:
    assert moment(1_500_000) == datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)


def test_maps_can_be_pickled_and_copied() -> None:
    held = FrozenMap({"a": (1, 2)})

    assert pickle.loads(pickle.dumps(held)) == held
    assert copy.copy(held) == copy.deepcopy(held) == held
    assert repr(held) == "FrozenMap({'a': (1, 2)})"


def test_an_enumeration_is_its_class_and_name() -> None:
    class Shade(Enum):
        DARK = object()

    assert tree(Shade.DARK) == {"$enum": "Shade.DARK"}


def test_texts_that_are_enumerations_are_not_texts() -> None:
    class Word(StrEnum):
        YES = "yes"

    assert canonical(Word.YES) != canonical("yes")
