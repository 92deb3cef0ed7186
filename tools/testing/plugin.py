"""Fixtures for programs in virtual time: `pytest_plugins = ["detent.tools.testing.plugin"]` in a conftest.py.

Rule 1: it imports nothing but pytest; what a fixture needs is loaded when a test takes it.
Left out on purpose: an entry point that every pytest would load wherever Detent is installed.
"""

from importlib import import_module
from typing import Any

import pytest

__all__ = ["virtual_clock"]


@pytest.fixture
def virtual_clock() -> Any:
    """A VirtualClock that is at 0. A test that takes it and is `@virtually` is run by it."""
    return import_module("detent.tools.testing.virtual").VirtualClock()
