"""Prints the digests of some machines. Run in other processes, and by other versions of Python, to compare them."""

from typing import Any

from detent import Machine, compile_machine
from examples.order import order
from examples.turnstile import turnstile
from tests.kernel.wide import wide

MACHINES: tuple[Machine[Any, Any, Any], ...] = (order, turnstile, wide)


def main() -> None:
    """One line for each machine."""
    for machine in MACHINES:
        table = compile_machine(machine)
        print(machine.name, table.shape, table.rules)


if __name__ == "__main__":
    main()
