"""A host that is cancelled in the moment in which its kernel dies."""

from random import Random

import pytest
import trio

from detent import Kernel, KernelClosed, World, open_kernel
from detent.kernel import MemoryJournal
from detent.tools.testing.faults import Crash, Faulty
from detent.tools.testing.virtual import run_virtually
from tests.kernel.runtime.toys import Closed, Data, waiting


@pytest.mark.parametrize("seed", range(6))
def test_why_a_kernel_has_died_is_told_also_to_a_host_that_is_cancelled(seed: int) -> None:
    machine, journal = waiting(), Faulty(MemoryJournal(), Random(0))
    scope = trio.CancelScope()

    async def look(
        kernel: Kernel,
    ) -> None:  # whoever comes first: he, or the host that is told to leave
        with pytest.raises(KernelClosed):
            await kernel.run("r").wait_end()
        scope.cancel()

    async def host() -> None:
        async with trio.open_nursery() as outside:
            with scope:
                async with open_kernel(World(machine, journal=journal)) as kernel:
                    run = await kernel.start(machine, Data(), id="r")
                    outside.start_soon(look, kernel)
                    await trio.sleep(1)
                    journal.is_dead = True
                    await run.send(Closed())

    with pytest.RaisesGroup(Crash):
        run_virtually(host, seed=seed)
