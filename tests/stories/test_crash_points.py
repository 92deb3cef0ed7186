"""Kernels that die at thousands of places: before and after commits of runs of generated machines.

A crash point takes about as long as two kernels take to compile the machine and a replay to read the run: a hundredth
of a second or two.
"""

from itertools import product
from pathlib import Path
from random import Random

from hypothesis import Phase, given, settings

from detent.kernel import BrokenBegin
from detent.tools.stores import SQLite
from detent.tools.testing.faults import Moment
from tests.settings import LONG, times
from tests.stories.crashing import Cut, Scene, scenes

MOMENTS: tuple[Moment, ...] = ("before", "after")
POINTS = 100_000 if LONG else times(10_000)
IN_FILES = POINTS // 50
MOST = 20  # crash points of one machine
FEWEST = 10  # on the average: so many machines are drawn that there are enough


def die(most: int, in_file: Path | None = None) -> int:
    """Let kernels die at so many places. How many there were."""
    points = 0

    @settings(max_examples=most // FEWEST + 1, phases=[Phase.generate])
    @given(scenes())
    def die_somewhere(scene: Scene) -> None:
        nonlocal points
        if points >= most:
            return
        try:
            whole = Cut(scene).play()
        except BrokenBegin:  # a machine that cannot begin has nothing to lose
            return
        whole.check()
        commits = range(1, whole.simulator.journal.commits + 1)
        places = [*product(commits, MOMENTS)]
        for number, moment in Random(scene.seed).sample(places, min(MOST, len(places))):
            store = None
            if in_file is not None:
                store = SQLite(in_file / f"{points}.db", durability="full")
            whole.cut(number, moment, store).play().check()
            points += 1

    die_somewhere()
    return points


def test_nothing_is_lost_or_done_twice_wherever_a_kernel_dies() -> None:
    assert die(POINTS) >= POINTS


def test_nor_where_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    assert die(IN_FILES, tmp_path) >= IN_FILES
