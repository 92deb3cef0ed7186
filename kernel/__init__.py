"""The kernel: machines, the table they compile to, and the pure step.

Everything here is pure: nothing reads a clock, a file, the environment or chance. The files stand on floors, and each
imports only from those below it:

    errors, policies
    values
    names, shapes, signals
    expressions
    inference
    guards
    definition
    table, flights
    snapshot, moves
    layout, steps
    calls, compiler
    draft, renderer
    stepper
    walker, doublecheck
"""

if __name__.partition(".")[0] != "detent":
    raise ImportError(f"import me as detent.kernel, not as {__name__}")

from detent.kernel.compiler import compile_machine
from detent.kernel.definition import (
    After,
    Always,
    Answer,
    Assign,
    Call,
    Child,
    Defer,
    Definition,
    Doing,
    Done,
    Each,
    Final,
    FinalStatus,
    Form,
    History,
    Ignore,
    Letter,
    Machine,
    On,
    Order,
    Outcome,
    Part,
    Possible,
    Region,
    Reject,
    Send,
    Spawn,
    State,
    Wait,
    assign,
    versioned,
)
from detent.kernel.doublecheck import checked_advance, checked_recall, checked_step
from detent.kernel.errors import (
    AuthorError,
    BrokenBegin,
    CallerError,
    DetentError,
    EndlessWalk,
    InvalidExpression,
    InvalidMachine,
    KernelBug,
    Mistake,
    NoSuchEffect,
    Unstorable,
    WorldError,
    WrongInput,
)
from detent.kernel.flights import Fan, Flight, Ordered
from detent.kernel.guards import Expression, explain, parse
from detent.kernel.policies import Retry
from detent.kernel.renderer import draw
from detent.kernel.signals import (
    Declined,
    Effect,
    EffectClass,
    Ended,
    Event,
    Failed,
    Failure,
    Fired,
    Happened,
    InDoubt,
    Problem,
    Receipt,
    Recovery,
    Returned,
    Settled,
    Signal,
    Stamp,
    Stopped,
    TimedOut,
    new_id,
    now,
    random,
    stamp,
    stamped,
)
from detent.kernel.snapshot import End, Kept, Pending, Snapshot, Status, Timer
from detent.kernel.stepper import advance, begin, recall, step
from detent.kernel.steps import Broken, Bug, Deferred, Ignored, Moved, Rejected, Stepped
from detent.kernel.table import Node, Row, Table
from detent.kernel.values import FrozenMap, Json, canonical, digest, freeze
from detent.kernel.walker import Elapse, due, elapse, walk

__all__ = [
    "After",
    "Always",
    "Answer",
    "Assign",
    "AuthorError",
    "Broken",
    "BrokenBegin",
    "Bug",
    "Call",
    "CallerError",
    "Child",
    "Declined",
    "Defer",
    "Deferred",
    "Definition",
    "DetentError",
    "Doing",
    "Done",
    "Each",
    "Effect",
    "EffectClass",
    "Elapse",
    "End",
    "Ended",
    "EndlessWalk",
    "Event",
    "Expression",
    "Failed",
    "Failure",
    "Fan",
    "Final",
    "FinalStatus",
    "Fired",
    "Flight",
    "Form",
    "FrozenMap",
    "Happened",
    "History",
    "Ignore",
    "Ignored",
    "InDoubt",
    "InvalidExpression",
    "InvalidMachine",
    "Json",
    "Kept",
    "KernelBug",
    "Letter",
    "Machine",
    "Mistake",
    "Moved",
    "NoSuchEffect",
    "Node",
    "On",
    "Order",
    "Ordered",
    "Outcome",
    "Part",
    "Pending",
    "Possible",
    "Problem",
    "Receipt",
    "Recovery",
    "Region",
    "Reject",
    "Rejected",
    "Retry",
    "Returned",
    "Row",
    "Send",
    "Settled",
    "Signal",
    "Snapshot",
    "Spawn",
    "Stamp",
    "State",
    "Status",
    "Stepped",
    "Stopped",
    "Table",
    "TimedOut",
    "Timer",
    "Unstorable",
    "Wait",
    "WorldError",
    "WrongInput",
    "advance",
    "assign",
    "begin",
    "canonical",
    "checked_advance",
    "checked_recall",
    "checked_step",
    "compile_machine",
    "digest",
    "draw",
    "due",
    "elapse",
    "explain",
    "freeze",
    "new_id",
    "now",
    "parse",
    "random",
    "recall",
    "stamp",
    "stamped",
    "step",
    "versioned",
    "walk",
]
