"""A mixed load for a kernel that is killed: machines of every kind of work, and a process that does it until then.

It says what it has done on stdout, one line each, and does what it is told on stdin. It kills itself after the
entry, or in the handler's call, of a number; 0 is never.

The file is long because a load is mixed of all that a machine can do.

Rule 1: a handler writes down what it has done before it returns, by one write to the end of a file.
Rule 2: nothing is acknowledged before the kernel has acknowledged it.
It is long because there is a machine for every kind of work.
"""

import os
import signal
from random import Random
from typing import Any

import trio
from attrs import define, evolve, field, frozen

from detent import (
    After,
    AlreadyAnswered,
    Always,
    Breaker,
    Call,
    Context,
    Done,
    Each,
    Effect,
    Ended,
    Event,
    Fails,
    Final,
    InDoubt,
    Kernel,
    Limiter,
    Machine,
    NoSuchWait,
    On,
    Order,
    Region,
    Retry,
    Returned,
    Settled,
    Spawn,
    State,
    Wait,
    World,
    handle,
    open_kernel,
)
from detent.kernel import Entry
from detent.tools.stores import SQLite
from tests.stories.elsewhere import lines_of

__all__ = ["EXPECTED", "Day", "Note", "day", "tags_of", "toil"]

EXPECTED = 4  # notes that a run waits for
ROUNDS = 2


@frozen
class Note(Event):
    """Something to be remembered, once."""

    n: int


@frozen
class Fetch(Effect[int], recovery="idempotent"):
    """Get something, as often as it takes."""

    n: int


@frozen
class Pay(Effect[int]):
    """Pay, and never twice."""

    n: int


@frozen
class Lift(Effect[int]):
    """The same in a thread."""

    n: int


@frozen
class Ship(Effect[int], recovery="reconcilable"):
    """Send something off, once: it can be found out whether that was done."""

    n: int


@frozen
class Watch(Effect[int], recovery="idempotent"):
    """Look on in the background."""

    n: int


@frozen
class Errand:
    """What a child does: something small."""

    n: int
    got: int = 0

    def fetch(self) -> Fetch:
        """What is to be got."""
        return Fetch(self.n)

    def keep(self, event: Returned[int]) -> "Errand":
        """It was got."""
        return evolve(self, got=event.value)


@frozen
class Day:
    """What a run has done, what it has been told, and what it does not know."""

    n: int
    rounds: int = 0
    paid: int = 0
    got: int = 0
    doubts: int = 0
    shipped: int = 0
    watched: int = 0
    notes: tuple[int, ...] = ()
    answers: tuple[bool, ...] = ()

    def fetch(self) -> Fetch:
        """What is to be got."""
        return Fetch(self.n)

    def lift(self) -> Lift:
        """What is to be lifted."""
        return Lift(self.n)

    def ship(self) -> Ship:
        """What is to be sent off."""
        return Ship(self.n)

    def watch(self) -> Watch:
        """What is to be looked on."""
        return Watch(self.n)

    def sent(self, event: Returned[int]) -> "Day":
        """It was sent off."""
        return evolve(self, shipped=self.shipped + 1)

    def seen(self, event: Returned[int]) -> "Day":
        """It was looked on."""
        return evolve(self, watched=self.watched + 1)

    def pays(self) -> tuple[Pay, ...]:
        """What is to be paid side by side."""
        return tuple(Pay(n) for n in range(3))

    def errand(self) -> Errand:
        """What somebody else is to do."""
        return Errand(self.n)

    def errands(self) -> tuple[Order[Errand], ...]:
        """What others are to do side by side."""
        return (one(Errand(self.n)), one(Errand(self.n + 1)))

    def note(self, event: Note) -> "Day":
        """Remember."""
        return evolve(self, notes=(*self.notes, event.n))

    def keep(self, event: Returned[int]) -> "Day":
        """It was got."""
        return evolve(self, got=self.got + event.value)

    def lifted(self, event: Event) -> "Day":
        """It was lifted, or who knows."""
        return self.counted((event,))

    def settle(self, event: Settled[int]) -> "Day":
        """All were paid, or who knows."""
        return self.counted(event.outcomes)

    def counted(self, outcomes: tuple[Event, ...]) -> "Day":
        """Count what happened for certain, and what did not."""
        paid = sum(isinstance(one, Returned) for one in outcomes)
        doubts = sum(isinstance(one, InDoubt) for one in outcomes)
        return evolve(self, paid=self.paid + paid, doubts=self.doubts + doubts)

    def hear(self, event: Returned[bool]) -> "Day":
        """Remember an answer."""
        return evolve(self, answers=(*self.answers, event.value))

    def over(self, event: Ended[Errand]) -> "Day":
        """The child is back."""
        return evolve(self, got=self.got + (event.result.got if event.result else 0))

    def again(self) -> "Day":
        """One round more."""
        return evolve(self, rounds=self.rounds + 1)


