"""Values to trees and back, as the annotations of their classes say: strict in both directions.

Rule 1: what a codec writes it reads back, as a value with the same canonical bytes.
Rule 2: nothing is guessed or mended: what is unknown, missing, or of another type is refused, and its place is named.
        An int may stand where a float is wanted, as type checkers have it, and stays an int.
Rule 3: what an annotation leaves open (Json, a parameter nobody gave) is read by the tags in the tree.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial
from typing import Any, TypeVar

import attrs

from detent.kernel.codec.containers import (
    first_fitting,
    read_fixed,
    read_many,
    read_map,
    read_sealed,
    read_set,
    write_fixed,
    write_many,
    write_map,
    write_sealed,
    write_set,
)
from detent.kernel.codec.leaves import (
    READERS,
    Misfit,
    Reader,
    Writer,
    is_no,
    no_tree,
    read_choice,
    read_literal,
    tag_of,
    types_of,
    write_choice,
    write_float,
    write_literal,
    write_scalar,
)
from detent.kernel.errors import Unreadable, Unstorable
from detent.kernel.shapes import (
    Anything,
    Choice,
    Either,
    Exactly,
    Fixed,
    Keyed,
    Many,
    Record,
    Scalar,
    Sealed,
    Shape,
    Some,
    described,
    fields_of,
    parts_of,
    shape_of,
)
from detent.kernel.values import FrozenMap, tree
from detent.kernel.wire import NoJson, Tree, parsed

__all__ = ["Codec", "classes_in", "decode"]

T = TypeVar("T")


def decode(kind: type[T], data: bytes) -> T:
    """The value that canonical bytes stand for. Raises Unreadable, which names the place.

    >>> decode(tuple[int, ...], b"[1,2]")
    (1, 2)
    >>> decode(tuple[int, ...], b"[1,true]")
    Traceback (most recent call last):
      ...
    detent.kernel.errors.Unreadable: [1]: True is no int
    """
    try:
        value: T = Codec().read(shape_of(kind), parsed(data))
    except NoJson as error:
        raise Unreadable(f"this is no JSON: {error}") from None
    except RecursionError:
        raise Unreadable("this is nested too deeply to be read") from None
    return value


class Codec:
    """Writes and reads values of any shape. `classes` are those that may stand where an annotation says nothing."""

    def __init__(self, classes: Iterable[Record | Choice] = ()) -> None:
        self._named = {shape.kind.__name__: shape for shape in classes}
        self._writers: dict[Shape, Writer] = {}
        self._readers: dict[Shape, Reader] = {}
        self._lacking: dict[tuple[Record, str], tuple[Writer, Callable[..., Any]]] = {}

    def write(self, shape: Shape, value: object) -> Tree:
        """The tree of a value. Raises Unstorable if it is not of its shape."""
        return _written(self.writer(shape), value)

    def strict(self, shape: Shape, without: str = "") -> Writer:
        """What writes values of a shape, if need be without a field of theirs; it raises Unstorable."""
        return partial(_written, self.lacking(shape, without))

    def lacking(self, shape: Shape, without: str = "") -> Writer:
        """The same; but it raises Misfit."""
        if without and isinstance(shape, Record):
            return self._pair(shape, without)[0]
        return self.writer(shape)

    def read(self, shape: Shape, written: Tree, **given: object) -> Any:
        """The value of a tree, which may lack a field that is given. Raises Unreadable if it is not of its shape."""
        try:
            if given and isinstance(shape, Record):
                return self._pair(shape, *given)[1](written, **given)
            return self.reader(shape)(written)
        except Misfit as misfit:
            raise Unreadable(str(misfit)) from None
        except RecursionError:
            raise Unreadable("a value is nested too deeply to be read") from None

    def writer(self, shape: Shape) -> Writer:
        """What writes values of a shape; it raises Misfit."""
        known = self._writers.get(shape)
        if known is None:
            self._writers[shape] = lambda value: self._writers[shape](
                value
            )  # classes may hold themselves
            known = self._writers[shape] = self._make_writer(shape)
        return known

    def reader(self, shape: Shape) -> Reader:
        """What reads trees of a shape; it raises Misfit."""
        known = self._readers.get(shape)
        if known is None:
            self._readers[shape] = lambda written: self._readers[shape](written)
            known = self._readers[shape] = self._make_reader(shape)
        return known

    def _pair(self, shape: Record, without: str) -> tuple[Writer, Callable[..., Any]]:
        """What writes and reads records without one of their fields."""
        known = self._lacking.get((shape, without))
        if known is None:
            known = (self._write_record(shape, without), self._read_record(shape, without))
            self._lacking[shape, without] = known
        return known

    # -- writing

    def _make_writer(self, shape: Shape) -> Writer:
        match shape:
            case Scalar("float"):
                return write_float
            case Scalar(name):
                return write_scalar(name)
            case Choice(kind):
                return write_choice(kind)
            case Exactly():
                return write_literal(shape)
            case Many(item):
                return write_many(self.writer(item))
            case Fixed(items):
                return write_fixed([self.writer(item) for item in items])
            case Some(item):
                return write_set(self.writer(item))
            case Keyed(key, value):
                return write_map(self.writer(key), self.writer(value))
            case Record():
                return self._write_record(shape)
            case Either(members):
                return self._write_either(members)
            case Sealed(inner, word):
                return write_sealed(self.writer(inner), word)
            case Anything():
                return self._write_json
            case _:
                return self._write_anything

    def _write_record(self, shape: Record, without: str = "") -> Writer:
        kind, title = shape.kind, shape.kind.__name__
        fields = [
            (name, self.writer(inner))
            for name, inner in fields_of(shape).items()
            if name != without
        ]

        def write(value: object) -> Tree:
            if type(value) is not kind:
                raise is_no(value, title)
            written: dict[str, Tree] = {"$": title}
            name = ""
            try:
                for name, field in fields:
                    written[name] = field(getattr(value, name))
            except Misfit as misfit:
                raise misfit.inside(name) from None
            return written

        return write

    def _write_either(self, members: tuple[Shape, ...]) -> Writer:
        writers = [(member, self.writer(member)) for member in members]
        by_type: dict[type, list[Writer]] = {}
        for member, writer in writers:
            for kind in types_of(member):
                by_type.setdefault(kind, []).append(writer)
        every = [writer for _, writer in writers]

        def write(value: object) -> Tree:
            options = by_type.get(type(value), every)
            written: Tree = first_fitting(options, value, described(Either(members)))
            return written

        return write

    def _write_json(self, value: object) -> Tree:
        if value is None or type(value) in (bool, int, float, str):
            return tree(value)
        if type(value) is tuple:
            return write_many(self._write_json)(value)
        if type(value) is FrozenMap:
            return write_map(write_scalar("str"), self._write_json)(value)
        raise is_no(value, "JSON value")

    def _write_anything(self, value: object) -> Tree:
        """A value of which its place says nothing: its own class does."""
        if type(value) is tuple:
            return write_many(self._write_anything)(value)
        if type(value) is frozenset:
            return write_set(self._write_anything)(value)
        if type(value) is FrozenMap:
            return write_map(self._write_anything, self._write_anything)(value)
        known = self._named.get(type(value).__name__)
        if known is not None and known.kind is type(value):
            return self.writer(known)(value)
        if "__attrs_attrs__" in vars(type(value)) or isinstance(value, Enum):
            raise Misfit(f"nothing in the machine tells of class {type(value).__name__}")
        try:
            return tree(value)
        except Unstorable as error:
            raise Misfit(str(error)) from None

    # -- reading

    def _make_reader(self, shape: Shape) -> Reader:
        match shape:
            case Scalar(name):
                return READERS[name]
            case Choice(kind):
                return read_choice(kind)
            case Exactly():
                return read_literal(shape)
            case Many(item):
                return read_many(self.reader(item))
            case Fixed(items):
                return read_fixed([self.reader(item) for item in items])
            case Some(item):
                return read_set(self.reader(item))
            case Keyed(key, value):
                return read_map(self.reader(key), self.reader(value))
            case Record():
                return self._read_record(shape)
            case Either(members):
                return self._read_either(members)
            case Sealed(inner, word):
                return read_sealed(self.reader(inner), word)
            case Anything():
                return self._read_json
            case _:
                return self._read_anything

    def _read_record(self, shape: Record, without: str = "") -> Callable[..., Any]:
        kind = shape.kind
        wanted = {name: inner for name, inner in fields_of(shape).items() if name != without}
        aliases = {a.name: a.alias or a.name for a in attrs.fields(kind)}
        fields = [(name, aliases[name], self.reader(inner)) for name, inner in wanted.items()]
        size, names = len(fields) + 1, wanted.keys()

        def read(written: Tree, **values: Any) -> Any:
            if type(written) is not dict or written.get("$") != kind.__name__:
                raise no_tree(written, kind.__name__)
            if not names <= written.keys():
                missing = next(name for name in wanted if name not in written)
                raise Misfit(f"{kind.__name__} lacks its field {missing!r}")
            name = ""
            try:
                for name, alias, field in fields:
                    values[alias] = field(written[name])
            except Misfit as misfit:
                raise misfit.inside(name) from None
            if len(written) != size:
                unknown = next(key for key in written if key != "$" and key not in wanted)
                raise Misfit(f"{kind.__name__} has no field {unknown!r}")
            try:
                return kind(**values)
            except Exception as error:  # a validator of the author's
                raise Misfit(f"{kind.__name__} refuses its fields: {error}") from error

        return read

    def _read_either(self, members: tuple[Shape, ...]) -> Reader:
        readers = [(member, self.reader(member)) for member in members]
        by_name: dict[object, list[Reader]] = {}
        for member, reader in readers:
            if isinstance(member, Record):
                by_name.setdefault(member.kind.__name__, []).append(reader)
        others = [reader for member, reader in readers if not isinstance(member, Record)]

        def read(written: Tree) -> Any:
            name = written.get("$") if type(written) is dict else None
            fitting = by_name.get(name, others) if type(name) is str else others
            return first_fitting(fitting, written, described(Either(members)))

        return read

    def _read_json(self, written: Tree) -> Any:
        if type(written) is list:
            return read_many(self._read_json)(written)
        if type(written) is dict:
            tag = tag_of(written)
            if tag is None or tag == "$map":
                return read_map(READERS["str"], self._read_json)(written)
            if tag not in ("$int", "$float", "$surrogates"):
                raise no_tree(written, "JSON value")
            return READERS[tag](written)
        return READERS["int"](written) if type(written) is int else written

    def _read_anything(self, written: Tree) -> Any:
        """A tree of whose place nothing is known: its tags say what it is."""
        if type(written) is list:
            return read_many(self._read_anything)(written)
        if type(written) is not dict:
            return READERS["int"](written) if type(written) is int else written
        tag = tag_of(written)
        if tag == "$set":
            return read_set(self._read_anything)(written)
        if tag == "$enum":
            return self._known(str(written[tag]).partition(".")[0])(written)
        if tag == "$":
            return self._known(str(written["$"]))(written)
        if tag is None or tag == "$map":
            return read_map(self._read_anything, self._read_anything)(written)
        reader = READERS.get(tag)
        if reader is None:
            raise Misfit(f"{tag} is no tag")
        return reader(written)

    def _known(self, name: str) -> Reader:
        if name not in self._named:
            raise Misfit(f"nothing in the machine tells of class {name}")
        return self.reader(self._named[name])


def _written(write: Writer, value: object) -> Tree:
    """What a writer makes of a value. Raises Unstorable."""
    try:
        return write(value)
    except Misfit as misfit:
        raise Unstorable(str(misfit)) from None
    except RecursionError:
        raise Unstorable("a value is nested too deeply to be written") from None


def classes_in(shapes: Iterable[Shape]) -> tuple[Record | Choice, ...]:
    """Every record and enumeration that occurs anywhere in some shapes, each once."""
    found: dict[Record | Choice, None] = {}
    waiting = list(shapes)
    while waiting:
        shape = waiting.pop()
        if isinstance(shape, Record | Choice):
            if shape in found:
                continue
            found[shape] = None
        inside = fields_of(shape).values() if isinstance(shape, Record) else parts_of(shape)
        waiting += inside
    return tuple(found)
