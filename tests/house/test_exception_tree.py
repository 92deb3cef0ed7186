"""The drawing in `kernel/errors.py` is the tree of its classes."""

import importlib
from collections.abc import Iterator

import detent.kernel.errors as errors
from tests.house.sources import sources, text_below


def drawn(kind: type[Exception], depth: int = 0) -> Iterator[str]:
    """A class and what derives from it, by the alphabet, as it is drawn."""
    yield f"{'  ' * depth}{kind.__name__}"
    for below in sorted(kind.__subclasses__(), key=lambda one: one.__name__):
        yield from drawn(below, depth + 1)


def everything(kind: type[Exception]) -> Iterator[type[Exception]]:
    """A class and what derives from it."""
    yield kind
    for below in kind.__subclasses__():
        yield from everything(below)


def test_the_drawing_is_the_tree() -> None:
    for source in sources():
        importlib.import_module(source.module)

    assert text_below(errors.__doc__ or "") == list(drawn(errors.DetentError))


def test_every_exception_is_in_one_file() -> None:
    for source in sources():
        importlib.import_module(source.module)

    others = {one for one in everything(errors.DetentError) if one.__module__ != errors.__name__}

    assert others == set()


def test_every_exception_is_public() -> None:
    assert {one.__name__ for one in everything(errors.DetentError)} <= set(errors.__all__)
