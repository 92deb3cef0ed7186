"""What lies beside the chain: sealed values, and large ones."""

import re
from collections.abc import Iterable
from typing import Any

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import Event, FrozenMap, Machine, On, State
from detent.kernel import (
    Beside,
    Entry,
    Key,
    Line,
    Recorder,
    Secret,
    Unreadable,
    WrongInput,
    compile_machine,
    frame_at,
    instants,
    log_lines,
    opening_lines,
    read_log,
    replay,
    snapshot_at,
    verify_log,
)
from detent.kernel.entries import entry_body
from detent.kernel.frames import whole
from detent.kernel.vault import restored, stowed
from detent.kernel.wire import Tree, spelled
from tests.kernel.hushed import KEY, Account, Login, hushed, log_of, told, walked
from tests.kernel.shape_toys import JUNK
from tests.settings import times

KEYS = st.binary(min_size=16, max_size=64).map(Key)
TEXTS = st.text(max_size=60).map(lambda text: f"hush! {text}")
SEALED = re.compile(rb'\{"sealed":"([0-9a-f]{64})"')
HUSH = "hush! " * 100


def last_of(lines: Iterable[bytes]) -> Any:
    """The frame at the end of a log."""
    return list(instants(lines))[-1].frame


# -- keys and seals


@given(KEYS, JUNK)
def test_what_is_sealed_is_opened_by_the_same_key(key: Key, value: Any) -> None:
    assert spelled(key.open(key.seal(value))) == spelled(value)


@given(KEYS, KEYS, JUNK)
def test_another_key_opens_nothing(key: Key, other: Key, value: Any) -> None:
    seal = key.seal(value)

    if key == other:
        return
    with pytest.raises(Unreadable, match="the key is another, or it was changed"):
        other.open(seal)


@given(KEYS, JUNK, st.data())
def test_a_changed_seal_is_not_opened(key: Key, value: Any, data: st.DataObject) -> None:
    seal = key.seal(value)
    bit = 1 << data.draw(st.integers(0, 7))
    body, digest = bytearray(seal.body), bytearray.fromhex(seal.digest)
    changed = data.draw(st.sampled_from([body, digest]))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= bit

    with pytest.raises(Unreadable, match="the key is another, or it was changed"):
        key.open(Beside(digest.hex(), bytes(body), True))


@given(KEYS, JUNK, st.integers(1, 20))
def test_a_seal_that_was_cut_short_or_grew_is_not_opened(key: Key, value: Any, size: int) -> None:
    seal = key.seal(value)

    for body in (seal.body[:-size], seal.body + b"0" * size):
        with pytest.raises(Unreadable):
            key.open(evolve(seal, body=body))


@given(KEYS, JUNK)
def test_equal_values_have_equal_seals_under_one_key_alone(key: Key, value: Any) -> None:
    other = Key(key.secret[::-1] + b"!" if len(key.secret) < 64 else key.secret[1:])

    assert key.seal(value) == key.seal(value)
    assert other.seal(value).digest != key.seal(value).digest


@pytest.mark.parametrize("size", [0, 15, 65])
def test_a_key_is_neither_short_nor_longer_than_it_can_be(size: int) -> None:
    with pytest.raises(WrongInput, match=f"a key is 16 to 64 bytes, not {size}"):
        Key(bytes(size))


def test_neither_a_key_nor_what_lies_beside_shows_its_bytes() -> None:
    assert "sixteen" not in repr(KEY)
    assert "body" not in repr(KEY.seal("x"))


# -- stowed and restored


@given(JUNK, st.integers(1, 40))
def test_what_is_stowed_is_restored(value: Any, large: int) -> None:
    tree: Any = {"a": {"$secret": value}, "b": ["x" * large, {"$personal": "y" * large}]}
    beside: dict[str, Beside] = {}

    left = stowed(tree, KEY, beside, large)

    assert restored(left, beside.get, KEY) == tree
    assert b"$secret" not in spelled(left)
    assert spelled("x" * large) not in spelled(left)
    assert all(one.is_whole() for one in beside.values())


def test_without_a_key_seals_stay_digests_and_large_values_come_back() -> None:
    beside: dict[str, Beside] = {}

    left: Any = stowed([{"$secret": "x"}, "y" * 50], KEY, beside, 50)
    back: Any = restored(left, beside.get)

    assert back == [left[0], "y" * 50]
    assert restored(left, lambda digest: None, KEY) == left


def test_something_beside_the_log_that_is_no_json_is_refused() -> None:
    with pytest.raises(Unreadable, match="is no JSON"):
        restored({"$blob": "ab"}, {"ab": Beside("ab", b"{")}.get)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), st.integers(1, 80))
def test_a_text_is_large_by_its_bytes(text: str, large: int) -> None:
    beside: dict[str, Beside] = {}

    stowed(text, None, beside, large)

    if len(text) >= large:
        assert beside
    if beside:
        assert len(spelled(text)) >= large


