"""A lamp: what the tests of what is carried over are about."""

from attrs import evolve, frozen

from detent import Effect

__all__ = ["Lamp", "Ring"]


@frozen
class Ring(Effect[str], recovery="pure"):
    """Let a bell ring."""

    times: int


@frozen
class Lamp:
    """The data of a lamp."""

    power: bool = True
    presses: int = 0
    trail: tuple[str, ...] = ()

    def has_power(self) -> bool:
        """A condition."""
        return self.power

    def is_worn(self, limit: int = 3) -> bool:
        """A condition with a parameter."""
        return self.presses >= limit

    def count(self, force: int) -> "Lamp":
        """Count a press of some force."""
        return evolve(self, presses=self.presses + force)

    def shine(self) -> "Lamp":
        """It is lit."""
        return evolve(self, trail=(*self.trail, "shine"))

    def fade(self) -> "Lamp":
        """It is lit no more."""
        return evolve(self, trail=(*self.trail, "fade"))

    def spoil(self) -> None:
        """What a method of a model does, and one of data cannot."""

    async def wait(self) -> "Lamp":
        """A coroutine."""
        return self

    exec("def untold(self, force):\n    return self")  # of a parameter whose type is not said

    def loud(self, force: str) -> "Lamp":
        """The same parameter with another type."""
        return evolve(self, trail=(*self.trail, force))

    def ring(self) -> Ring:
        """An order."""
        return Ring(self.presses)
