"""What is asked of runs, looked at before it is sent: by who drives them, and by who only knows where they are kept.

Rule 1: what cannot be stored, or cannot be meant, is refused to whoever asks it, and nothing has happened.
Rule 2: what is looked at is a run as it was a moment ago: what comes of it is decided when it is its turn.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import field, frozen

from detent.kernel.decisions import Cancelled
from detent.kernel.entries import NOTHING
from detent.kernel.errors import AlreadyAnswered, NoSuchWait, Unstorable, WrongInput
from detent.kernel.flights import Fan, Flight
from detent.kernel.ports import Chance, World
from detent.kernel.scheduler import Served, Way
from detent.kernel.scribe import Scribe
from detent.kernel.shapes import Shape
from detent.kernel.signals import Event, Happened, Returned, stamp
from detent.kernel.snapshot import Snapshot
from detent.kernel.values import FrozenMap, moment

__all__ = [
    "Question",
    "answer_to",
    "baggage_of",
    "check_event",
    "check_storable",
    "event_to_send",
    "new_id",
    "questions_in",
]


@frozen
class Question:
    """Something that somebody is asked: its id, which is what an answer names, the text, and the type of an answer."""

    id: int
    form: str
    question: str
    answers: Any = field(default=str, eq=False, repr=False)


def event_to_send(event: Event, at: int, chance: Chance) -> Event:
    """An event with its stamps. Raises WrongInput if it is none that anybody could send."""
    if not isinstance(event, Event) or isinstance(event, Cancelled):
        raise WrongInput(f"{event!r} is no event that could be sent")
    random = chance.random
    return stamp(event, at=moment(at), new_id=lambda: new_id(chance), random=random)


def check_event(served: Served, run: str, event: Event) -> None:
    """Refuse an event that a run knows and that cannot be stored. Raises WrongInput."""
    scribe = served.recorder.scribe
    if type(event) in served.table.events:
        check_storable(scribe, scribe.event_shape(type(event)), event, f"run {run!r}")


def answer_to(
    served: Served, now: Snapshot[Any], run: str, wait: int, value: object, at: int
) -> Happened:
    """An answer as it is sent to a run. Raises NoSuchWait, AlreadyAnswered, and WrongInput if its type is wrong."""
    where = f"run {run!r}: question {wait!r}"
    way = _way(served, now, wait)
    if way is None:
        if type(wait) is int and 0 < wait < now.pending.count:
            raise AlreadyAnswered(f"{where} is not open any more")
        raise NoSuchWait(f"{where} has not been asked")
    if way.kind != "wait":
        raise NoSuchWait(f"{where} is none: it is {way.form.key!r}, a {way.kind}")
    outcome = Returned(value, at=moment(at))
    check_storable(served.recorder.scribe, way.returns, outcome, where)
    return Happened(wait, outcome)


def questions_in(served: Served, now: Snapshot[Any]) -> tuple[Question, ...]:
    """What a run asks and has no answer to."""
    return tuple(
        Question(id, flight.form, str(order), way.form.answer)
        for flight in now.effects
        if not flight.stopping
        for id, part, order in _orders(flight)
        if (way := served.ways[flight.form, part]).kind == "wait"
    )


def check_storable(scribe: Scribe, shape: Shape, value: object, where: str) -> None:
    """Refuse what cannot be stored before anything is done with it. Raises WrongInput."""
    try:
        scribe.codec.write(shape, value)
    except Unstorable as error:
        raise WrongInput(f"{where}: {error}") from None


def baggage_of(world: World, given: Mapping[str, str] | None) -> FrozenMap[str, str]:
    """What a run is to carry along: what its world says, and what was given. Raises WrongInput if it is no text."""
    words = {**(world.baggage() if world.baggage is not None else {}), **(given or {})}
    for word, meaning in words.items():
        if not isinstance(word, str) or not isinstance(meaning, str):
            raise WrongInput(f"baggage {word!r}: {meaning!r}: it is texts by name")
    return FrozenMap(words) if words else NOTHING


def new_id(chance: Chance) -> str:
    """An id that nobody has."""
    return f"{chance.getrandbits(96):024x}"


def _orders(flight: Flight) -> Iterator[tuple[int, int, object]]:
    """What was ordered and has no outcome."""
    if isinstance(flight, Fan):
        for index in flight.under_way():
            yield flight.id + index, *flight.orders[index]
    else:
        yield flight.id, flight.part, flight.order


def _way(served: Served, now: Snapshot[Any], effect: int) -> Way | None:
    """How an effect in flight is performed."""
    for flight in now.effects:
        if type(effect) is int and flight.has(effect) and not flight.stopping:
            return served.ways[flight.form, flight.part_of(effect)]
    return None
