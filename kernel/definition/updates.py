"""Updates that are declared instead of programmed, and versions for callables whose name stayed the same."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from attrs import evolve, frozen

from detent.kernel.guards import closure, parse

__all__ = ["Assign", "assign", "versioned"]

D = TypeVar("D")
Any_callable = TypeVar("Any_callable", bound=Callable[..., Any])


@frozen
class Assign:
    """New values for fields of the data, each an expression over `data` and `event` as they were before."""

    fields: tuple[tuple[str, str], ...]

    def __call__(self, data: D, event: object = None) -> D:
        """The data with the fields changed."""
        changed: Any = {name: _evaluator(text)(data, event) for name, text in self.fields}
        kept: Any = data
        return evolve(kept, **changed)  # type: ignore[no-any-return]


def assign(**fields: str) -> Assign:
    """An update that can be read by tools as well as run: `assign(hits="data.hits + 1")`."""
    return Assign(tuple(fields.items()))


def versioned(version: int) -> Callable[[Any_callable], Any_callable]:
    """Declare that a guard, update or factory means something else than it did under the same name.

    >>> @versioned(2)
    ... def is_large(order): return order.total > 500
    """

    def declare(function: Any_callable) -> Any_callable:
        function.__dict__["version"] = version
        return function

    return declare


@lru_cache(maxsize=4096)
def _evaluator(text: str) -> Callable[[Any, Any], Any]:
    return closure(parse(text))