# -- secrets in a log


@settings(max_examples=times(60))
@given(TEXTS, st.sampled_from([65_536, 20]))
def test_the_plain_text_of_what_is_sealed_is_nowhere_in_a_log(text: str, large: int) -> None:
    lines = log_of(text, large=large)

    assert len(lines) > 10
    assert not any(b"hush!" in line for line in lines)
    assert replay(lines, hushed, key=KEY).divergence is None
    assert snapshot_at(lines, 10, hushed, key=KEY).data.notes.count(text) == 5


@settings(max_examples=times(30))
@given(TEXTS)
def test_what_is_also_said_openly_is_never_taken_for_what_is_sealed(text: str) -> None:
    lines = log_of(text, name=text * 5)

    assert replay(lines, hushed, key=KEY).divergence is None
    assert snapshot_at(lines, 10, hushed, key=KEY).data.name == text * 5
    assert last_of(lines)["data"]["name"] == text * 5
    assert spelled(last_of(lines)["data"]).count(b'"$sealed"') == 11


def test_checkpoints_are_sealed_too() -> None:
    names = tuple(Login(f"{n:0500}", f"hush! {n}") for n in range(200))
    recorder = Recorder(hushed, KEY)

    lines = tuple(log_lines(hushed, "hush!", walked(hushed, "hush!", names), recorder=recorder))

    assert any(line.startswith(b'{"run":"walk","checkpoint":') for line in lines)
    assert not any(b"hush!" in line for line in lines)


@given(TEXTS, st.data())
def test_without_the_sealed_parts_a_log_verifies_and_is_read(
    text: str, data: st.DataObject
) -> None:
    lines = log_of(text)
    digests = sorted({found[1] for line in lines if (found := SEALED.match(line))})
    gone = data.draw(st.sets(st.sampled_from(digests), min_size=1))
    erased = [line for line in lines if not (found := SEALED.match(line)) or found[1] not in gone]

    assert verify_log(erased, verify_log(lines)) == verify_log(lines)
    for seq in range(1, 11):
        assert frame_at(erased, seq).frame == frame_at(lines, seq).frame
        shown = spelled(frame_at(erased, seq, key=KEY).frame)
        assert all(
            digest in shown for digest in gone if digest in spelled(frame_at(lines, seq).frame)
        )


def test_what_was_erased_is_a_digest_in_its_place() -> None:
    erased = [line for line in log_of(HUSH) if not SEALED.match(line)]

    data: Any = frame_at(erased, 10, key=KEY).frame["data"]

    assert data["began"] == {"$sealed": KEY.seal({"$secret": HUSH}).digest}
    assert data["token"] == {"$sealed": KEY.seal({"$secret": HUSH}).digest}
    assert data["notes"][0] == {"$sealed": KEY.seal({"$personal": HUSH}).digest}
    assert data["name"] == "Ann"


def test_a_replay_says_what_was_erased_and_where() -> None:
    gone = KEY.seal({"$secret": "two"}).digest.encode()
    signals = (Login("Ann", "one"), Login("Ann", "two"))
    recorder = Recorder(hushed, KEY)
    lines = log_lines(hushed, "", walked(hushed, "", signals), recorder=recorder)
    erased = [line for line in lines if not (found := SEALED.match(line)) or found[1] != gone]

    why = (
        "entry 3 of run 'walk': token: this secret value is sealed, and what it seals is not there"
    )
    with pytest.raises(Unreadable, match=f"^{why}$"):
        replay(erased, hushed, key=KEY)
    with pytest.raises(Unreadable, match="this secret value is sealed"):
        snapshot_at(erased, 3, hushed, key=KEY)
    assert snapshot_at(erased, 2, hushed, key=KEY).data.token == "one"


def test_a_replay_with_another_key_is_refused() -> None:
    with pytest.raises(Unreadable, match=r"entry 1 of run 'walk': .* the key is another"):
        replay(log_of(HUSH), hushed, key=Key(bytes(16)))
    with pytest.raises(Unreadable, match=r"entry 1 of run 'walk': .* is sealed"):
        replay(log_of(HUSH), hushed)


# -- without a key


def test_a_log_that_lasts_is_not_made_without_a_key() -> None:
    steps = walked(hushed, "", told(""))
    why = r"machine 'hushed' has something to seal \(\w+\.\w+\), and there is no key for it"

    with pytest.raises(WrongInput, match=why):
        list(log_lines(hushed, "", steps))
    with pytest.raises(WrongInput, match=why):
        list(opening_lines(Recorder(hushed), Recorder(hushed).header("one")))


