"""Hypothesis strategies for values: whatever a field of a storable type may hold."""

from datetime import UTC
from functools import cache
from typing import Any

from hypothesis import strategies as st

from detent.kernel import (
    Anything,
    Choice,
    Either,
    Exactly,
    Fixed,
    FrozenMap,
    Keyed,
    Many,
    Record,
    Scalar,
    Sealed,
    Shape,
    Some,
    fields_of,
)

__all__ = ["values"]


@cache
def values(shape: Shape) -> st.SearchStrategy[Any]:
    """Values of a shape: whatever a field of that type may hold."""
    match shape:
        case Scalar(name):
            return _SCALARS[name]
        case Choice(kind):
            return st.sampled_from(kind)
        case Exactly(literals=literals):
            return st.sampled_from(literals)
        case Many(item):
            return st.lists(values(item), max_size=4).map(tuple)
        case Fixed(items):
            return st.tuples(*map(values, items))
        case Some(item):
            return st.frozensets(values(item), max_size=4)
        case Keyed(key, value):
            return st.dictionaries(values(key), values(value), max_size=4).map(FrozenMap)
        case Record():
            return st.deferred(lambda: _records(shape))
        case Either(members):
            return st.one_of(*map(values, members))
        case Anything():
            return _JSON
        case Sealed(inner):
            return values(inner)
        case _:
            raise ValueError(f"nothing is {shape}")


def _records(shape: Record) -> st.SearchStrategy[Any]:
    fields = {name: values(inner) for name, inner in fields_of(shape).items()}
    return st.builds(shape.kind, **fields)


_TIMES = st.datetimes(timezones=st.just(UTC))
_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "None": st.none(),
    "bool": st.booleans(),
    "int": st.integers(),
    "float": st.floats(allow_nan=False),
    "str": st.text(max_size=12),
    "bytes": st.binary(max_size=12),
    "Decimal": st.decimals(allow_nan=False, allow_infinity=False, places=2),
    "datetime": _TIMES,
    "date": st.dates(),
    "timedelta": st.timedeltas(),
    "UUID": st.uuids(),
}
_JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=4), inner, max_size=3).map(FrozenMap),
    ),
    max_leaves=8,
)
