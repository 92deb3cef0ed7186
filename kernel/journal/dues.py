"""When something is due of whom, of very many: an index that costs what is asked of it.

Rule 1: a time that was replaced by another is left where it is, until it is the first of all, or half of all are such:
        who reads it asks `stands`.
"""

from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush

__all__ = ["Dues"]

FEW = 64  # times that were replaced and are kept anyway


class Dues:
    """Times with the runs of which something is due then."""

    def __init__(self, stands: Callable[[int, str], bool]) -> None:
        self._stands = stands
        self._heap: list[tuple[int, str]] = []
        self._left = 0

    def put(self, run: str, before: int | None, due: int | None) -> None:
        """Something of a run is due at another time than before, which is known to whoever is asked what `stands`."""
        if due is not None:
            heappush(self._heap, (due, run))
        if before is not None:
            self._left += 1
            if self._left > FEW and self._left * 2 > len(self._heap):
                self._heap = [one for one in set(self._heap) if self._stands(*one)]
                heapify(self._heap)
                self._left = 0

    def until(self, last: int) -> set[str]:
        """The runs of which something is due by a time, and perhaps some more."""
        return {self._heap[place][1] for place in self._walk(lambda due, place: due <= last)}

    def after(self, time: int) -> int | None:
        """The first time after one."""
        while self._heap and not self._stands(*self._heap[0]):
            heappop(self._heap)
        best: list[int] = []

        def is_before(due: int, place: int) -> bool:
            if best and due >= best[0]:
                return False
            if due > time and self._stands(*self._heap[place]):
                best[:] = [due]
                return False
            return True

        for _ in self._walk(is_before):
            pass
        return best[0] if best else None

    def _walk(self, goes_on: Callable[[int, int], bool]) -> Iterator[int]:
        """The places from the first on, and below each as far as that goes: what is due later lies below."""
        waiting = [0]
        while waiting:
            place = waiting.pop()
            if place < len(self._heap) and goes_on(self._heap[place][0], place):
                yield place
                waiting += (2 * place + 1, 2 * place + 2)
