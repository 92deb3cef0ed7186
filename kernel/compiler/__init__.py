"""The compiler: Machine -> Table. Every mistake of a machine is found, and all are reported together."""

from detent.kernel.compiler.assembly import compile_machine
from detent.kernel.compiler.outcomes import outcome_shape, returned_shape

__all__ = ["compile_machine", "outcome_shape", "returned_shape"]
