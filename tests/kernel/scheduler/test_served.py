"""What a world must have before anything runs: everything that it lacks is told at once, in words."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest
from attrs import frozen

from detent import (
    Breaker,
    Final,
    IncompleteWorld,
    Limiter,
    Machine,
    On,
    State,
    World,
    handle,
)
from detent.kernel import Context, Key, Limits, MemoryJournal, Secret, Send, Wait
from detent.kernel.scheduler import serve
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Asked,
    Close,
    Data,
    Once,
    call,
    counting,
    doing,
    gives,
    spawning,
)


@frozen
class Hushed:
    """Data of which something is sealed."""

    word: Secret[str] = ""


def lacks(*machines: Any, handlers: Iterable[Any] = (), **options: Any) -> list[str]:
    """What is said of a world."""
    with pytest.raises(IncompleteWorld) as caught:
        serve(World(*machines, handlers=handlers, **options))
    first, *lines = str(caught.value).splitlines()
    assert first == "this world cannot run its machines:"
    return [line.strip() for line in lines]


async def asked(order: Asked, context: Context) -> int:
    """A query."""
    return order.n


mismatched: Any = handle  # what no type checker lets through
AGAIN, ONCE = handle(Again, gives()), handle(Once, gives())
HUSHED = Machine("hushed", State("a", On(Close, to="b")), Final("b"), data=Hushed)
CASES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "no handler": (
        ["machine 'doing', 'again': nobody performs Again: handle(Again, ...)"],
        {"machines": [doing(call(Again))]},
    ),
    "two handlers": (
        ["Again has two handlers: keep one of them"],
        {"machines": [doing(call(Again))], "handlers": [AGAIN, AGAIN]},
    ),
    "two machines of one name": (
        ["two machines are called 'counting': give one another name"],
        {"machines": [counting(), counting(on_bug="fail")]},
    ),
    "no limiter": (
        ["machine 'doing', 'again': there is no limiter 'slow': World(limiters={...})"],
        {"machines": [doing(call(Again, limit="slow"))], "handlers": [AGAIN]},
    ),
    "no breaker": (
        ["machine 'doing', 'again': there is no breaker 'bank': World(breakers={...})"],
        {"machines": [doing(call(Again, breaker="bank"))], "handlers": [AGAIN]},
    ),
    "a query that nobody would ask": (
        ["machine 'doing', 'once': Once is at_most_once, and nobody would ask the query"],
        {"machines": [doing(call(Once))], "handlers": [mismatched(Once, gives(), query=asked)]},
    ),
    "nobody to ask": (
        ["machine 'doing', 'asked': Asked is reconcilable: handle(Asked, ..., query=...)"],
        {"machines": [doing(call(Asked))], "handlers": [handle(Asked, gives())]},
    ),
    "no key": (
        ["Hushed.word of machine 'hushed' is sealed: give World a key"],
        {"machines": [HUSHED], "journal": MemoryJournal()},
    ),
    "a limiter that cannot be": (
        ["limiter 'slow': calls=0 is no number of calls: it is 1 or more"],
        {"machines": [], "limiters": {"slow": Limiter(0, 1.0)}},
    ),
    "a breaker that cannot be": (
        [
            "breaker 'bank': cool_down=0 is no span of time: a number of seconds above zero, "
            "at most 1000000000"
        ],
        {"machines": [], "breakers": {"bank": Breaker(cool_down=0)}},
    ),
    "what a child lacks": (
        ["machine 'doing', 'again': nobody performs Again: handle(Again, ...)"],
        {"machines": [spawning(doing(call(Again)))]},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_world_says_what_it_lacks(case: str) -> None:
    said, given = CASES[case]
    options = dict(given)

    assert lacks(*options.pop("machines"), **options) == said


def test_a_world_says_everything_that_it_lacks_at_once_and_each_thing_once() -> None:
    machines = [doing(call(Again)), doing(call(Once), "twice"), doing(call(Once), "more")]

    assert lacks(*machines, limiters={"slow": Limiter(1, 0.0)}, handlers=[AGAIN, AGAIN]) == [
        "Again has two handlers: keep one of them",
        "machine 'twice', 'once': nobody performs Once: handle(Once, ...)",
        "machine 'more', 'once': nobody performs Once: handle(Once, ...)",
        "limiter 'slow': per=0.0 is no span of time: a number of seconds above zero, "
        "at most 1000000000",
    ]


def test_a_machine_may_be_there_twice_if_it_is_the_same() -> None:
    parent = spawning(counting())

    assert list(serve(World(parent, counting(), counting()))) == ["parent", "counting"]


def test_sealed_fields_need_no_key_where_nothing_is_kept() -> None:
    assert list(serve(World(HUSHED))) == ["hushed"]
    assert list(serve(World(HUSHED, journal=MemoryJournal(), key=Key(b"k" * 16)))) == ["hushed"]


class Calling:
    """An object that performs."""

    async def __call__(self, order: Again) -> int:
        return order.n


class Blocking:
    """An object that blocks."""

    def __call__(self, order: Again, context: Context) -> int:
        return order.n


async def one(order: Again) -> int:
    return order.n


async def two(order: Again, context: Context) -> int:
    return order.n


async def optional(order: Again, also: int = 1) -> int:
    return order.n


async def named(order: Again, *, context: int = 1) -> int:
    return order.n


def blocking(order: Again) -> int:
    return order.n


HANDLERS: dict[str, tuple[Any, bool, bool]] = {
    "async": (one, True, False),
    "async with a context": (two, True, True),
    "async with a default": (optional, True, False),
    "async with a keyword": (named, True, False),
    "partial": (partial(two), True, True),
    "a method": (Calling().__call__, True, False),
    "an object": (Calling(), True, False),
    "a function": (blocking, False, False),
    "an object that blocks": (Blocking(), False, True),
    "something that does not say": (max, False, False),
}


@pytest.mark.parametrize("kind", HANDLERS)
def test_a_handler_is_told_by_what_it_is(kind: str) -> None:
    by, is_async, takes_context = HANDLERS[kind]

    (way,) = serve(World(doing(call(Again)), handlers=[handle(Again, by)]))["doing"].ways.values()

    assert (way.is_async, way.takes_context) == (is_async, takes_context)


def test_only_what_nothing_can_keep_from_beginning_is_quick() -> None:
    policies: Any = {"limiters": {"slow": Limiter(1, 1.0)}, "breakers": {"bank": Breaker()}}
    forms = {"plain": {}, "limited": {"limit": "slow"}, "broken": {"breaker": "bank"}}
    quick: dict[str, bool] = {}
    for name, options in forms.items():
        world = World(doing(call(Again, **options)), handlers=[AGAIN], **policies)
        (way,) = serve(world)["doing"].ways.values()
        quick[name] = way.is_quick
    worked = World(doing(call(Again)), handlers=[handle(Again, gives(), workers=1)])
    (way,) = serve(worked)["doing"].ways.values()

    assert quick == {"plain": True, "limited": False, "broken": False}
    assert not way.is_quick


def test_a_machine_knows_which_of_its_questions_have_a_deadline() -> None:
    ask: Wait[Data, bool] = Wait(bool, "?", deadline=3.0, name="soon")
    other: Wait[Data, bool] = Wait(bool, "?", name="ever")
    write: Send[Data] = Send("r", Add())

    def served(form: Any) -> Any:
        return serve(World(doing(form)))["doing"]

    assert served(ask).waits == {"soon"}
    assert served(other).waits == frozenset()
    assert not served(other).has_breakers
    assert {way.kind for way in served(write).ways.values()} == {"send"}
    assert not any(way.may_doubt for way in served(write).ways.values())


def test_a_world_has_the_limits_it_is_given() -> None:
    assert World().limits == Limits()
    assert World(limits=Limits(grace=1.0)).limits.grace == 1.0
