"""Kernels that die at thousands of places: before and after commits of runs of generated machines.

A crash point takes about as long as two kernels take to compile the machine and a replay to read the run: a hundredth
of a second. In the ordinary run there are as many as a minute has room for.
"""

from itertools import product
from random import Random

from hypothesis import Phase, given, settings

from detent.kernel import BrokenBegin
from detent.tools.testing.faults import Moment
from tests.settings import LONG
from tests.stories.crashing import Cut, Scene, scenes

MOMENTS: tuple[Moment, ...] = ("before", "after")
POINTS = 100_000 if LONG else 1_500
MOST = 20  # crash points of one machine
FEWEST = 10  # on the average: so many machines are drawn that there are enough


def test_nothing_is_lost_or_done_twice_wherever_a_kernel_dies() -> None:
    points = 0

    @settings(max_examples=POINTS // FEWEST, phases=[Phase.generate])
    @given(scenes())
    def die_somewhere(scene: Scene) -> None:
        nonlocal points
        if points >= POINTS:
            return
        try:
            whole = Cut(scene).play()
        except BrokenBegin:  # a machine that cannot begin has nothing to lose
            return
        whole.check()
        commits = range(1, whole.simulator.journal.commits + 1)
        places = [*product(commits, MOMENTS)]
        for number, moment in Random(scene.seed).sample(places, min(MOST, len(places))):
            whole.cut(number, moment).play().check()
            points += 1

    die_somewhere()

    assert points >= POINTS
