"""Prints the digests of some machines. Run in other processes, and by other versions of Python, to compare them."""

from typing import Any

from detent import Machine, compile_machine
from examples.order import order
from examples.turnstile import turnstile
from tests.kernel.wide import wide

MACHINES: tuple[Machine[Any, Any, Any], ...] = (order, turnstile, wide)

KNOWN = {  # on every version of Python; whoever changes them changes what is stored
    "order": (
        "a24a07ecdfd8dbda648a10464f084611134928ffa1a56894723a498347d9e28b",
        "7cab25734e8ebc10282a9e3a769b133fdf14de5046678ee9c650548c9f5b14ba",
    ),
    "turnstile": (
        "d05641b868f43fe52fba79106326dbd38510b730e18262356c7739032d150dee",
        "fb4f080ea61dbe75c1870d94586c10c9f022b697339be2a100caba3f2624014d",
    ),
    "wide": (
        "7e72675b91c3146896532d52fee9ece52c1398745900a6af96212678f381fd65",
        "c9bb0ecc7403432fbc53f6a85155ea9a062b849c0b02eec691d3cc252ec2f517",
    ),
}


def main() -> None:
    """One line for each machine."""
    for machine in MACHINES:
        table = compile_machine(machine)
        print(machine.name, table.shape, table.rules)


if __name__ == "__main__":
    main()
