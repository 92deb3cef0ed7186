"""Runs whose machine has another shape than it had: what differs, what is kept for them meanwhile, and going on.

Rule 1: such a run is left as it is: to serve the machine as it was again is enough. Who sends something to it leaves
        it in its inbox.
Rule 2: adopting a run is one entry, written in one piece or not at all, and not before everything was looked at.
        From then on it is a run like any that was taken up.
"""

from collections.abc import Iterable
from typing import Any

from detent.kernel.decisions import Halted
from detent.kernel.differences import Difference
from detent.kernel.errors import (
    AlreadyAnswered,
    InvalidUpgrade,
    NoSuchWait,
    NotServed,
    RunChanged,
    RunLost,
    Unstorable,
    WrongInput,
)
from detent.kernel.frames import Frame
from detent.kernel.journal import Committed, Delivery, Loaded, RunStatus, Write, frame_of
from detent.kernel.recorder import Head, Recorded, Recorder
from detent.kernel.scheduler import Engine, Item, Served, standing
from detent.kernel.signals import Event, Receipt, Returned
from detent.kernel.snapshot import Status
from detent.kernel.telling import find, kinds_from
from detent.kernel.upgrades import Former, Migration, Obstacle, Upgrade, migrated
from detent.kernel.values import moment
from detent.kernel.vault import has_secrets
from detent.kernel.wire import Tree

__all__ = [
    "adopt",
    "answer_later",
    "cancel_later",
    "changes_of",
    "frame_now",
    "obstacles_of",
    "posted",
    "send_later",
]

PAGE = 200  # runs that are looked at at once
LIVING: tuple[RunStatus, ...] = ("running", "waiting", "parked", "ending")
LEFT = "its parent left the state"


async def changes_of(engine: Engine, run: str) -> tuple[Difference, ...]:
    """In what the machine of a run differs from what it was for the run. Raises NoSuchRun, and NotServed."""
    try:
        await engine.lives.served_for(await engine.lives.read(run))
    except RunChanged as error:
        found: tuple[Difference, ...] = error.differences
        return found
    return ()


async def frame_now(engine: Engine, run: str) -> Frame:
    """All that a run is now, as a tree, whoever can drive it. Raises NoSuchRun."""
    return frame_of(await engine.lives.read(run), engine.world.key)


# -- what is kept for a run that has changed


async def send_later(engine: Engine, changed: RunChanged, key: str, event: Event) -> Receipt:
    """Leave an event for a run. Raises WrongInput if the machine here knows none such."""
    scribe = engine.served[changed.machine].recorder.scribe
    try:
        written = scribe.write_signal(event, ())
    except Unstorable as error:
        raise WrongInput(f"run {changed.run!r}: {error}") from None
    return await _left_for(engine, changed, key, written)


async def answer_later(
    engine: Engine, changed: RunChanged, key: str, wait: int, value: object
) -> Receipt:
    """Leave an answer. Raises NoSuchWait, AlreadyAnswered, WrongInput, and RunChanged if nobody asks it any more."""
    loaded = await engine.lives.read(changed.run)
    frame: Any = frame_of(loaded, engine.world.key)
    former = await _former(engine, loaded)
    where = f"run {changed.run!r}: question {wait!r}"
    flight = find(frame, wait, kinds_from(former.shape)) if type(wait) is int else None
    if flight is None:
        if type(wait) is int and 0 < wait < frame["count"]:
            raise AlreadyAnswered(f"{where} is not open any more")
        raise NoSuchWait(f"{where} has not been asked")
    if flight.kind != "Wait":
        raise NoSuchWait(f"{where} is none: it is {flight.form!r}, a {flight.kind}")
    served = engine.served[changed.machine]
    ways = [way for (form, _), way in served.ways.items() if form == flight.form]
    way = next((way for way in ways if way.kind == "wait"), None)
    if way is None:
        raise changed
    outcome = Returned(value, at=moment(engine.clock.now()))
    try:
        written = served.recorder.scribe.codec.write(way.returns, outcome)
    except Unstorable as error:
        raise WrongInput(f"{where}: {error}") from None
    return await _left_for(engine, changed, key, {"$happened": [wait, written]})


async def cancel_later(engine: Engine, changed: RunChanged, key: str, reason: str) -> Status:
    """Leave word that a run is to end; the status that it has until then."""
    scribe = engine.served[changed.machine].recorder.scribe
    written = scribe.write_signal(Halted("cancelled", reason), ())
    await _left_for(engine, changed, key, written)
    frame: Any = await frame_now(engine, changed.run)
    if frame["end"] is None:
        return "parked" if "parked" in frame else "ending" if "halted" in frame else "running"
    status: Status = "ending" if frame["effects"] else frame["end"]["status"]
    return status


def posted(engine: Engine, recorder: Recorder, run: str, key: str, event: Tree) -> Delivery:
    """What is left in the inbox of a run, its secrets sealed. Raises WrongInput if a visitor has no key for them."""
    told, beside = recorder.sealed(event)
    if not engine.is_open and has_secrets(told):
        raise WrongInput(
            f"run {run!r}: what is sent to it holds something to seal ({recorder.unsealed}), and "
            "there is no key for it: visit(..., key=Key(...))"
        )
    return Delivery(run, key, told, beside=beside)