def test_what_stays_in_memory_needs_no_key() -> None:
    recorder = Recorder(hushed)
    steps = list(walked(hushed, "hush!", told("hush!")))
    recorded: Any = recorder.begin(recorder.header("one"), steps[0], "hush!")

    for step in steps[1:]:
        recorded = recorder.record(recorded.head, recorded.snapshot, step) or recorded

    assert recorded.entry.seq == 10
    assert recorded.beside == ()


@frozen
class Counter:
    """Data without secrets."""

    count: int = 0


def quiet(count: Secret[int]) -> Counter:
    """Only the input is secret."""
    return Counter(count % 2)


def loud(data: Counter) -> Secret[int]:
    """Only the result is secret."""
    return data.count + 123_456_789


ONLY_INPUT = Machine("only", State("a"), data=Counter, begin=quiet)
ONLY_RESULT = Machine("only", State("a"), data=Counter, result=loud)


@pytest.mark.parametrize(
    ("machine", "place"), [(ONLY_INPUT, "its input"), (ONLY_RESULT, "its result")]
)
def test_a_secret_input_or_result_alone_is_something_to_seal(
    machine: Machine[Any, Any, Any], place: str
) -> None:
    table = compile_machine(machine)

    with pytest.raises(WrongInput, match=rf"\({place}\)"):
        list(log_lines(table, Counter(), ()))


# -- large values


@frozen
class Said(Event):
    """A text of any size."""

    text: str


@frozen
class Heard:
    """Texts that were said."""

    texts: tuple[str, ...] = ()
    by_size: FrozenMap[int, str] = FrozenMap()

    def hear(self, event: Said) -> "Heard":
        """Keep a text, twice."""
        kept = self.by_size.set(len(event.text), f"{event.text}!")
        return Heard((*self.texts, event.text), kept)


hearing = compile_machine(
    Machine("hearing", State("only", On(Said, update=Heard.hear)), data=Heard)
)


def heard(texts: Iterable[str], large: int) -> tuple[bytes, ...]:
    """The log of a run in which texts were said."""
    steps = walked(hearing, Heard(), tuple(map(Said, texts)))
    recorder = Recorder(hearing, large=large)
    return tuple(log_lines(hearing, Heard(), steps, recorder=recorder))


def entries_of(lines: Iterable[bytes]) -> list[tuple[Line, Entry]]:
    """The entries of a log, with what lies beside them."""
    return [(line, line.what) for line in read_log(lines) if isinstance(line.what, Entry)]


SIZES = st.lists(st.tuples(st.sampled_from("ab☺\n"), st.integers(1, 400)), max_size=6)


@settings(max_examples=times(60))
@given(SIZES)
def test_large_values_lie_beside_the_log_and_are_read_back(sizes: list[tuple[str, int]]) -> None:
    texts = [letter * size for letter, size in sizes]
    lines, plain = heard(texts, 200), heard(texts, 10**9)

    assert not any(b"blob" in line for line in plain)
    assert any(line.startswith(b'{"blob"') for line in lines) == any(
        len(spelled(f"{text}!")) >= 200 for text in texts
    )
    for (line, entry), (_, other) in zip(entries_of(lines), entries_of(plain), strict=True):
        assert len(entry.body) < 1200
        assert entry_body(whole(entry, line.beside)) == other.body
    assert last_of(lines) == last_of(plain)
    assert snapshot_at(lines, len(texts) + 1, hearing).data.texts == tuple(texts)
    assert replay(lines, hearing).divergence is None


def test_a_text_that_is_not_large_is_where_it_always_was() -> None:
    texts = ["a" * 100, "b" * 50]

    assert heard(texts, 200) == heard(texts, 65_536)


def test_a_large_value_that_is_lost_is_told_when_it_is_needed() -> None:
    lost = [line for line in heard(["a" * 300], 200) if not line.startswith(b'{"blob"')]

    with pytest.raises(Unreadable, match="lies beside the log, and is not there"):
        snapshot_at(lost, 2, hearing)
    with pytest.raises(
        Unreadable, match="entry 2 of run 'walk': text: this str lies beside the log"
    ):
        replay(lost, hearing)


@given(st.integers(0, 300), st.integers(1, 255))
def test_a_changed_large_value_is_not_whole(place: int, bits: int) -> None:
    beside: dict[str, Beside] = {}
    stowed("a" * 300, None, beside, 200)
    (kept,) = beside.values()
    body = bytearray(kept.body)

    body[place] ^= bits

    assert kept.is_whole()
    assert not evolve(kept, body=bytes(body)).is_whole()


def test_what_the_data_holds_of_a_secret_can_be_compared() -> None:
    account = Account("hush!", token="hush!")
    tree: Tree = {"data": [{"$secret": account.began}, {"$secret": account.token}]}
    beside: dict[str, Beside] = {}

    left: Any = stowed(tree, KEY, beside)

    assert left["data"][0] == left["data"][1]
    assert restored(left, beside.get, KEY) == tree
