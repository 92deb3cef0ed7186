"""Drawing from few options. Strategies are made once, because making them costs more than drawing from them."""

from collections.abc import Sequence
from functools import cache
from typing import TypeAlias, TypeVar

from hypothesis import strategies as st

__all__ = ["Draw", "index", "one_in", "pick"]

T = TypeVar("T")
Draw: TypeAlias = st.DrawFn


def index(draw: Draw, size: int) -> int:
    """A number from zero on, below a size."""
    return draw(_below(size))


def pick(draw: Draw, options: Sequence[T]) -> T:
    """One of some options; the first is the simplest."""
    return options[index(draw, len(options))]


def one_in(draw: Draw, odds: int) -> bool:
    """Something that is true once in so many times."""
    return index(draw, odds) == odds - 1


@cache
def _below(size: int) -> st.SearchStrategy[int]:
    return st.integers(0, size - 1)
