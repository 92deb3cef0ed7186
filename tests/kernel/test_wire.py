"""Trees to bytes and back."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel.wire import NoJson, parsed, spelled
from tests.kernel.shape_toys import JUNK
from tests.settings import times


@given(JUNK)
def test_what_is_spelled_reads_back_as_the_same_tree(tree: Any) -> None:
    assert spelled(parsed(spelled(tree))) == spelled(tree)
    assert parsed(spelled(tree)) == tree


@given(JUNK)
def test_every_other_reader_of_json_reads_the_same(tree: Any) -> None:
    assert json.loads(spelled(tree)) == tree


@settings(max_examples=times(300))
@given(
    st.binary(max_size=12) | st.text('[]{}",:0123456789.eE+-tru\\u$', max_size=12).map(str.encode)
)
def test_bytes_are_read_or_refused_and_nothing_else_happens(data: bytes) -> None:
    try:
        tree = parsed(data)
    except NoJson:
        return

    assert parsed(spelled(tree)) == tree


@given(JUNK.filter(lambda tree: isinstance(tree, list | dict)), st.data())
def test_what_was_cut_off_is_no_json(tree: Any, data: st.DataObject) -> None:
    text = spelled(tree)

    with pytest.raises(NoJson):
        parsed(text[: data.draw(st.integers(0, len(text) - 1))])


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[1,]",
        b"NaN",
        b"1 2",
        b"1e400",
        b"'a'",
        b'"\\ud800"',
        b'"\x00"',
        b'"\xff"',
        b'{"\xff":1}',
    ],
)
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(NoJson):
        parsed(text)


def test_what_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(RecursionError):
        parsed(b"[" * 100_000)


def test_one_and_one_point_nought_are_spelled_and_read_differently() -> None:
    assert spelled([1, True, 1.0, -0.0, 1e16, 0.1]) == b"[1,true,1.0,-0.0,1e16,0.1]"
    assert list(map(type, _items(b"[1,true,1.0]"))) == [int, bool, float]


def _items(text: bytes) -> list[Any]:
    tree = parsed(text)
    assert isinstance(tree, list)
    return list(tree)


def test_a_text_that_is_no_text_is_no_json_for_any_version_of_the_wire_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Older:
        """A decoder of msgspec before 0.23."""

        def decode(self, data: bytes) -> object:
            """Raise what it raised."""
            return data.decode()

    monkeypatch.setattr("detent.kernel.wire._DECODER", Older())

    with pytest.raises(NoJson, match="a text is no UTF-8"):
        parsed(b"\xff")