async def _left_for(engine: Engine, changed: RunChanged, key: str, event: Tree) -> Receipt:
    """Leave something in the inbox of a run."""
    run, recorder = changed.run, engine.served[changed.machine].recorder
    frame = await frame_now(engine, run)
    if frame["end"] is not None and not frame["effects"]:
        known = await engine.journal.taken(run, key)
        return Receipt("rejected" if known is None else "duplicate")
    (verdict,) = await engine.journal.deliver([posted(engine, recorder, run, key, event)])
    return Receipt("stored" if isinstance(verdict, Committed) else "duplicate")


# -- going on


async def obstacles_of(
    engine: Engine, served: Served, upgrade: Upgrade[Any], run: str | None = None
) -> tuple[Obstacle, ...]:
    """Everything that keeps runs from going on with an upgrade: of one run, or of all it is for."""
    if run is not None:
        return _obstacles(await _moved(engine, served, upgrade, await engine.lives.read(run)))
    found: list[Obstacle] = []
    after = ""
    while True:
        page = await engine.journal.find(
            statuses=LIVING,
            machines=[served.name],
            shapes=[upgrade.shape],
            after=after,
            limit=PAGE,
        )
        for listed in page:
            loaded = await engine.lives.read(listed[0])
            found += _obstacles(await _moved(engine, served, upgrade, loaded))
        if len(page) < PAGE:
            return tuple(found)
        after = page[-1][0]


async def adopt(engine: Engine, served: Served, run: str, upgrade: Upgrade[Any]) -> None:
    """Go on with a run as an upgrade says. Raises InvalidUpgrade with everything that stands in the way."""
    async with engine.lives.lock(run):
        loaded = await engine.lives.read(run)
        await _checked(engine, served, upgrade, loaded)
        epochs = await engine.journal.claim([run])
        loaded = await engine.lives.read(run)  # who had it may have written until then
        made = await _checked(engine, served, upgrade, loaded)
        write = _write(served, loaded, made, epochs[run])
        with engine.clock.hold():
            (verdict,) = await engine.journal.append([write])
            entry = write.entries[0]
            if not isinstance(verdict, Committed) and not await engine.journal.holds(
                run, entry.seq, entry.hash
            ):
                raise RunLost(f"run {run!r} was not adopted: {verdict!r}. It is as it was")
    await _go_on(engine, run)


async def _go_on(engine: Engine, run: str) -> None:
    """Take up a run that was adopted; a child whose parent has left it meanwhile is told to end."""
    live = await engine.lives.awake(run)
    engine.put(live, Item())
    engine.put(live, Item(takes=-1))
    if live.parent is None:
        return
    try:
        parent = await engine.lives.awake(live.parent[0])
    except NotServed:
        return
    id = live.parent[1]
    if any(one.has(id) and one.is_stopping(id) for one in parent.snapshot.effects):
        engine.put(live, Item(Halted("cancelled", LEFT)))


async def _checked(
    engine: Engine, served: Served, upgrade: Upgrade[Any], loaded: Loaded
) -> Migration:
    made = await _moved(engine, served, upgrade, loaded)
    if not isinstance(made, Migration):
        raise InvalidUpgrade(served.name, made)
    return made


async def _moved(
    engine: Engine, served: Served, upgrade: Upgrade[Any], loaded: Loaded
) -> Migration | tuple[Obstacle, ...]:
    """What a run becomes. Raises WrongInput if the upgrade is not for it."""
    run, shape = loaded.header.run, loaded.digests[0]
    frame = frame_of(loaded, engine.world.key)
    if loaded.header.machine != served.name:
        raise WrongInput(f"run {run!r} is one of machine {loaded.header.machine!r}")
    if shape == served.table.shape:
        raise WrongInput(f"run {run!r} has the shape of machine {served.name!r} already")
    if shape != upgrade.shape:
        raise WrongInput(f"run {run!r} has shape {shape}, and the upgrade is for {upgrade.shape}")
    if frame["end"] is not None and not frame["effects"]:
        raise WrongInput(f"run {run!r} is over: it stays as it is")
    was = (run, frame, engine.clock.now())
    former = await _former(engine, loaded)
    return migrated(upgrade, served.table, former, was, loaded.digests)


async def _former(engine: Engine, loaded: Loaded) -> Former:
    """What the machine of a run was. Raises WrongInput if the journal does not say."""
    shape, rules = [await engine.journal.outline(digest) for digest in loaded.digests]
    if shape is None:
        raise WrongInput(
            f"run {loaded.header.run!r}: its journal does not say what its machine was"
        )
    return Former(shape, rules)


def _obstacles(made: Migration | Iterable[Obstacle]) -> tuple[Obstacle, ...]:
    return () if isinstance(made, Migration) else tuple(made)


def _write(served: Served, loaded: Loaded, made: Migration, epoch: int) -> Write:
    """What is written of a run that is adopted."""
    recorder, table = served.recorder, served.table
    head = Head(loaded.head[1], loaded.unread)
    recorded: Recorded = recorder.renewed(head, made.snapshot, made.event, made.delta)
    return Write(
        loaded.header.run,
        epoch,
        loaded.head,
        (recorded.entry,),
        None,
        recorded.checkpoint,
        standing(served, made.snapshot, {}),
        (*recorded.beside, *recorded.under),
        (table.shape_outline, table.rules_outline),
        became=(table.shape, table.rules),
    )
