"""A log as large as one likes, written, verified and replayed a line at a time.

Prints how many bytes were gone through and how much memory each pass took at most, each in a process of its own: what
a process once had it seldom gives back.
"""

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from attrs import evolve, frozen

from detent import Event, Machine, On, State, compile_machine
from detent.kernel import Recorder, begin, opening_lines, recorded_lines, replay, step, verify_log

__all__ = ["main"]


@frozen
class Said(Event):
    """Something somebody says."""

    text: str


@frozen
class Talk:
    """The last thing that was said, and how much has been: the data does not grow with the log."""

    last: str = ""
    said: int = 0

    def hear(self, event: Said) -> "Talk":
        return evolve(self, last=event.text, said=self.said + 1)


talk = Machine("talk", State("open", On(Said, update=Talk.hear)), data=Talk)
table = compile_machine(talk)


def lines(size: int) -> Iterator[bytes]:
    """The log of a talk, of at least so many bytes."""
    recorder = Recorder(table)
    header = recorder.header("talk")
    written = 0
    for line in opening_lines(recorder, header):
        written += len(line)
        yield line
    recorded = recorder.begin(header, begin(table, Talk()), Talk())
    number = 0
    while True:
        for line in recorded_lines("talk", recorded):
            written += len(line)
            yield line
        if written >= size:
            return
        number += 1
        now = recorded.snapshot
        stepped = step(table, now, Said(f"{number:09} " * 100), now.at + 1)
        told = recorder.record(recorded.head, now, stepped)
        if told is None:
            raise AssertionError(f"{stepped} has no entry")
        recorded = told


def main(job: str, path: str, size: int) -> int:
    """Do one pass over a file, and print the most memory it took, in kilobytes."""
    if job == "write":
        with open(path, "wb") as file:
            file.writelines(lines(size))
    else:
        with open(path, "rb") as file:
            if job == "verify":
                verify_log(file)
            elif (replayed := replay(file, talk)).divergence is not None:
                raise AssertionError(str(replayed))
    print(most_memory())
    return 0


def most_memory() -> int:
    """The most memory this process has had, in kilobytes.

    Linux says so for the program; what `getrusage` says begins with what the process that started it had.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def taken(job: str, path: str, size: int) -> int:
    """The most memory a pass took in a process of its own, in kilobytes."""
    command = [sys.executable, "-m", "tests.kernel.large", job, path, str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
