"""The effects of a machine: each form is looked at once, whatever states order by it."""

from collections.abc import Iterable
from typing import Any, get_args, get_origin

from detent.kernel.compiler.context import check_callable, is_event_class
from detent.kernel.compiler.notes import Notes, class_name
from detent.kernel.compiler.outline import Sketch
from detent.kernel.definition import Call, Doing, Each, Form, Machine, Order, Spawn, Wait
from detent.kernel.names import shown
from detent.kernel.policies import LONGEST_WAIT, Retry, is_wait
from detent.kernel.shapes import is_frozen, returns
from detent.kernel.signals import Effect, Failure

__all__ = ["collected"]

MOST = 1_000_000  # more effects at once no machine has
RECOVERIES = ("pure", "idempotent", "reconcilable", "at_most_once")


def collected(
    sketches: list[Sketch], notes: Notes
) -> tuple[dict[str, Doing[Any]], dict[str, list[int]]]:
    """The forms by name, and which states order by each."""
    forms: dict[str, Doing[Any]] = {}
    ordering: dict[str, list[int]] = {}
    for sketch in sketches:
        for form in sketch.forms:
            place = f"{sketch.place}, do={form.key}"
            _check_names(form, notes, place)
            known = forms.setdefault(form.key, form)
            if known != form:
                right = "Tell them apart: give one of them a name=."
                notes.add("duplicate-effect", place, f"two effects are called {form.key!r}.", right)
            elif ordering.get(form.key, [-1])[-1] == sketch.index:
                right = "For several of a kind use Each, or tell them apart with name=."
                notes.add("duplicate-effect", place, "the state does it twice.", right)
            if known is form and form.key not in ordering:
                _check(form, notes, place)
            ordering.setdefault(form.key, []).append(sketch.index)
    return forms, ordering


def _check_names(form: Doing[Any], notes: Notes, place: str) -> None:
    """Note names that are none: those of the form, and of what the world has by that name."""
    for kind in ("name", "limit", "breaker"):
        name: object = getattr(form, kind, None)
        if name is not None and not (type(name) is str and name.strip() and name.isprintable()):
            right = "A name is a text that can be printed on one line."
            notes.add("bad-name", place, f"{kind}={name!r} cannot be a name.", right)


def _check(written: Doing[Any], notes: Notes, place: str) -> None:
    """Note everything that is wrong with one form."""
    form: Any = written
    match written:
        case Each():
            _check_each(form, notes, place)
        case Call() | Spawn():
            _check_inner(form, notes, place)
            _check_make(form.make, notes, place)
        case Wait():
            _check_inner(form, notes, place)
            if not isinstance(form.question, str):
                check_callable(notes, place, "question", form.question, ("data",))
        case _:  # a Send
            sent: object = form.event
            if not isinstance(form.run, str):
                check_callable(notes, place, "run", form.run, ("data",))
            if not is_event_class(type(sent)):
                check_callable(notes, place, "event", sent, ("data",))


def _check_make(make: object, notes: Notes, place: str) -> None:
    if make is None:
        right = "Give it a pure function of the data that makes the order."
        notes.add("no-order", place, "it does not say what to order.", right)
    else:
        check_callable(notes, place, "make", make, ("data",))


def _check_each(each: Each[Any, Any], notes: Notes, place: str) -> None:
    _check_make(each.make, notes, place)
    if each.at_most is not None and (
        type(each.at_most) is not int or not 1 <= each.at_most <= MOST
    ):
        right = f"It is a number from 1 to {MOST}."
        notes.add("bad-number", place, f"at_most={shown(each.at_most)} is no limit.", right)
    if type(each.stop_on_failure) is not bool:
        notes.add("bad-flag", place, f"stop_on_failure={each.stop_on_failure!r} is no yes or no.")
    for form in each.forms:
        if isinstance(form, Doing):
            _check_names(form, notes, place)
        if not isinstance(form, Call | Wait | Spawn):
            right = "Its forms are effect classes, Calls, Waits and Spawns."
            notes.add("no-effect", place, f"an Each cannot order {class_name(form)}.", right)
            continue
        given = form.question if isinstance(form, Wait) else form.make
        if given is not None:
            right = "The Each makes the orders: leave it out."
            notes.add("two-makers", place, f"{form.key!r} has a maker of its own.", right)
        _check_inner(form, notes, place)
    _check_orders(each, notes, place)


