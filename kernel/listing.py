"""Lists of runs: what the index of a journal says of them, as who lists them sees it.

Rule 1: a list loads no run: it is read off the index, a page at a time, in the order of the ids.
Rule 2: a run that is not over and whose machine is not served here is `no_machine`; one whose machine has another
        shape here is `changed`. Nothing of that is written: elsewhere, or after a roll-back, it is what it was.
Rule 3: a run that waits says so, also if what it waits for is stuck: then it names the run inside it that is parked.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

from attrs import evolve, frozen

from detent.kernel.errors import NoSuchRun, WrongInput
from detent.kernel.journal import Journal, RunStatus, Standing

__all__ = ["Listed", "ListedStatus", "as_driven", "listed", "listed_run"]

ListedStatus: TypeAlias = RunStatus | Literal["no_machine"]
"""How a run is, as who lists it sees it."""

LIVING: tuple[RunStatus, ...] = ("running", "waiting", "parked", "ending", "inert", "changed")
STATUSES = frozenset(
    word for part in get_args(ListedStatus) for word in (get_args(part) or (part,))
)


@frozen
class Listed:
    """A run in a list: its id, the name of its machine, how it is, and when something happens to it by itself.

    `due` is in microseconds since 1970. `parked` is the first run inside it that is parked, if one is.
    """

    id: str
    machine: str
    status: ListedStatus
    due: int | None = None
    parked: str = ""


async def listed(
    journal: Journal,
    served: Mapping[str, str],
    *,
    status: ListedStatus | None = None,
    machine: str | None = None,
    after: str = "",
    limit: int = 100,
) -> tuple[Listed, ...]:
    """A page of runs, for who serves machines of these names and shapes. Raises WrongInput."""
    if status is not None and status not in STATUSES:
        raise WrongInput(f"runs(status={status!r}): it is one of {', '.join(sorted(STATUSES))}")
    if type(limit) is not int or limit < 1:
        raise WrongInput(f"runs(limit={limit!r}): a page holds a number of runs from 1 on")
    wanted = await _wanted(journal, served, status, machine)
    if wanted is None:
        return ()
    rows = await journal.find(after=after, limit=limit, **wanted)
    machines = await journal.machines([run for run, _ in rows])
    return tuple(
        [
            await _one(journal, served, run, stands, machines[run])
            for run, stands in rows
            if run in machines
        ]
    )


async def listed_run(journal: Journal, served: Mapping[str, str], run: str) -> Listed:
    """One run. Raises NoSuchRun."""
    loaded = await journal.load(run)
    if loaded is None:
        raise NoSuchRun(f"there is no run {run!r}")
    its = (loaded.header.machine, loaded.digests[0])
    return await _one(journal, served, run, loaded.standing, its)


def as_driven(listed: Listed, stands: Standing | None) -> Listed:
    """A run as who drives it knows it: what is stored may be a moment ahead of what can be asked of it."""
    return listed if stands is None else evolve(listed, status=stands.status, due=stands.due)


async def _wanted(
    journal: Journal,
    served: Mapping[str, str],
    status: ListedStatus | None,
    machine: str | None,
) -> dict[str, Any] | None:
    """What the index is asked; nothing, if no run can be such."""
    known = {name: shape for name, shape in served.items() if machine in (None, name)}
    if status is None or status not in (*LIVING, "no_machine"):
        chosen = {} if machine is None else {"machines": (machine,)}
        return chosen if status is None else {**chosen, "statuses": (status,)}
    if status not in ("changed", "no_machine"):
        how = {"machines": tuple(known), "shapes": tuple(known.values()), "statuses": (status,)}
        return how if known else None
    others = [
        one
        for one in await journal.shapes()
        if machine in (None, one[0]) and _view(served, "waiting", one) == status
    ]
    names, shapes = {name for name, _ in others}, {shape for _, shape in others}
    how = {"machines": tuple(names), "shapes": tuple(shapes), "statuses": LIVING}
    return how if others else None


def _view(served: Mapping[str, str], status: RunStatus, its: tuple[str, str]) -> ListedStatus:
    """How a run is for who serves some machines."""
    name, shape = its
    if status not in LIVING:
        return status
    if name not in served:
        return "no_machine"
    return status if served[name] == shape else "changed"


async def _one(
    journal: Journal,
    served: Mapping[str, str],
    run: str,
    stands: Standing,
    its: tuple[str, str],
) -> Listed:
    status, parked = _view(served, stands.status, its), ""
    if stands.in_flight and stands.status in LIVING:
        for inside, _ in await journal.find(statuses=("parked",), after=f"{run}/", limit=1):
            parked = inside if inside.startswith(f"{run}/") else ""
    return Listed(run, its[0], status, stands.due, parked)
