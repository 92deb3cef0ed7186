"""Prints the digests of some machines. Run in other processes, and by other versions of Python, to compare them."""

from typing import Any

from detent import Machine, compile_machine
from examples.order import order
from examples.turnstile import turnstile
from tests.kernel.wide import wide

MACHINES: tuple[Machine[Any, Any, Any], ...] = (order, turnstile, wide)

KNOWN = {  # on every version of Python; whoever changes them changes what is stored
    "order": (
        "6677eb800a59071f8fa4ce1686396fa9e9607ae58b6ff8841773a69589b0c48f",
        "1e2c01b49bd8a82e39f99cabfbb7f553e6554fc39b1d719b5b3cedf6951e20b6",
    ),
    "turnstile": (
        "ebc9c6d246d2fc4babb27ab2af7a8c3c3a247df6ccbac6cfcc5ec8906cbc3181",
        "b4accd1478b568dc09b63e005d9bced5333f810e991c1866915320020bc51792",
    ),
    "wide": (
        "106c137c3a64b5a4053b281b07893b83ff6b67dddab3eab3f7881ade452da08e",
        "fd675f76ddd311b29926b2c0a6948422a2c8f17885ac421feca056d9486052d8",
    ),
}


def main() -> None:
    """One line for each machine."""
    for machine in MACHINES:
        table = compile_machine(machine)
        print(machine.name, table.shape, table.rules)


if __name__ == "__main__":
    main()
