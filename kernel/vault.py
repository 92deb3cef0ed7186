"""What lies beside the chain of a log: sealed values, which can be erased, and large ones, which are kept once.

In an entry a sealed value is `{"$sealed": digest}`, with a digest that nobody can make without the key; a large text
is `{"$blob": digest}`. Both stand in the chain, what they stand for does not: take it away, and the log still
verifies.

Rule 1: a seal is made of the value and the key alone, so that equal values of one key have equal seals. (That shows
        which values are equal, and is what makes a recorded step the same when it is taken again.)
Rule 2: what is opened is checked: the digest is that of the value, under the key.
The cipher is a synthetic initial value: the keyed digest is the nonce of a stream made by the same keyed function.
Left out on purpose: where keys come from.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from hashlib import blake2b
from hmac import compare_digest
from typing import TypeAlias

from attrs import field, frozen

from detent.kernel.errors import Unreadable, WrongInput
from detent.kernel.wire import NoJson, Tree, parsed, spelled

__all__ = ["LARGE", "Beside", "Key", "Vault", "has_secrets", "restored", "stowed"]

LARGE = 65_536  # bytes from which on a text is kept beside the log: about where a copy costs more than a look-up
SHORTEST, LONGEST = 16, 64  # bytes of a key: 128 bits, and what BLAKE2b takes


@frozen
class Beside:
    """Something that lies beside the chain: a large value as it is, or a sealed one in cipher."""

    digest: str
    body: bytes = field(repr=False)
    is_sealed: bool = False

    def is_whole(self) -> bool:
        """Whether a large value is the one its digest stands for; of a sealed one only the key can tell."""
        return self.is_sealed or _digest(self.body) == self.digest

    @property
    def text(self) -> str:
        """The body as a text, for a line of a file."""
        return b64encode(self.body).decode()

    @classmethod
    def of_text(cls, digest: str, text: str, is_sealed: bool) -> "Beside":
        """The same, from a line of a file."""
        return cls(digest, b64decode(text, validate=True), is_sealed)


Vault: TypeAlias = Mapping[str, Beside]
"""What lies beside a log, by digest."""


@frozen
class Key:
    """What seals are made and opened with."""

    secret: bytes = field(repr=False)

    def __attrs_post_init__(self) -> None:
        if not SHORTEST <= len(self.secret) <= LONGEST:
            raise WrongInput(f"a key is {SHORTEST} to {LONGEST} bytes, not {len(self.secret)}")

    def seal(self, value: Tree) -> Beside:
        """A value in cipher."""
        plain = spelled(value)
        digest = self._sign(plain)
        return Beside(digest.hex(), self._mix(digest, plain), True)

    def open(self, seal: Beside) -> Tree:
        """The value of a seal. Raises Unreadable if the key is another, or the cipher was changed."""
        digest = bytes.fromhex(seal.digest)
        plain = self._mix(digest, seal.body)
        if not compare_digest(self._sign(plain), digest):
            raise Unreadable(
                "a sealed value cannot be opened: the key is another, or it was changed"
            )
        return parsed(plain)

    def _sign(self, plain: bytes) -> bytes:
        return blake2b(plain, digest_size=32, key=self.secret, person=b"detent-digest").digest()

    def _mix(self, nonce: bytes, text: bytes) -> bytes:
        """A text with a stream of bytes added that follows from key and nonce; twice is the text again."""
        if not text:
            return text
        count = -(-len(text) // 64)
        stream = b"".join(self._block(nonce, number) for number in range(count))
        mixed = int.from_bytes(text) ^ int.from_bytes(stream[: len(text)])
        return mixed.to_bytes(len(text))

    def _block(self, nonce: bytes, number: int) -> bytes:
        counted = nonce + number.to_bytes(8)
        return blake2b(counted, digest_size=64, key=self.secret, person=b"detent-cipher").digest()


def stowed(value: Tree, key: Key | None, beside: dict[str, Beside], large: int = LARGE) -> Tree:
    """A tree in which what lies beside it is told by digest; what that is comes into `beside`.

    Without a key what should be sealed stays as it is.
    """
    if type(value) is str:
        if len(value) >= large or len(value) * 4 >= large <= len(spelled(value)):
            return _kept(value, beside)
        return value
    if type(value) is list:
        return [stowed(item, key, beside, large) for item in value]
    if type(value) is not dict:
        return value
    if key is not None and ("$secret" in value or "$personal" in value):
        seal = key.seal(value)
        beside[seal.digest] = seal
        return {"$sealed": seal.digest}
    return {name: stowed(item, key, beside, large) for name, item in value.items()}


def has_secrets(value: Tree) -> bool:
    """Whether something in a tree should be sealed, and is not."""
    if type(value) is list:
        return any(map(has_secrets, value))
    if type(value) is not dict:
        return False
    return "$secret" in value or "$personal" in value or any(map(has_secrets, value.values()))


def restored(value: Tree, find: Callable[[str], Beside | None], key: Key | None = None) -> Tree:
    """A tree with what lies beside it in its place; what is not there, or has no key, stays a digest."""
    if type(value) is list:
        return [restored(item, find, key) for item in value]
    if type(value) is not dict:
        return value
    digest = value.get("$sealed", value.get("$blob"))
    if type(digest) is not str or len(value) != 1:
        return {name: restored(item, find, key) for name, item in value.items()}
    kept = find(digest)
    if kept is None or (kept.is_sealed and key is None):
        return value
    try:
        return key.open(kept) if kept.is_sealed and key is not None else parsed(kept.body)
    except NoJson:
        raise Unreadable(f"what lies beside the log under {digest} is no JSON") from None


def _kept(value: Tree, beside: dict[str, Beside]) -> Tree:
    body = spelled(value)
    digest = _digest(body)
    beside[digest] = Beside(digest, body)
    return {"$blob": digest}


def _digest(body: bytes) -> str:
    return blake2b(body, digest_size=32).hexdigest()
