"""What is not worth trying: breakers."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from detent.kernel import Breaker, Unreadable
from detent.kernel.wire import Tree, parsed, spelled
from tests.kernel.shape_toys import JUNK
from tests.settings import times

SECOND = 1_000_000


def micro(seconds: float) -> int:
    """Seconds in microseconds."""
    return round(seconds * SECOND)


breakers = st.builds(
    Breaker,
    st.integers(1, 4),
    st.integers(1, 20).map(lambda span: span / SECOND),
    st.integers(1, 20).map(lambda span: span / SECOND),
)
happenings = st.lists(
    st.tuples(
        st.sampled_from(["asks", "asks", "well", "fails", "fails", "back"]),
        st.sampled_from("abc"),
        st.integers(0, 9),
    ),
    max_size=60,
)


class Told:
    """A breaker that is asked and told, and what an observer knows of it: who was let in, what was heard."""

    def __init__(self, breaker: Breaker) -> None:
        self.breaker = breaker
        self.state: Tree = None
        self.at = 0
        self.word = "closed"
        self.in_a_row = 0
        self.opened = 0
        self.probe: tuple[str, int] | None = None

    def happens(self, what: str, who: str, gap: int) -> None:
        """Let something happen, and hold the breaker to its promises."""
        self.at += gap
        before = self.word
        match what:
            case "asks":
                self._asks(who)
            case "back":
                self.state = self.breaker.given_back(self.state, who)
                if self.probe is not None and self.probe[0] == who:
                    self.probe = None
            case _:
                self._hears(who, what == "well")
        assert self.breaker.word(self.state, self.at) == self.word
        legal = {("closed", "open"), ("open", "half_open"), ("half_open", "open")}
        assert before == self.word or (before, self.word) in legal | {("half_open", "closed")}
        self.state = parsed(spelled(self.state))

    def _asks(self, who: str) -> None:
        said = self.breaker.admit(self.state, self.at, who)
        cool = self.at >= self.opened + micro(self.breaker.cool_down)
        dead = self.probe is None or self.at >= self.probe[1] + micro(self.breaker.probe)
        its_own = self.probe is not None and self.probe[0] == who
        admits = {"closed": True, "open": cool, "half_open": dead or its_own}[self.word]
        assert bool(said.declined) is not admits
        assert said.state == self.state or admits
        if admits and self.word != "closed":
            self.probe, self.word = (who, self.at), "half_open"
        assert said.word == self.word
        self.state = said.state

    def _hears(self, who: str, well: bool) -> None:
        is_probe = self.probe is not None and self.probe[0] == who
        if self.word == "closed":
            self.in_a_row = 0 if well else self.in_a_row + 1
        if (self.word == "closed" and self.in_a_row == self.breaker.failures) or (
            is_probe and not well
        ):
            self.word, self.probe, self.opened, self.in_a_row = "open", None, self.at, 0
        elif is_probe:
            self.word, self.probe, self.in_a_row = "closed", None, 0
        self.state, word = self.breaker.heard(self.state, self.at, who, well)
        assert word == self.word


@settings(max_examples=times(500))
@given(breakers, happenings)
def test_a_breaker_does_what_an_observer_expects(
    breaker: Breaker, happened: list[tuple[str, str, int]]
) -> None:
    seen = Told(breaker)
    for one in happened:
        seen.happens(*one)


@settings(max_examples=times(300))
@given(breakers, st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 9)), max_size=40))
def test_there_is_never_more_than_one_probe(breaker: Breaker, asked: list[tuple[str, int]]) -> None:
    state, at = opened(breaker), 0
    probes: list[tuple[str, int]] = []
    for who, gap in asked:
        at += gap
        said = breaker.admit(state, at, who)
        state = said.state
        if not said.declined:
            probes.append((who, at))

    for (one, began), (other, later) in pairwise(probes):
        assert one == other or later - began >= micro(breaker.probe)


@given(breakers, st.lists(st.booleans(), max_size=40))
def test_a_breaker_opens_after_exactly_so_many_failures_in_a_row(
    breaker: Breaker, outcomes: list[bool]
) -> None:
    state: Tree = None
    heard = ""
    for well in outcomes:
        state, word = breaker.heard(state, 0, "a", well)
        heard += "." if well else "x"
        assert (word == "open") == ("x" * breaker.failures in heard)


@given(breakers, st.integers(0, 40))
def test_an_open_breaker_admits_as_soon_as_it_is_cool(breaker: Breaker, at: int) -> None:
    said = breaker.admit(opened(breaker), at, "a")

    assert (said.declined == "") == (at >= micro(breaker.cool_down))


@given(breakers, st.lists(st.booleans(), max_size=9))
def test_what_began_before_it_opened_does_not_close_it(
    breaker: Breaker, outcomes: list[bool]
) -> None:
    cold = opened(breaker)
    probing = breaker.admit(cold, 100, "probe").state

    for well in outcomes:
        assert breaker.heard(cold, 5, "old", well) == (cold, "open")
        assert breaker.heard(probing, 105, "old", well) == (probing, "half_open")


def opened(breaker: Breaker) -> Tree:
    """What a breaker remembers that opened at 0."""
    state: Tree = None
    for _ in range(breaker.failures):
        state, _ = breaker.heard(state, 0, "a", False)
    return state


@given(JUNK)
def test_what_no_breaker_has_left_is_unreadable(junk: Any) -> None:
    state = parsed(spelled(junk))
    assume(state is not None)

    with pytest.raises(Unreadable, match="no breaker has left this"):
        Breaker().word(state, 0)


UNREADABLE: list[Any] = [
    *(0, "open", [], {}),
    *({"failed": 0}, {"failed": -1}, {"failed": True}, {"failed": 1.0}, {"failed": 1, "x": 1}),
    *({"opened": None}, {"opened": False}, {"opened": 1, "x": 1}),
    *({"probe": "a"}, {"since": 1}, {"probe": 1, "since": 1}, {"probe": "a", "since": True}),
    {"probe": None, "since": 1, "opened": 1},
]


@pytest.mark.parametrize("state", UNREADABLE, ids=repr)
@pytest.mark.parametrize(
    "ask",
    [
        lambda state: Breaker().admit(state, 0, "a"),
        lambda state: Breaker().heard(state, 0, "a", True),
        lambda state: Breaker().given_back(state, "a"),
        lambda state: Breaker().word(state, 0),
    ],
    ids=["admit", "heard", "given_back", "word"],
)
def test_a_breaker_refuses(state: Tree, ask: Any) -> None:
    with pytest.raises(Unreadable, match="It is None, or says"):
        ask(state)


CHECKED = Breaker(failures=2, cool_down=10, probe=60)
PROBING: Tree = {"probe": "p", "since": 0}
LATER = 60 * SECOND
ADMISSIONS: list[tuple[Tree, int, str, Tree, str, str]] = [
    (None, 0, "a", None, "", "closed"),
    ({"failed": 1}, 0, "a", {"failed": 1}, "", "closed"),
    ({"opened": 5}, 4, "a", {"opened": 5}, "it is open", "open"),
    ({"opened": 5}, 10 * SECOND + 4, "a", {"opened": 5}, "it is open", "open"),
    (
        {"opened": 5},
        10 * SECOND + 5,
        "a",
        {"probe": "a", "since": 10 * SECOND + 5},
        "",
        "half_open",
    ),
    (PROBING, LATER - 1, "a", PROBING, "it is half open, and somebody else tries", "half_open"),
    (PROBING, LATER, "a", {"probe": "a", "since": LATER}, "", "half_open"),
    (PROBING, 7, "p", {"probe": "p", "since": 7}, "", "half_open"),
    ({"probe": None, "since": 0}, 7, "a", {"probe": "a", "since": 7}, "", "half_open"),
]


@pytest.mark.parametrize(("state", "at", "who", "after", "declined", "word"), ADMISSIONS)
def test_a_breaker_admits(
    state: Tree, at: int, who: str, after: Tree, declined: str, word: str
) -> None:
    said = CHECKED.admit(state, at, who)

    assert (said.state, said.declined, said.word) == (after, declined, word)


HEARD: list[tuple[Tree, str, bool, Tree, str]] = [
    (None, "a", True, None, "closed"),
    (None, "a", False, {"failed": 1}, "closed"),
    ({"failed": 1}, "a", True, None, "closed"),
    ({"failed": 1}, "a", False, {"opened": 7}, "open"),
    ({"failed": 9}, "a", False, {"opened": 7}, "open"),
    ({"opened": 5}, "a", True, {"opened": 5}, "open"),
    (PROBING, "a", True, PROBING, "half_open"),
    (PROBING, "a", False, PROBING, "half_open"),
    (PROBING, "p", True, None, "closed"),
    (PROBING, "p", False, {"opened": 7}, "open"),
    ({"probe": None, "since": 0}, "p", True, {"probe": None, "since": 0}, "half_open"),
]


@pytest.mark.parametrize(("state", "who", "well", "after", "word"), HEARD)
def test_a_breaker_hears(state: Tree, who: str, well: bool, after: Tree, word: str) -> None:
    assert CHECKED.heard(state, 7, who, well) == (after, word)


BACK: list[tuple[Tree, str, Tree]] = [
    (None, "a", None),
    ({"failed": 1}, "a", {"failed": 1}),
    ({"opened": 5}, "a", {"opened": 5}),
    (PROBING, "a", PROBING),
    (PROBING, "p", {"probe": None, "since": 0}),
]


@pytest.mark.parametrize(("state", "who", "after"), BACK)
def test_a_probe_is_given_back(state: Tree, who: str, after: Tree) -> None:
    assert CHECKED.given_back(state, who) == after
