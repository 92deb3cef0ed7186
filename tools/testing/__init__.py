"""What tests of machines are made of. Needs the extra `testing`: pip install 'detent[testing]'."""

from detent.tools.testing.payloads import values
from detent.tools.testing.strategies import Features, Walk, machines, signals, walks

__all__ = ["Features", "Walk", "machines", "signals", "values", "walks"]