def _check_orders(each: Each[Any, Any], notes: Notes, place: str) -> None:
    """Note orders that no form of an Each has made, as far as its maker says of which class they are."""
    item = _item(returns(each.make))
    kind: Any = _class_of(item)
    effects = [form.effect for form in each.forms if isinstance(form, Call)]
    if kind is None or not all(map(_is_effect, effects)):
        return
    if not issubclass(kind, Order) and not any(issubclass(one, kind) for one in (*effects, Order)):
        wanted = [_wanted(form) for form in each.forms]
        right = f"An Each orders what its forms make: {' or '.join(wanted)}."
        notes.add("wrong-orders", place, f"its maker gives {class_name(kind)}.", right)


def _class_of(item: object) -> object:
    """The class that an annotation names; none, if anything may come."""
    kind: object = get_origin(item) or item
    return kind if isinstance(kind, type) and kind is not Any else None


def _item(given: object) -> object:
    """Of what a maker gives many, if it says so."""
    kind, arguments = get_origin(given), get_args(given)
    if not isinstance(kind, type) or not issubclass(kind, Iterable) or not arguments:
        return None
    is_one = kind is not tuple or len(arguments) == 1 or arguments[1:] == (...,)
    return arguments[0] if is_one else None


def _wanted(form: Any) -> str:
    return class_name(form.effect) if isinstance(form, Call) else f"{form.key}(...)"


def _check_inner(form: Form[Any, Any], notes: Notes, place: str) -> None:
    """Note what is wrong with a form wherever it stands."""
    match form:
        case Call():
            _check_effect(form.effect, notes, place)
            _check_seconds("timeout", form.timeout, notes, place)
            _check_retry(form.retry, notes, place)
        case Wait():
            _check_seconds("deadline", form.deadline, notes, place)
        case Spawn(machine=machine) if not isinstance(getattr(machine, "machine", None), Machine):
            right = "Give it a Machine, or what has one."
            notes.add("no-machine", place, f"{class_name(machine)} cannot be run.", right)
        case _:
            pass


def _check_effect(effect: Any, notes: Notes, place: str) -> None:
    name = class_name(effect)
    if not _is_effect(effect):
        right = "Derive a class from Effect[...], with attrs.frozen above it."
        notes.add("no-effect", place, f"{name} is no effect.", right)
        return
    if not is_frozen(effect):
        notes.add("not-frozen", place, f"{name} is not frozen.", "Put attrs.frozen above it.")
    if effect.recovery not in RECOVERIES:
        right = f"It is one of {', '.join(RECOVERIES)}."
        notes.add("bad-recovery", place, f"{name} has recovery={effect.recovery!r}.", right)
    if type(effect.version) is not int:
        notes.add("bad-number", place, f"{name} has version={shown(effect.version)}, no number.")
    if not isinstance(effect.fails, tuple):
        notes.add("no-failure", place, f"{name} has fails={shown(effect.fails)}, no failures.")
    elif odd := _odd(effect):
        right = "Derive it from Failure, with attrs.frozen above it."
        what = f"{name} fails as {class_name(odd[0])}, which is no declared failure."
        notes.add("no-failure", place, what, right)


def _is_effect(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Effect)


def _odd(effect: Any) -> list[object]:
    """What an effect declares as failures that are none."""
    return [one for one in effect.fails if not _is_failure(one)]


def _is_failure(kind: object) -> bool:
    return isinstance(kind, type) and is_event_class(kind) and issubclass(kind, Failure)


def _check_seconds(name: str, seconds: object, notes: Notes, place: str) -> None:
    if seconds is None:
        return
    if not is_wait(seconds) or not seconds:
        right = f"It is a number of seconds above zero, at most {LONGEST_WAIT}."
        notes.add("bad-number", place, f"{name}={shown(seconds)} is no time to wait.", right)


def _check_retry(retry: object, notes: Notes, place: str) -> None:
    if isinstance(retry, Retry):
        for mistake in retry.mistakes():
            notes.add("bad-number", place, f"retry: {mistake}.")
    elif retry is not None:
        notes.add("bad-number", place, f"retry={retry!r} is no Retry.", "Say Retry(attempts=3).")
