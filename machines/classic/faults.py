"""What cannot be carried over, and what the library lets through silently: all of it, each with its place.

Rule 1: a fault is told with the way out, or with what was probably meant.
"""

from itertools import pairwise
from typing import Any

from attrs import define, field

from detent.kernel import Call, Event, Mistake
from detent.machines.classic.methods import Callback, Parameter, find, meant
from detent.machines.classic.old import Line, Node, Old, Path
from detent.machines.classic.ways import Ways, common_path

__all__ = ["Faults"]


@define(eq=False)
class Faults:
    """Looks for faults, and notes on the way what the callbacks of each trigger take."""

    old: Old
    ways: Ways
    data: type[Any]
    events: dict[str, type[Event]]
    effects: dict[str, Call[Any, Any]]
    mistakes: list[Mistake] = field(factory=list[Mistake])
    takes: dict[str, dict[str, Parameter]] = field(factory=dict[str, dict[str, Parameter]])

    def note_trigger(self, trigger: str, lines: list[Line]) -> None:
        """What is wrong with the transitions of a trigger."""
        self._note_hidden(trigger)
        self._note_scopes(lines)
        for line in lines:
            self._note_regions(line)
            self._note_parameters(line)
        self._note_spread(lines)

    def note(self, place: str, what: str, right: str = "") -> None:
        """Note a fault, once."""
        mistake = Mistake("classic", place, what, right)
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)

    def note_machine(self) -> None:
        """What is wrong with the machine as a whole, and with its states."""
        for what, why in self.old.not_carried:
            self.note("the machine", f"{what} cannot be carried over: {why}.")
        if not self.old.initial:
            self.note("the machine", "has no initial state.", "Say in which it begins.")
        for path in self.old.initial:
            if path not in self.old.by_path:
                self._unknown("the machine", "initial", path)
            elif any(self.old.is_parallel(path[:depth]) for depth in range(1, len(path))):
                what = f"begins in one of the states side by side around {self.old.named(path)!r}."
                self.note("the machine", what, "Let it begin in the state around all of them.")
        if len(self.old.initial) > 1:
            self.note(
                "the machine", "begins in several states at once.", "Put them into one state."
            )
        if self.old.is_nested and self.old.prepare:
            why = "prepare_event runs once for every state that is asked"
            self.note("the machine", f"{why}.", "Say prepare= at the transitions that need it.")
        if self.old.is_nested and self.old.on_final:
            why = "on_final of a nested machine waits until every active state is final"
            self.note("the machine", f"{why}.", "Say it in before= of what leads to the end.")
        for node in self.old.by_path.values():
            self._note_node(node)
        triggers = {line.trigger for line in self.old.lines}
        for trigger in self.events.keys() - triggers:
            what = f"events[{trigger!r}]: there is no such trigger; {meant(trigger, triggers)}"
            self.note("the machine", what)
        for callback in self.effects:
            entered = [name for node in self.old.by_path.values() for name in node.on_enter]
            if callback not in entered:
                what = f"effects[{callback!r}] is on_enter of no state: a state orders an effect when it is entered."
                self.note("the machine", what)

    def _note_node(self, node: Node) -> None:
        place = f"state {self.old.named(node.path)!r}"
        for feature in node.features:
            self.note(
                place,
                f"{feature} cannot be carried over.",
                "After(...) waits, Call(retry=...) tries again.",
            )
        if len(node.initial) > 1 and set(node.initial) != {one.path[-1] for one in node.children}:
            self.note(
                place,
                "only some of the states inside it are active side by side.",
                "Let all of them be.",
            )
        for name in node.initial:
            if (*node.path, name) not in self.old.by_path:
                self._unknown(place, "initial", (*node.path, name))
        if node.on_final:
            self.note(
                place,
                "on_final cannot be carried over.",
                "Say it in before= of what leads to the end.",
            )
        if node.is_final and any(
            line.source[: len(node.path)] == node.path for line in self.old.lines
        ):
            self.note(
                place, "is final, and has transitions.", "What goes on has not come to its end."
            )

    def is_sound(self, line: Line) -> bool:
        """Whether a transition leads from states that are there to states that are there."""
        place, sound = self.old.place(line), True
        for what, path in (("source", line.source), ("dest", line.dest)):
            if path is not None and path not in self.old.by_path:
                self._unknown(place, what, path)
                sound = False
        return sound

    def _unknown(self, place: str, what: str, path: Path) -> None:
        names = map(self.old.named, self.old.by_path)
        shown = self.old.named(path)
        self.note(place, f"{what}={shown!r}: there is no such state; {meant(shown, names)}")

    def _note_hidden(self, trigger: str) -> None:
        for model in dict.fromkeys((*self.old.models, self.data)):
            if callable(getattr(model, trigger, None)):
                what = f"{model.__name__} has a method of that name, which the library calls instead, silently."
                self.note(f"trigger {trigger!r}", what, "Give one of them another name.")

    def _note_scopes(self, lines: list[Line]) -> None:
        """The library asks what was declared inside a state first, whichever source is the inner one."""
        for inner in lines:
            for line in lines:
                is_inside = line.source[: len(inner.source)] == inner.source != line.source
                if is_inside and line.scope < inner.scope:
                    outer = self.old.named(inner.source)
                    what = f"is asked after that of {outer!r}, which was declared further inside."
                    self.note(self.old.place(line), what, "Declare both in one place.")

    def _note_regions(self, line: Line) -> None:
        """States side by side are left and entered together."""
        place, dest = self.old.place(line), line.dest
        for depth in range(1, len(dest or ())):
            around, region = (dest or ())[:depth], (dest or ())[: depth + 1]
            if self.old.is_parallel(around) and line.source[: depth + 1] != region:
                what = f"goes to one of the states that are side by side in {self.old.named(around)!r}."
                self.note(
                    place,
                    what,
                    f"Let it go to {self.old.named(around)!r}, which enters all of them.",
                )
        for leaf in self.ways.leaves(line.source):
            for word, node in self.ways.way(leaf, dest):
                if word == "on_exit" and self.old.is_parallel(node.path):
                    self._note_left(place, node, leaf)

    def _note_left(self, place: str, around: Node, leaf: Path) -> None:
        for node in around.every():
            if node.on_exit and node.path != leaf[: len(node.path)]:
                left = f"leaves {self.old.named(node.path)!r}, if that is active"
                what = f"{left}, which has on_exit={node.on_exit[0]!r}."
                right = "Which of the states side by side are active is not known before: do it in before= instead."
                self.note(place, what, right)

    def _note_spread(self, lines: list[Line]) -> None:
        """Rows of their own for inner states would be taken by several at once."""
        for line in self.ways.spread(lines)[0]:
            for one, other in pairwise(self.ways.leaves(line.source)):
                if self.old.is_parallel(common_path(one, other)):
                    what = "depends on which of several states side by side is active."
                    self.note(
                        self.old.place(line),
                        what,
                        "Leave out prepare=, or declare it for each of them.",
                    )
                    break

    def _note_parameters(self, line: Line) -> None:
        """What the callbacks of a transition take must be what its trigger brings."""
        place = self.old.place(line)
        parts = {
            "prepare": [*self.old.prepare, *line.prepare],
            "conditions": [one for one, wanted in line.conditions if wanted],
            "unless": [one for one, wanted in line.conditions if not wanted],
            "before": [*self.old.before, *line.before],
            "after": [*line.after, *self.old.after, *self.old.on_final],
        }
        for part, callbacks in parts.items():
            for callback in callbacks:
                self._look_up(f"{place}: {part}", line.trigger, callback)
        for way in self.ways.of(line):
            for word, node in way:
                for callback in node.on_enter if word == "on_enter" else node.on_exit:
                    of = f"state {self.old.named(node.path)!r}: {word}"
                    if not (word == "on_enter" and callback in self.effects):
                        self._look_up(of, line.trigger, callback)

    def _look_up(self, place: str, trigger: str, callback: Any) -> Callback | None:
        name = (
            callback if isinstance(callback, str) else getattr(callback, "__name__", repr(callback))
        )
        place = f"{place}={name!r}"
        if name in self.effects:
            self.note(
                place,
                "is an effect, and effects are ordered by states.",
                "Name it in on_enter of a state.",
            )
            return None
        if not name.isidentifier():
            self.note(
                place, "has no name.", f"Make it a method of {self.data.__name__}, and name that."
            )
            return None
        try:
            found, parameters = find(self.data, name)
        except LookupError as error:
            self.note(place, str(error))
            return None
        known = self.takes.setdefault(trigger, {})
        for one in parameters:
            other = known.setdefault(one.name, one)
            if other.type != one.type:
                self.note(
                    place, f"{one.name!r} is {one.type!r} here, and {other.type!r} elsewhere."
                )
        return found
