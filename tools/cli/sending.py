"""The commands that talk to runs: answer, send, cancel. They visit: whoever drives the run hears of it.

Rule 1: what cannot be meant is refused before anything is sent: an event that there is not, an answer of another type.
"""

from typing import Any

import trio

from detent.kernel import Question, Receipt, Visitor, scribe_of, visit
from detent.tools.cli.asking import answer_of
from detent.tools.cli.exits import DONE, NO, Usage
from detent.tools.cli.machines import Found, machine_of_run
from detent.tools.cli.parsing import closest
from detent.tools.cli.places import key_of, named, visited, whole_id
from detent.tools.cli.reporting import say_json
from detent.tools.cli.values import Unfit, fields_said, from_json, given_json

__all__ = ["answer", "cancel", "send"]


def answer(options: Any) -> int:
    """Answer a question."""
    return trio.run(_answer, options)


def send(options: Any) -> int:
    """Send an event."""
    return trio.run(_send, options)


def cancel(options: Any) -> int:
    """Ask a run to end."""
    return trio.run(_cancel, options)


async def _answer(options: Any) -> int:
    async with visited(options) as journal:
        id = await whole_id(journal, options.run)
        found = await machine_of_run(journal, id, options.machine)
        visitor = _visitor(journal, found, options)
        question, text = _meant(await visitor.run(id).questions(), options.words, id)
        value = answer_of(question, text)
        receipt = await visitor.run(id).answer(question.id, value)
        return _said(options, id, receipt, {"question": question.id})


def _meant(asked: tuple[Question, ...], words: list[str], run: str) -> tuple[Question, str]:
    """Which question is answered, and with what."""
    if not asked:
        raise Usage(f"run {run!r} asks nothing")
    if len(words) > 2:
        raise Usage(f"{' '.join(words)!r}: write one value, in quotes if it has blanks")
    known = {str(one.id): one for one in asked}
    listed = "; ".join(f"{one.id}: {one.question}" for one in asked)
    if len(words) == 2:
        question = known.get(words[0])
        if question is None:
            raise Usage(f"run {run!r} has no open question {words[0]!r}; it asks {listed}")
        return question, words[1]
    if len(asked) > 1:
        raise Usage(f"which question? Run {run!r} asks {listed}")
    return next(iter(asked)), words[0]


async def _send(options: Any) -> int:
    async with visited(options) as journal:
        id = await whole_id(journal, options.run)
        found = await machine_of_run(journal, id, options.machine)
        event = _event(found, options.event, options.fields)
        visitor = _visitor(journal, found, options)
        receipt = await visitor.run(id).send(event, key=options.once)
        return _said(options, id, receipt, {"event": options.event})


def _event(found: Found, name: str, fields: str | None) -> Any:
    table = found.table
    known = {kind.__name__: kind for kind in table.events if "." not in kind.__name__}
    kind = known.get(name)
    if kind is None:
        there = ", ".join(sorted(known)) or "none"
        near = closest(name, known)
        raise Usage(f"machine {table.name!r} has no event {name!r}; it has {there}.{near}")
    shape = scribe_of(table).event_shape(kind)
    try:
        return from_json(shape, {} if fields is None else given_json(fields))
    except Unfit as unfit:
        raise Usage(f"event {name}: {unfit}; it takes {fields_said(shape)}") from None


async def _cancel(options: Any) -> int:
    async with visited(options) as journal:
        id = await whole_id(journal, options.run)
        found = await machine_of_run(journal, id, options.machine)
        receipt = await _visitor(journal, found, options).run(id).cancel(options.reason)
        return _said(options, id, receipt, {})


def _visitor(journal: Any, found: Found, options: Any) -> Visitor:
    return visit(journal, found.machine, key=key_of(options))


def _said(options: Any, run: str, receipt: Receipt, more: dict[str, Any]) -> int:
    """Say what became of what was sent."""
    is_well = receipt.status != "rejected"
    if options.json:
        told = {"run": run, "receipt": receipt.status, "accepts": [*receipt.accepts]}
        say_json({**told, **more})
        return DONE if is_well else NO
    match receipt.status:
        case "stored":
            go_on = f"detent resume {run}{named(options)}"
            print(f"stored: whoever drives run {run!r} hears of it; if nobody does, {go_on}")
        case "rejected" if receipt.accepts:
            print(f"rejected: run {run!r} takes {' or '.join(receipt.accepts)}")
        case "rejected":
            print(f"rejected: run {run!r} is over")
        case status:
            print(f"{status}")
    return DONE if is_well else NO
