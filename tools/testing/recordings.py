"""A recorded run as a test, in one line: `test_incident = recording("incident.run.jsonl", order)`."""

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from detent.kernel import Definition, Key, compile_machine, instants, replay, scribe_of
from detent.tools.testing.promises import Promise
from detent.tools.testing.reports import walk_key

__all__ = ["recording"]

I = TypeVar("I")  # noqa: E741 - input, data, result, as in Machine
D = TypeVar("D")
R = TypeVar("R")


def recording(
    path: str | Path,
    machine: Definition[I, D, R],
    *,
    promises: Iterable[Promise[D]] = (),
    key: Key | None = None,
) -> Callable[[], None]:
    """A test that replays a run log: the machine must do what it did, and keep its promises on the way.

    A relative path is looked for beside the file that calls this, and then from the current directory. `key` opens
    what is sealed in the log. Fails with the first divergence; raises DamagedLog if the log is not as it was written.
    """
    where = _found(Path(path), Path(inspect.stack()[1].filename).parent)
    kept = tuple(promises)

    def test_recording() -> None:
        used = walk_key if key is None else key
        with where.open("rb") as log:
            replayed = replay(log, machine, key=used)
        if replayed.divergence is not None:
            raise AssertionError(f"{where}: {replayed}")
        if kept:
            _keep(where, machine, kept, used)

    test_recording.__doc__ = f"Replay {where.name}."
    return test_recording


def _keep(
    where: Path, machine: Definition[I, D, R], promises: tuple[Promise[D], ...], key: Key
) -> None:
    """Hold every snapshot of the run to the promises."""
    scribe = scribe_of(compile_machine(machine))
    with where.open("rb") as log:
        for instant in instants(log, key=key):
            now = scribe.snapshot(instant.frame)
            for promise in promises:
                if not promise.is_kept(now):
                    states = ", ".join(now.configuration)
                    raise AssertionError(f"{where}, entry {now.seq}: {promise.name}, in {states}")


def _found(path: Path, beside: Path) -> Path:
    return beside / path if (beside / path).exists() else path