again = Retry(attempts=50, base=0.001, cap=0.02)
fetching = Call(Fetch, Errand.fetch, retry=again, limit="gate", name="fetching")
errand = Machine(
    "errand",
    State(
        "out",
        On(fetching.returned, to="back", update=Errand.keep),
        On(fetching.failed, to="lost"),
        do=fetching,
    ),
    State("back", After(0.01, to="home")),
    Final("home"),
    Final("lost", status="failed"),
    data=Errand,
)

fetch = Call(Fetch, Day.fetch, retry=again, limit="gate", breaker="road", timeout=5.0)
lift = Call(Lift, Day.lift, retry=Retry(attempts=5, base=0.001))
ship = Call(Ship, Day.ship, retry=again, limit="gate")
watch = Call(Watch, Day.watch, retry=again, name="watch")
pay: Each[Day, int] = Each(Call(Pay, limit="gate", name="pay"), Day.pays, at_most=2, name="pays")
ask = Wait(bool, "Go on?", deadline=0.3)
child = Spawn(errand, Day.errand, name="child")
one: Spawn[Any, Errand] = Spawn(errand, name="one")
children: Each[Day, Errand] = Each(one, Day.errands, name="children")

day = Machine(
    "day",
    On(watch.returned, update=Day.seen),
    On(watch.unreturned),
    State(
        "toil",
        Region(
            "hands",
            State(
                "fetch",
                On(fetch.returned, to="lift", update=Day.keep),
                On(fetch.unreturned, to="rest"),
                do=fetch,
            ),
            State(
                "lift", On(lift.returned | lift.unreturned, to="ship", update=Day.lifted), do=lift
            ),
            State(
                "ship",
                On(ship.returned, to="pay", update=Day.sent),
                On(ship.unreturned, to="pay"),
                do=ship,
            ),
            State("pay", On(pay.settled, to="child", update=Day.settle), do=pay),
            State("child", On(child.ended, to="ask", update=Day.over), do=child),
            State(
                "ask",
                On(ask.returned, to="children", update=Day.hear),
                On(ask.timed_out, to="children"),
                do=ask,
            ),
            State("children", On(children.settled, to="next"), do=children),
            State(
                "next",
                Always(to="rest", when=f"data.rounds < {ROUNDS}", update=Day.again),
                Always(to="evening"),
            ),
            State("rest", After(0.02, to="fetch")),
            Final("evening"),
        ),
        Region(
            "ears",
            State(
                "open",
                On(Note, to="full", when=f"len(data.notes) >= {EXPECTED - 1}", update=Day.note),
                On(Note, update=Day.note),
            ),
            Final("full"),
        ),
        Done(to="night"),
    ),
    Final("night"),
    data=Day,
    background=watch,
)

# -- the process


