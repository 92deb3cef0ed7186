"""Questions of a run, asked in the terminal; and answers, however they were given, as values of the type asked for.

Rule 1: an answer of another type is told, and asked again.
Rule 2: what happens to the run meanwhile is shown above the line that is typed.
"""

from collections.abc import Callable
from typing import Any

from detent.kernel import Choice, Either, Exactly, Question, Record, Scalar, Shape, shape_of
from detent.tools.cli.exits import Usage
from detent.tools.cli.keyboard import Keyboard, Typing
from detent.tools.cli.values import Unfit, fields_said, from_text

__all__ = ["Asked", "answer_of", "wanted"]


class Asked:
    """A question that is asked in the terminal: what has been typed so far, and what is wrong with the last answer."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.shape = shape_of(question.answers)
        self.typing = Typing()

    @property
    def prompt(self) -> str:
        """The line in which it is typed."""
        return f"  {wanted(self.shape)} > {self.typing.text}"

    async def answered(self, keyboard: Keyboard, refuse: Callable[[str], None]) -> Any:
        """The answer, once one of the right type was typed. Raises EOFError if there will be none."""
        while True:
            keys = await keyboard.typed()
            if not keys:
                raise EOFError
            keyboard.rest = self.typing.take(keys)
            if self.typing.is_ended:
                raise EOFError
            if not self.typing.is_done:
                continue
            text, self.typing = self.typing.text, Typing()
            try:
                return from_text(self.shape, text)
            except Unfit as unfit:
                refuse(str(unfit))


def answer_of(question: Question, text: str) -> Any:
    """The value of an answer that was given as a word. Raises Usage."""
    try:
        return from_text(shape_of(question.answers), text)
    except Unfit as unfit:
        asked = f"question {question.id} ({question.question!r})"
        raise Usage(f"{asked} wants {wanted(shape_of(question.answers))}: {unfit}") from None


def wanted(shape: Shape) -> str:
    """What an answer is, for people.

    >>> wanted(shape_of(bool)), wanted(shape_of(int | None))
    ('yes or no', 'none or a whole number')
    """
    match shape:
        case Scalar("bool"):
            return "yes or no"
        case Scalar("int"):
            return "a whole number"
        case Scalar("float" | "Decimal"):
            return "a number"
        case Scalar("str"):
            return "a text"
        case Scalar("None"):
            return "none"
        case Scalar(name):
            return f"a {name}"
        case Choice(kind):
            return _listed([one.name for one in kind])
        case Exactly(literals=literals):
            return _listed(list(map(str, literals)))
        case Either(members):
            return " or ".join(map(wanted, members))
        case Record():
            return fields_said(shape)
        case _:
            return f"JSON of {fields_said(shape)}"


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else "".join(words)
