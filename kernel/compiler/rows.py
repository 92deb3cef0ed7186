"""From the rows of a state to the rows of the table: events, guards, updates and targets are looked up and checked."""

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any, TypeAlias

from detent.kernel.compiler.context import Context, check_callable, is_event_class
from detent.kernel.compiler.notes import MANY, class_name, closest
from detent.kernel.compiler.outcomes import OUTCOMES, outcome_shape, why_impossible
from detent.kernel.compiler.outline import Sketch
from detent.kernel.decisions import Cancelled
from detent.kernel.definition import (
    After,
    Always,
    Assign,
    Defer,
    Doing,
    Done,
    Ignore,
    On,
    Outcome,
    Part,
    Reject,
    outcome_name,
)
from detent.kernel.errors import InvalidExpression
from detent.kernel.guards import Expression, closure, findings, parse
from detent.kernel.inference import fits, kind_of
from detent.kernel.names import brief, name_of, shown
from detent.kernel.policies import LONGEST_WAIT, is_wait
from detent.kernel.shapes import Record, Shape, described, fields_of, merged, shape_of
from detent.kernel.signals import Event, Failure
from detent.kernel.table import Otherwise, Row, RowKind, Trigger

__all__ = ["excuses", "rows_of"]

Excuse: TypeAlias = Ignore | Defer | Reject
KINDS: dict[type[Part[Any]], RowKind] = {On: "on", After: "after", Always: "always", Done: "done"}
WORDS: dict[type[Part[Any]], Otherwise] = {Ignore: "ignored", Defer: "deferred", Reject: "rejected"}


def rows_of(context: Context, sketch: Sketch) -> tuple[Row, ...]:
    """The rows of a state. Timers are numbered apart, so that a stored one finds its row when others change."""
    written = [row for row in sketch.rows if isinstance(row, On | After | Always | Done)]
    timed = [row for row in written if isinstance(row, After)]
    others = [row for row in written if not isinstance(row, After)]
    numbers = {After: iter(range(len(timed))), On: iter(range(len(others)))}
    rows: list[Row] = []
    for row in written:
        if isinstance(row, After):
            known_as = f"{sketch.name}/after/{next(numbers[After])}"
        else:
            known_as = f"{sketch.name}/{next(numbers[On])}"
        rows.append(_row(context, sketch, row, known_as))
    return tuple(rows)


def excuses(context: Context, sketch: Sketch) -> dict[type[Event], Otherwise]:
    """The events that a state ignores, defers or rejects by name."""
    said: dict[type[Event], Otherwise] = {}
    handled = {
        row.event for row in sketch.rows if isinstance(row, On) and is_event_class(row.event)
    }
    for row in sketch.rows:
        for event in row.events if isinstance(row, Excuse) else ():
            word = WORDS[type(row)]
            place = f"{sketch.place}, {type(row).__name__}({class_name(event)})"
            if event is Cancelled:
                right = "Write an On row for it, or none: the run ends then."
                context.notes.add("misplaced-row", place, "no run can put off its end.", right)
            elif _is_sent(context, place, event):
                if event in handled or event in said:
                    other = said.get(event, "handled")
                    right = "Say one thing; an event no guard lets through is asked of the state around."
                    what = f"here it is {word}, but also {other}."
                    context.notes.add("contradiction", place, what, right)
                said[event] = word
    return said


def _row(context: Context, sketch: Sketch, written: Any, known_as: str) -> Row:
    place = f"{sketch.place}, {_titled(written)}"
    triggers, event = _triggers(context, sketch, written, place)
    _check_kind(context, sketch, written, place)
    condition = _condition(context, written, event, place)
    _check_update(context, written, event, place)
    return Row(
        known_as,
        KINDS[type(written)],
        sketch.index,
        _target(context, sketch, written.to, place),
        getattr(written, "reenter", False),
        triggers,
        _guard(written, condition),
        _with_event(written, written.update),
        getattr(written, "seconds", None),
        condition,
        str(condition) if condition is not None else name_of(written.when),
        _update_name(written.update),
    )


