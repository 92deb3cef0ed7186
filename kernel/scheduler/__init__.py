"""The scheduler: runs driven on trio, one transaction after the other."""

from detent.kernel.scheduler.dues import standing
from detent.kernel.scheduler.engine import Engine
from detent.kernel.scheduler.hosted import driven, suspend
from detent.kernel.scheduler.live import Item, Live, end_of
from detent.kernel.scheduler.lives import Lives, inside
from detent.kernel.scheduler.onlookers import BrokenTap
from detent.kernel.scheduler.performing import Performing, alone
from detent.kernel.scheduler.recovery import recover
from detent.kernel.scheduler.replies import Bell, Reply
from detent.kernel.scheduler.served import Served, Way, known, serve

__all__ = [
    "Bell",
    "BrokenTap",
    "Engine",
    "Item",
    "Live",
    "Lives",
    "Performing",
    "Reply",
    "Served",
    "Way",
    "alone",
    "driven",
    "end_of",
    "inside",
    "known",
    "recover",
    "serve",
    "standing",
    "suspend",
]
