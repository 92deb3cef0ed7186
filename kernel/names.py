"""How a callable is called: in digests, in drawings, in messages.

Rule 1: a name is the same in every process and on every version of Python. It never holds an address.
Rule 2: code is not looked at. What a callable was made with (the arguments of a partial, the fields of a callable
        value) is part of its name if it can be stored; a version that was declared always is.
Rule 3: a callable that a front end made says its own name, as `__detent_name__`.
"""

from functools import partial
from typing import Any

from detent.kernel.errors import Unstorable
from detent.kernel.values import canonical

__all__ = ["brief", "name_of", "shown"]

LONGEST = 80  # characters of a value in a message; what is longer nobody reads
COMPREHENSIONS = (
    ".<listcomp>",
    ".<setcomp>",
    ".<dictcomp>",
)  # until Python 3.12 these were functions


def name_of(function: object) -> str:
    """A callable as `module:qualname`, with its declared version if there is one; empty for none."""
    if function is None:
        return ""
    version = getattr(function, "version", 1)
    suffix = "" if type(version) is not int or version == 1 else f"#{version}"
    own = getattr(function, "__detent_name__", None)
    if type(own) is str:
        return own + suffix
    if isinstance(function, partial):
        given: Any = (function.args, tuple(sorted(function.keywords.items())))
        return f"partial({name_of(function.func)}{_contents(given)}){suffix}"
    name = getattr(function, "__qualname__", None)
    if not isinstance(name, str):
        return f"{name_of(type(function))}({_contents(function)}){suffix}"
    for comprehension in COMPREHENSIONS:
        name = name.replace(comprehension, "")
    return f"{getattr(function, '__module__', '')}:{name}{suffix}"


def brief(name: str) -> str:
    """`module:qualname` without the module; expressions as they are."""
    module, colon, rest = name.partition(":")
    return rest if colon and module.replace(".", "").isidentifier() else name


def shown(value: object) -> str:
    """A value for a message, whatever its own code does when it is asked for a text."""
    try:
        text = repr(value)
    except Exception as error:
        return f"<{type(value).__name__} whose text raises {type(error).__name__}>"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _contents(value: object) -> str:
    try:
        return f" {canonical(value).decode()}"
    except Unstorable:
        return ""
