"""What must be edited so that one value becomes another."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import Shape, canonical
from detent.kernel.delta.differ import Differ
from detent.kernel.delta.edits import Edit, edited
from detent.kernel.wire import parsed, spelled
from tests.kernel.delta.annotations import SHAPES, Draw, codec_of, pairs
from tests.settings import times

Change = tuple[Shape, Any, Any]


@st.composite
def changes(draw: Draw) -> Change:
    """A shape, and two values of it."""
    shape = draw(SHAPES)
    return shape, *draw(pairs(shape))


def edit_of(shape: Shape, old: Any, new: Any) -> Edit:
    """The edit that makes the second value of the first."""
    return Differ(codec_of(shape)).compare(shape)(old, new)


def read_back(shape: Shape, value: Any) -> Any:
    """The same value, in other objects."""
    codec = codec_of(shape)
    return codec.read(shape, parsed(spelled(codec.write(shape, value))))


@settings(max_examples=times(400))
@given(changes())
def test_an_edit_makes_the_tree_of_the_new_value_of_that_of_the_old_one(change: Change) -> None:
    shape, old, new = change
    codec = codec_of(shape)
    before, after = codec.write(shape, old), codec.write(shape, new)
    written = spelled(before)

    edit = edit_of(shape, old, new)

    made = before if edit is None else edited(before, parsed(spelled(edit)), {})
    assert spelled(made) == spelled(after)
    assert spelled(before) == written


@settings(max_examples=times(400))
@given(changes())
def test_there_is_no_edit_exactly_if_both_are_one_value(change: Change) -> None:
    shape, old, new = change

    edit = edit_of(shape, old, new)

    assert (edit is None) == (canonical(old) == canonical(new))


@settings(max_examples=times(300))
@given(changes())
def test_an_edit_depends_on_the_values_and_not_on_their_objects(change: Change) -> None:
    shape, old, new = change

    edits = [
        edit_of(shape, one, other)
        for one in (old, read_back(shape, old))
        for other in (new, read_back(shape, new))
    ]

    assert len({spelled(edit) for edit in edits}) == 1
