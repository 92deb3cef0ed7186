"""What is sealed is not told, whatever is wrong with it."""

import pytest

from detent import Secret, Unreadable, Unstorable
from detent.kernel import shape_of
from detent.kernel.codec import Codec


def test_what_does_not_fit_a_sealed_field_is_not_shown() -> None:
    shape = shape_of(Secret[int])

    with pytest.raises(Unstorable, match=r"^this secret value is not of its type$"):
        Codec().write(shape, "hunter2")
    with pytest.raises(Unreadable, match=r"^this secret value is not of its type$"):
        Codec().read(shape, {"$secret": "hunter2"})
    with pytest.raises(Unreadable, match=r"^this is no secret value$"):
        Codec().read(shape, "hunter2")