def _titled(written: Any) -> str:
    """A row as its author would find it again."""
    match written:
        case On(event=Outcome(choices=choices)):
            names = " | ".join(outcome_name(_key(f), kind) for f, kind in choices)
            return f"On({names})"
        case On(event=event):
            return f"On({class_name(event)})"
        case After(seconds=seconds):
            return f"After({brief(name_of(seconds)) if callable(seconds) else shown(seconds)})"
        case _:
            return f"{type(written).__name__}(to={written.to!r})"


def _triggers(
    context: Context, sketch: Sketch, written: Any, place: str
) -> tuple[tuple[Trigger, ...], Shape | None]:
    """What a row waits for, and the shape of the events it gets (None: it gets none)."""
    if not isinstance(written, On):
        return (), None
    if isinstance(written.event, Outcome):
        known = [c for c in written.event.choices if _can_come(context, sketch, *c, place)]
        triggers: tuple[Trigger, ...] = tuple((form.key, kind) for form, kind in known)
        return triggers, merged(outcome_shape(form, kind) for form, kind in known)
    if _is_sent(context, place, written.event):
        return (written.event,), shape_of(written.event)
    return (), merged(())


def _is_sent(context: Context, place: str, event: object) -> bool:
    """Whether a row names a class of events that somebody can send."""
    notes = context.notes
    if not is_event_class(event):
        right = "An event is a class deriving from Event, with attrs.frozen above it."
        notes.add("unknown-event", place, f"{class_name(event)} is no event.", right)
        return False
    if event in OUTCOMES or (isinstance(event, type) and issubclass(event, Failure)):
        right = "Say of which effect, as in charge.returned or charge.failed_as(CardRefused)."
        what = f"{class_name(event)} comes of effects, and is offered to who ordered them."
        notes.add("unaddressed-outcome", place, what, right)
        return False
    return True


def _can_come(
    context: Context, sketch: Sketch, form: Doing[Any], kind: type[Event], place: str
) -> bool:
    """Whether a state can be offered an outcome: it, or a state inside it, orders the effect."""
    notes = context.notes
    key = _key(form)
    owners = context.ordering.get(key, ())
    first = bisect_left(owners, sketch.index)
    is_inside = first < len(owners) and owners[first] <= sketch.last
    if context.forms.get(key) != form or not is_inside:
        elsewhere = [context.sketches[i].place for i in owners[:MANY]]
        right = f"It is ordered by {' and '.join(elsewhere)}." if elsewhere else "Nobody orders it."
        what = f"neither this state nor one inside it orders {key!r}."
        notes.add("unknown-effect", place, what, right)
        return False
    if kind not in form.possible:
        what = f"{outcome_name(key, kind)} cannot come."
        notes.add("impossible-outcome", place, what, why_impossible(form, kind))
        return False
    return True


def _key(form: object) -> str:
    return form.key if isinstance(form, Doing) else shown(form)


def _check_kind(context: Context, sketch: Sketch, written: Any, place: str) -> None:
    """Note what has no meaning in its place."""
    flag: object = getattr(written, "reenter", False)
    if type(flag) is not bool:
        context.notes.add("bad-flag", place, f"reenter={flag!r} is no yes or no.")
    if isinstance(written, Done) and (
        sketch.kind not in ("compound", "parallel") or not sketch.index
    ):
        right = "Done is for a state with states inside; a machine that is done has ended."
        context.notes.add("misplaced-row", place, "nothing inside it can come to an end.", right)
    if isinstance(written, After):
        seconds: object = written.seconds
        if callable(seconds):
            check_callable(context.notes, place, "seconds", seconds, ("data",))
        elif not is_wait(seconds):
            right = f"Give it a number from 0 to {LONGEST_WAIT}, or a pure function of the data."
            what = f"{shown(seconds)} is no number of seconds that pass."
            context.notes.add("bad-number", place, what, right)


