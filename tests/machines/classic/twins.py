"""The same behaviour twice: a model that changes, as `transitions` moves it, and data that does not.

And configurations that name what both can do.
"""

from typing import Any

from attrs import evolve, frozen
from hypothesis import strategies as st

__all__ = ["Model", "Twin", "flat", "nested"]


@frozen
class Twin:
    """The data: a number that conditions look at, and what was done."""

    n: int = 0
    trail: str = ""

    def do_a(self) -> "Twin":
        """Count one."""
        return evolve(self, n=self.n + 1, trail=self.trail + "a")

    def do_b(self) -> "Twin":
        """Count two, which makes other conditions true."""
        return evolve(self, n=self.n + 2, trail=self.trail + "b")

    def do_c(self) -> "Twin":
        """Double, so that the order matters."""
        return evolve(self, n=self.n * 2 % 97, trail=self.trail + "c")

    def enter(self) -> "Twin":
        """A state is entered."""
        return evolve(self, n=self.n + 1, trail=self.trail + "<")

    def leave(self) -> "Twin":
        """A state is left."""
        return evolve(self, n=self.n + 3, trail=self.trail + ">")

    def rest_0(self) -> bool:
        """A condition."""
        return self.n % 3 == 0

    def rest_1(self) -> bool:
        """Another."""
        return self.n % 3 == 1

    @property
    def is_odd(self) -> bool:
        """One that is no method."""
        return self.n % 2 == 1


class Model:
    """What the library moves: it has the same data, and another one after each callback."""

    state: Any

    def __init__(self) -> None:
        self.data = Twin()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "data" or not hasattr(Twin, name):
            raise AttributeError(name)
        found = getattr(self.data, name)
        if not callable(found):
            return found

        def call() -> Any:
            given = getattr(self.data, name)()
            if isinstance(given, Twin):
                self.data = given
                return None
            return given

        return call


TRIGGERS = ("t0", "t1", "t2")
DONE = st.lists(st.sampled_from(["do_a", "do_b", "do_c"]), max_size=2)
ASKED = st.lists(st.sampled_from(["rest_0", "rest_1", "is_odd"]), max_size=2)


def lines(states: list[str], prepare: bool = True) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Transitions between states, with everything that can be said of them."""
    return st.lists(
        st.fixed_dictionaries(
            {
                "trigger": st.sampled_from(TRIGGERS),
                "source": st.sampled_from(states)
                | st.lists(st.sampled_from(states), min_size=1, unique=True),
                "dest": st.sampled_from([*states, *states, None, "="]),
            },
            optional={
                "conditions": ASKED,
                "unless": ASKED,
                "prepare": DONE if prepare else st.just([]),
                "before": DONE,
                "after": DONE,
            },
        ),
        min_size=1,
        max_size=12,
    )


def ways(start: str, names: list[str]) -> list[dict[str, Any]]:
    """A way to every state, since our compiler refuses those that nothing leads to."""
    return [{"trigger": f"go_{name}", "source": start, "dest": name} for name in names]


def said(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """A state, and what happens when it is entered and left."""
    state: dict[str, Any] = {"name": name}
    for word, callback in (("on_enter", "enter"), ("on_exit", "leave")):
        if draw(st.booleans()):
            state[word] = [callback]
    return state


@st.composite
def flat(draw: st.DrawFn) -> dict[str, Any]:
    """The configuration of a machine without nested states."""
    names = ["a", "b", "c", "d"]
    return {
        "states": [said(draw, name) for name in names],
        "initial": "a",
        "transitions": [*draw(lines(names)), *ways("a", names)],
        "ignore_invalid_triggers": True,
        "before_state_change": draw(DONE),
        "after_state_change": draw(DONE),
        "prepare_event": draw(DONE),
    }


@st.composite
def nested(draw: st.DrawFn) -> dict[str, Any]:
    """The configuration of one with states inside states, some of which have no initial one."""
    paths: list[str] = []

    def states(outer: str, depth: int) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        for name in "xyz"[: draw(st.integers(2, 3))]:
            path = f"{outer}_{name}" if outer else name
            state = said(draw, name)
            paths.append(path)
            if depth and draw(st.booleans()):
                inner = states(path, depth - 1)
                state["children"] = inner
                initial = draw(st.sampled_from([None, *(one["name"] for one in inner)]))
                if initial is not None:
                    state["initial"] = initial
            made.append(state)
        return made

    tree = states("", 2)
    start = draw(st.sampled_from(paths))
    return {
        "states": tree,
        "initial": start,
        "transitions": [*draw(lines(paths)), *ways(start, paths)],
        "ignore_invalid_triggers": True,
        "before_state_change": draw(DONE),
        "after_state_change": draw(DONE),
    }
