"""A second interpreter, written straight from the algorithm in the appendix of SCXML, slowly and without tricks.

It knows states, regions, histories, final states and rows that leave their name on a trail. Where our contract says
something else than SCXML it follows the contract: a transition to a descendant is internal unless it says `reenter`,
also if its source is a parallel state; and a machine of regions has ended when all of them have.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

from attrs import define, field, frozen

Kind = Literal["atomic", "compound", "parallel", "final", "shallow", "deep"]


@frozen
class Jump:
    """A row: its name, its number (of the event; -1: none, -2: done), its target."""

    name: str
    on: int
    to: str | None
    reenter: bool = False


@define(eq=False)
class Place:
    """A state."""

    name: str
    kind: Kind
    rows: list[Jump] = field(factory=list[Jump])
    inside: "list[Place]" = field(factory=list["Place"])
    parent: "Place | None" = None
    index: int = 0
    """Its place in document order."""

    def around(self) -> "Iterator[Place]":
        """The states around it, nearest first."""
        outer = self.parent
        while outer is not None:
            yield outer
            outer = outer.parent

    def everything(self) -> "Iterator[Place]":
        """Itself and all inside it, in document order."""
        yield self
        for place in self.inside:
            yield from place.everything()

    def holds(self, place: "Place") -> bool:
        """Whether a state is inside it."""
        return any(outer is self for outer in place.around())

    @property
    def children(self) -> "list[Place]":
        """The states inside it, without histories."""
        return [place for place in self.inside if place.kind not in ("shallow", "deep")]


@define
class Reference:
    """One run."""

    root: Place
    short: int
    """Rows that wait for no event from outside are taken while the trail is shorter."""
    places: list[Place] = field(init=False)
    active: set[int] = field(init=False, factory=set[int])
    memory: dict[str, list[Place]] = field(init=False, factory=dict[str, list[Place]])
    queue: list[Place] = field(init=False, factory=list[Place])
    trail: list[str] = field(init=False, factory=list[str])
    took: list[tuple[str, ...]] = field(init=False, factory=list[tuple[str, ...]])
    is_over: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self.places = list(self.root.everything())
        for index, place in enumerate(self.places):
            place.index = index
        entering: set[int] = set()
        self._descend(self.root, entering)
        self._enter(entering - {0})
        self.took = []
        self._settle()

    @property
    def configuration(self) -> tuple[str, ...]:
        """The active states."""
        return tuple(self.places[i].name for i in sorted(self.active))

    def send(self, number: int) -> bool:
        """One event; whether anybody took it."""
        self.took = []
        if self.is_over or not (rows := self._selected(number)):
            return False
        self._microstep(rows)
        self._settle()
        return True

    def _settle(self) -> None:
        while not self.is_over:
            rows = self._selected(-1) if len(self.trail) < self.short else []
            if rows:
                self._microstep(rows)
            elif self.queue:
                done = self.queue.pop(0)
                if done.index in self.active and len(self.trail) < self.short:
                    self._microstep([(done, row) for row in done.rows if row.on == -2][:1])
            else:
                return

    def _named(self, name: str) -> Place:
        return next(place for place in self.places if place.name == name)

    def _selected(self, number: int) -> list[tuple[Place, Jump]]:
        """selectTransitions and removeConflictingTransitions."""
        enabled: list[tuple[Place, Jump]] = []
        for place in (self.places[i] for i in sorted(self.active)):
            if place.kind not in ("atomic", "final"):
                continue
            climbing = ((p, row) for p in (place, *place.around()) for row in p.rows)
            found = next((one for one in climbing if one[1].on == number), None)
            if found is not None and found not in enabled:
                enabled.append(found)
        kept: list[tuple[Place, Jump]] = []
        for one in enabled:
            rivals = [other for other in kept if self._left([one]) & self._left([other])]
            if all(other[0].holds(one[0]) for other in rivals):
                kept = [other for other in kept if other not in rivals] + [one]
        return kept

    def _targets(self, row: Jump) -> list[Place]:
        """getEffectiveTargetStates."""
        if row.to is None:
            return []
        place = self._named(row.to)
        if place.kind not in ("shallow", "deep"):
            return [place]
        if place.name in self.memory:
            return self.memory[place.name]
        assert place.parent is not None
        return (
            place.parent.children if place.parent.kind == "parallel" else place.parent.children[:1]
        )

    def _domain(self, source: Place, row: Jump, targets: list[Place]) -> Place:
        """getTransitionDomain and findLCCA."""
        if not row.reenter and all(source.holds(target) for target in targets):
            return source
        return next(
            (
                outer
                for outer in source.around()
                if outer.kind == "compound" and all(outer.holds(target) for target in targets)
            ),
            self.root,
        )

    def _left(self, rows: Iterable[tuple[Place, Jump]]) -> set[int]:
        """computeExitSet."""
        left: set[int] = set()
        for source, row in rows:
            if targets := self._targets(row):
                domain = self._domain(source, row, targets)
                left |= {i for i in self.active if domain.holds(self.places[i])}
        return left

    def _microstep(self, rows: list[tuple[Place, Jump]]) -> None:
        if not rows:
            return
        left = self._left(rows)
        for history in (p for p in self.places if p.kind in ("shallow", "deep")):
            outer = history.parent
            if outer is not None and outer.index in left:
                inside = [
                    self.places[i] for i in sorted(self.active) if outer.holds(self.places[i])
                ]
                self.memory[history.name] = [
                    p
                    for p in inside
                    if (
                        p.kind in ("atomic", "final")
                        if history.kind == "deep"
                        else p.parent is outer
                    )
                ]
        self.active -= left
        self.trail += [row.name for _, row in rows]
        self.took.append(tuple(row.name for _, row in rows))
        self._enter(self._entered(rows))

    def _entered(self, rows: list[tuple[Place, Jump]]) -> set[int]:
        """computeEntrySet."""
        entering: set[int] = set()
        for source, row in rows:
            targets = self._targets(row)
            for target in targets:
                self._descend(target, entering)
            domain = self._domain(source, row, targets) if targets else self.root
            for target in targets:
                self._climb(target, domain, entering)
        return entering

    def _descend(self, place: Place, entering: set[int]) -> None:
        """addDescendantStatesToEnter."""
        entering.add(place.index)
        if place.kind == "compound":
            self._descend(place.children[0], entering)
        elif place.kind == "parallel":
            self._complete(place, entering)

    def _climb(self, place: Place, domain: Place, entering: set[int]) -> None:
        """addAncestorStatesToEnter."""
        for outer in place.around():
            if outer is domain:
                if domain.kind == "parallel":
                    self._complete(domain, entering)
                return
            entering.add(outer.index)
            if outer.kind == "parallel":
                self._complete(outer, entering)

    def _complete(self, parallel: Place, entering: set[int]) -> None:
        for region in parallel.children:
            if not any(self.places[i] is region or region.holds(self.places[i]) for i in entering):
                self._descend(region, entering)

    def _enter(self, entering: set[int]) -> None:
        """enterStates."""
        for index in sorted(entering):
            self.active.add(index)
            place = self.places[index]
            if place.kind == "final" and place.parent is not None:
                self._ended(place.parent)

    def _ended(self, outer: Place) -> None:
        while True:
            if outer is self.root:
                self.is_over = True
                return
            self.queue.append(outer)
            around = outer.parent
            if around is None or around.kind != "parallel" or not self._is_at_end(around):
                return
            outer = around

    def _is_at_end(self, place: Place) -> bool:
        """isInFinalState."""
        if place.kind == "parallel":
            return all(self._is_at_end(region) for region in place.children)
        return any(child.kind == "final" and child.index in self.active for child in place.children)