def _target(context: Context, sketch: Sketch, to: object, place: str) -> int | None:
    """The number of the state that a row leads to."""
    if to is None:
        return None
    if not isinstance(to, str) or not context.index.get(str.__str__(to)):
        right = closest(str(to), (s.name for s in context.sketches[1:]), "States")
        context.notes.add("unknown-state", place, f"there is no state {to!r} to go to.", right)
        return None
    target = context.index[str.__str__(to)]
    meeting = _meeting(context, sketch.index, target)
    around = context.sketches[meeting].place
    is_way_back = context.sketches[target].kind == "history"
    is_inside = meeting not in (
        sketch.index,
        target,
        is_way_back and context.sketches[target].parent,
    )
    if context.sketches[meeting].kind == "parallel" and is_inside:
        what = f"{to!r} is inside another region of {around}."
        right = f"Regions change together: go to a state outside {around}, or into the same region."
        context.notes.add("foreign-region", place, what, right)
    return target


def _meeting(context: Context, one: int, other: int) -> int:
    """The innermost state that holds both, or is one of them."""
    around = {one}
    while one:
        one = context.sketches[one].parent
        around.add(one)
    while other not in around:
        other = context.sketches[other].parent
    return other


def _condition(
    context: Context, written: Any, event: Shape | None, place: str
) -> Expression | None:
    """The guard of a row, if it is an expression; a callable is only looked at from outside."""
    if written.when is None:
        return None
    if isinstance(written.when, str):
        return _expression(context, written.when, event, f"{place}, when", boolean=True)
    wanted = ("data",) if event is None else ("data", "event")
    check_callable(context.notes, place, "when", written.when, wanted)
    return None


def _expression(
    context: Context, text: str, event: Shape | None, place: str, *, boolean: bool
) -> Expression | None:
    try:
        expression = parse(text)
    except InvalidExpression as error:
        context.notes.add("bad-expression", place, str(error))
        return None
    for finding in findings(expression, context.data, event, boolean=boolean):
        context.notes.add("bad-expression", place, f"{text!r}: {finding}")
    return expression


def _check_update(context: Context, written: Any, event: Shape | None, place: str) -> None:
    update: object = written.update
    if isinstance(update, Assign):
        known: Mapping[str, Shape] = (
            fields_of(context.data) if isinstance(context.data, Record) else {}
        )
        for name, text in update.fields:
            if name not in known:
                right = closest(name, known, "Fields")
                context.notes.add("unknown-field", place, f"the data has no field {name!r}.", right)
            inside = f"{place}, assign {name}"
            expression = _expression(context, text, event, inside, boolean=False)
            if expression is not None and name in known:
                _check_fit(context, kind_of(expression, context.data, event), known[name], inside)
    elif update is not None:
        wanted = ("data",) if event is None else ("data", "event")
        check_callable(context.notes, place, "update", update, wanted)


def _check_fit(context: Context, value: Shape, field: Shape, place: str) -> None:
    if not fits(value, field):
        what = f"it is {described(value)}, the field is {described(field)}."
        context.notes.add("wrong-type", place, what)


def _guard(written: Any, condition: Expression | None) -> Any:
    return _with_event(written, written.when) if condition is None else closure(condition)


def _with_event(written: Any, function: Any) -> Any:
    """A callable of a row as the step calls it: always with data and event."""
    if function is None or isinstance(written, On) or isinstance(function, Assign):
        return function

    def without_event(data: object, event: object) -> object:
        return function(data)

    return without_event


def _update_name(update: object) -> str:
    if isinstance(update, Assign):
        return ", ".join(f"{name} = {_normal(text)}" for name, text in sorted(update.fields))
    return name_of(update)


def _normal(text: str) -> str:
    """An expression as it prints itself; what is none is told elsewhere."""
    try:
        return str(parse(text))
    except InvalidExpression:
        return text
