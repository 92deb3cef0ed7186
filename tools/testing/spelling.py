"""Values as Python that makes them again: for tests that are printed to be pasted.

Rule 1: what is printed is read by people first: defaults are left out, names are short; what it needs to be imported
        is told beside it.
"""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from typing import Any
from uuid import UUID

import attrs

from detent.kernel import Fact, FrozenMap

__all__ = ["Speller", "kind_of"]


def kind_of(value: object) -> Any:
    """The class of a value, about which no type checker needs to know more."""
    return type(value)


class Speller:
    """Spells values, and remembers what must be imported for that."""

    def __init__(self) -> None:
        self._imports: dict[str, set[str]] = {}

    def imports(self) -> list[str]:
        """The lines that import what was spelled so far."""
        return [
            f"from {module} import {', '.join(sorted(names))}"
            for module, names in sorted(self._imports.items())
        ]

    def name(self, thing: Any) -> str:
        """A class or a function by its name, to be imported from its module."""
        whole = str(thing.__qualname__)
        self._imports.setdefault(thing.__module__, set()).add(whole.partition(".")[0])
        return whole

    def spell(self, value: Any) -> str:
        """A value as Python."""
        kind = kind_of(value)
        if kind is tuple:
            inside = ", ".join(map(self.spell, value))
            return f"({inside},)" if len(value) == 1 else f"({inside})"
        if kind is frozenset:
            inside = ", ".join(sorted(map(self.spell, value)))
            return f"frozenset({{{inside}}})" if value else "frozenset()"
        if kind is FrozenMap:
            pairs = ", ".join(f"{self.spell(k)}: {self.spell(v)}" for k, v in value.items())
            return f"{self.name(FrozenMap)}({{{pairs}}})"
        if isinstance(value, Enum):
            return self._member(value)
        if kind is float and not math.isfinite(value):
            return f'float("{value!r}")'
        if kind in (datetime, date, timedelta, Decimal, UUID):
            return self._library(value)
        if isinstance(value, Fact):
            names: tuple[str, ...] = value.__struct_fields__
            inside = ", ".join(self.spell(getattr(value, one)) for one in names)
            return f"{self.name(kind)}({inside})"
        if attrs.has(kind):
            return f"{self.name(kind)}({', '.join(self._fields(value))})"
        return repr(value)

    def _member(self, value: Enum) -> str:
        name = self.name(type(value))
        if isinstance(value, Flag):
            return f"{name}({value.value})"
        return f"{name}.{value.name}"

    def _library(self, value: Any) -> str:
        text = repr(value).replace("datetime.", "", 1).replace("tzinfo=datetime.", "tzinfo=")
        self.name(type(value))
        if isinstance(value, datetime) and type(value.tzinfo) is timezone:
            self._imports["datetime"].add("UTC" if value.tzinfo is UTC else "timezone")
            text = text.replace("timezone.utc", "UTC").replace("datetime.timedelta", "timedelta")
            if "timedelta" in text:
                self._imports["datetime"].add("timedelta")
        return text

    def _fields(self, value: Any) -> list[str]:
        """The arguments that make a record; of fields that are left at their defaults none."""
        written: list[str] = []
        by_name = False
        kind = kind_of(value)
        for a in attrs.fields(kind):
            if not a.init:
                continue
            given = getattr(value, a.name)
            if _is_default(a, given):
                by_name = True
                continue
            by_name = by_name or a.kw_only
            text = self.spell(given)
            written.append(f"{a.alias}={text}" if by_name else text)
        return written


def _is_default(a: Any, given: object) -> bool:
    default: object = a.default
    return type(default) is type(given) and default == given