def say(*words: object) -> None:
    """Say a line, in one go."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def tags_of(entry: Entry) -> set[str]:
    """What an event is written under."""
    event: Any = entry.event
    return set(event)


def written(path: str) -> list[str]:
    """What was written down."""
    try:
        with open(path) as file:
            return file.readlines()
    except FileNotFoundError:
        return []


def die() -> None:
    """Be no more."""
    os.kill(os.getpid(), signal.SIGKILL)


@define(eq=False)
class Toiler:
    """Who performs the work, looks on, and dies when it is time."""

    calls: str
    die_at_entry: int = 0
    die_at_deed: int = 0
    entries: int = 0
    deeds: int = 0
    chance: Random = field(factory=Random)
    touched: set[str] = field(factory=set[str])
    bell: trio.Event = field(factory=trio.Event)

    def did(self, kind: str, context: Context) -> None:
        """Write down what was done."""
        file = os.open(self.calls, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{kind} {context.key}\n".encode())
        os.close(file)
        self.deeds += 1
        if self.deeds == self.die_at_deed:
            die()

    async def fetch(self, order: Fetch, context: Context) -> int:
        """Idempotent: it may be done again."""
        await trio.sleep(self.chance.random() * 0.01)
        if self.chance.random() < 0.3:
            raise OSError("nobody there")
        self.did("fetch", context)
        return order.n

    async def ship(self, order: Ship, context: Context) -> int:
        """Not to be done again: who does not know asks whether it was done."""
        await trio.sleep(self.chance.random() * 0.01)
        if self.chance.random() < 0.2:
            raise OSError("nobody there")
        self.did("ship", context)
        await trio.sleep(self.chance.random() * 0.01)
        if self.chance.random() < 0.2:
            raise OSError("the line is cut")
        return order.n

    async def was_shipped(self, order: Ship, context: Context) -> int:
        """Whether it was done."""
        if f"ship {context.key}\n" not in written(self.calls):
            raise Fails("it is still here")
        return order.n

    async def watch(self, order: Watch, context: Context) -> int:
        """Idempotent: it may be done again, and takes its time."""
        await trio.sleep(self.chance.random() * 0.05)
        if self.chance.random() < 0.2:
            raise OSError("nothing to be seen")
        self.did("watch", context)
        return order.n

    async def pay(self, order: Pay, context: Context) -> int:
        """Not to be done again."""
        await trio.sleep(self.chance.random() * 0.01)
        self.did("once", context)
        await trio.sleep(self.chance.random() * 0.01)
        return order.n

    def lift(self, order: Lift, context: Context) -> int:
        """Not to be done again, in a thread; now and then it surely was not done."""
        if self.chance.random() < 0.3:
            raise Fails("too heavy")
        self.did("once", context)
        return order.n

    def entry(self, run: str, entry: Entry) -> None:
        """See Tap."""
        self.entries += 1
        if self.entries == self.die_at_entry:
            die()
        if "$parked" in tags_of(entry):
            say("parked", run, entry.event)
        self.touched.add(run)
        self.bell.set()

    def chunk(self, run: str, effect: int, attempt: int, chunk: object) -> None:
        """See Tap."""

    async def answer(self, kernel: Kernel) -> None:
        """Answer most questions, soon."""
        for listed in await kernel.runs(status="waiting", machine="day", limit=10_000):
            self.touched.add(listed.id)
        while True:
            touched, self.touched, self.bell = self.touched, set(), trio.Event()
            for run in touched - {run for run in touched if "/" in run}:
                for question in await kernel.run(run).questions():
                    if self.chance.random() < 0.7:
                        await self.tell(kernel, run, question.id)
            if not self.touched:
                await self.bell.wait()

    async def tell(self, kernel: Kernel, run: str, question: int) -> None:
        """Answer a question, unless it is too late."""
        try:
            await kernel.run(run).answer(question, True)
        except (AlreadyAnswered, NoSuchWait):
            return
        say("answered", run, question)

    async def obey(self, kernel: Kernel, words: list[str]) -> None:
        """Do what a line says, and say what came of it."""
        match words:
            case ["start", run]:
                await kernel.start(day, Day(len(run)), id=run)
                say("started", run)
            case ["send", run, number]:
                receipt = await kernel.run(run).send(Note(int(number)), key=f"note {number}")
                say("sent", run, number, receipt.status)
            case ["cancel", run]:
                say("cancelled", run, await kernel.run(run).cancel("enough"))
            case ["end", run]:
                end = await kernel.run(run).wait_end()
                say("ended", run, end.status)
            case _:
                raise AssertionError(words)


def toiling(store: SQLite | None, toiler: Toiler | None = None) -> World:
    """The world of the load."""
    who = toiler or Toiler("")
    return World(
        day,
        handlers=[
            handle(Fetch, who.fetch),
            handle(Pay, who.pay),
            handle(Lift, who.lift),
            handle(Ship, who.ship, query=who.was_shipped),
            handle(Watch, who.watch),
        ],
        store=store,
        limiters={"gate": Limiter(calls=40, per=0.1)},
        breakers={"road": Breaker(failures=4, cool_down=0.02, probe=0.5)},
        taps=[who],
    )


async def toil(file: str, calls: str, entries: str, deeds: str, durability: Any) -> None:
    """Toil until stdin ends, or the kill comes."""
    toiler = Toiler(calls, int(entries), int(deeds))
    async with open_kernel(toiling(SQLite(file, durability=durability), toiler)) as kernel:
        say("ready")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(toiler.answer, kernel)
            async with trio.open_nursery() as told:
                async for words in lines_of(trio.lowlevel.FdStream(os.dup(0))):
                    told.start_soon(toiler.obey, kernel, words)
            nursery.cancel_scope.cancel()
    say("bye")
