"""A machine that is told secrets in every way there is, and walks of it that tell them."""

from collections.abc import Iterator
from typing import Any

from attrs import evolve, frozen

from detent import Call, Defer, Effect, Event, Final, FrozenMap, Machine, On, Returned, State, Wait
from detent.kernel import (
    Happened,
    Key,
    Personal,
    Recorder,
    Secret,
    Signal,
    Stepped,
    Table,
    advance,
    begin,
    compile_machine,
    log_lines,
)

__all__ = ["KEY", "Account", "Login", "Mail", "Noted", "hushed", "log_of", "told", "walked"]

KEY = Key(b"sixteen bytes or more")


@frozen
class Login(Event):
    """Something secret and something everybody may know."""

    name: str
    token: Secret[str]


@frozen
class Noted(Event):
    """Something personal, in containers; it comes too early and is deferred."""

    texts: tuple[Personal[str], ...]


@frozen
class Mail(Effect[Secret[str]], recovery="pure"):
    """An order that holds secrets, and brings one back."""

    address: Personal[str]
    token: Secret[str] | None
    note: str


@frozen
class Account:
    """Secrets in every kind of place."""

    began: Secret[str]
    token: Secret[str] | None = None
    notes: tuple[Personal[str], ...] = ()
    tags: frozenset[Secret[str]] = frozenset()
    rates: FrozenMap[Secret[str], int] = FrozenMap()
    last: Login | None = None
    name: str = ""

    def login(self, event: Login) -> "Account":
        """Keep everything, everywhere."""
        return evolve(
            self,
            token=event.token,
            tags=self.tags | {event.token},
            rates=self.rates.set(event.token, 1),
            last=event,
            name=event.name,
        )

    def note(self, event: Noted) -> "Account":
        """Keep what is personal."""
        return evolve(self, notes=(*self.notes, *event.texts))

    def answer(self, event: Returned[str]) -> "Account":
        """Keep what came back."""
        return evolve(self, token=event.value, notes=(event.value, *self.notes))

    def mail(self) -> Mail:
        """An order made of the data."""
        return Mail(self.began, self.token, self.name)

    def result(self) -> Secret[str]:
        """What comes of it is secret too."""
        return self.began


def opened(text: Secret[str]) -> Account:
    """A run begins with a secret."""
    return Account(text)


mail = Call(Mail, Account.mail)
ask = Wait(Secret[str], "Who is it?", name="ask")

hushed = compile_machine(
    Machine(
        "hushed",
        State("out", On(Login, to="in", update=Account.login), Defer(Noted)),
        State(
            "in",
            On(Noted, update=Account.note),
            On(Login, update=Account.login),
            On(mail.returned, to="asking", update=Account.answer),
            On(mail.failed, to="out"),
            do=mail,
        ),
        State("asking", On(ask.returned, to="over", update=Account.answer), Defer(Noted), do=ask),
        Final("over"),
        data=Account,
        begin=opened,
        result=Account.result,
    )
)


def told(text: str, name: str = "Ann") -> tuple[Signal, ...]:
    """Signals of a run from its beginning to its end, which tell a secret wherever one can be told."""
    return (
        Noted((text, text)),
        Login(name, text),
        Login(name, ""),
        Login(name, text),
        Noted((text,)),
        Happened(1, Returned(text)),
        Noted((text, "more")),
        Happened(2, Returned(text)),
    )


def walked(
    table: Table[Any, Any, Any], input: object, signals: tuple[Signal, ...]
) -> Iterator[Stepped[Any]]:
    """The answers of a run to signals."""
    now = begin(table, input)
    yield now
    snapshot = now.snapshot
    for signal in signals:
        for stepped in advance(table, snapshot, signal, snapshot.at + 1):
            yield stepped
            snapshot = stepped.snapshot


def log_of(text: str, name: str = "Ann", key: Key = KEY, large: int = 65_536) -> tuple[bytes, ...]:
    """The log of a run that was told a secret."""
    recorder = Recorder(hushed, key, large)
    return tuple(log_lines(hushed, text, walked(hushed, text, told(text, name)), recorder=recorder))
