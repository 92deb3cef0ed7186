"""Machines of the `transitions` package, carried over and back. Needs that package (`pip install detent[classic]`)."""

from detent.machines.classic.back import Model, to_transitions
from detent.machines.classic.carrying import Classic, from_transitions

__all__ = ["Classic", "Model", "from_transitions", "to_transitions"]
