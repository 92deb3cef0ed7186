"""How two trees differ, in words that are read from the top: where, what one has there, what the other has.

Rule 1: what is alike is not told; of an object or a list only what differs inside is.
Rule 2: lists are laid side by side from both ends, so that an item put in is one difference.
"""

from collections.abc import Iterator

from attrs import frozen

from detent.kernel.wire import Tree, spelled

__all__ = ["ABSENT", "Difference", "differences"]

LONGEST = 60  # characters of a value that are shown; more does not fit beside another


class _Absent:
    """Stands for what is not there."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()


@frozen
class Difference:
    """One place where two trees differ."""

    path: str
    expected: Tree | _Absent
    actual: Tree | _Absent

    def __str__(self) -> str:
        return f"{self.path or 'all'}: {_shown(self.expected)} -> {_shown(self.actual)}"


def differences(expected: Tree, actual: Tree, path: str = "") -> tuple[Difference, ...]:
    """Everything in which two trees differ.

    >>> for one in differences({"total": 5, "items": ["a", "c"]}, {"total": 7, "items": ["a", "b", "c"]}):
    ...     print(one)
    total: 5 -> 7
    items[1]: nothing -> "b"
    """
    return tuple(_differences(expected, actual, path))


def _differences(expected: Tree, actual: Tree, path: str) -> Iterator[Difference]:
    if isinstance(expected, dict) and isinstance(actual, dict):
        if expected.get("$") == actual.get("$"):
            yield from _in_objects(expected, actual, path)
            return
    elif isinstance(expected, list) and isinstance(actual, list):
        yield from _in_lists(expected, actual, path)
        return
    if spelled(expected) != spelled(actual):
        yield Difference(path, expected, actual)


def _in_objects(
    expected: dict[str, Tree], actual: dict[str, Tree], path: str
) -> Iterator[Difference]:
    for key in [*expected, *(key for key in actual if key not in expected)]:
        inner = f"{path}.{key}" if path else key
        if key not in actual:
            yield Difference(inner, expected[key], ABSENT)
        elif key not in expected:
            yield Difference(inner, ABSENT, actual[key])
        else:
            yield from _differences(expected[key], actual[key], inner)


def _in_lists(expected: list[Tree], actual: list[Tree], path: str) -> Iterator[Difference]:
    end = min(len(expected), len(actual))
    start = 0
    while start < end and spelled(expected[start]) == spelled(actual[start]):
        start += 1
    last = 0
    while last < end - start and spelled(expected[-1 - last]) == spelled(actual[-1 - last]):
        last += 1
    one, other = expected[start : len(expected) - last], actual[start : len(actual) - last]
    common = min(len(one), len(other))
    for place in range(common):
        yield from _differences(one[place], other[place], f"{path}[{start + place}]")
    for place in range(common, len(one)):
        yield Difference(f"{path}[{start + place}]", one[place], ABSENT)
    for place in range(common, len(other)):
        yield Difference(f"{path}[{start + place}]", ABSENT, other[place])


def _shown(value: Tree | _Absent) -> str:
    if isinstance(value, _Absent):
        return repr(value)
    text = spelled(value).decode()
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
