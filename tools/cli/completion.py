"""Completion of command lines: what is printed for a shell, and what that asks for while somebody types.

Rule 1: the shells know nothing but how to ask: `detent __complete` is told the words so far, and prints what may follow
        the last of them, one a line.
Rule 2: what goes wrong while somebody types is silent: there is nothing to complete.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from detent.tools.cli.commands import COMMANDS, parser_of
from detent.tools.cli.exits import DONE

__all__ = ["complete", "script"]

BASH = """\
_detent() {
    local IFS=$'\\n'
    COMPREPLY=($(detent __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace
}
complete -F _detent detent
"""
ZSH = """\
#compdef detent
_detent() {
    local -a found
    found=("${(@f)$(detent __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    [[ -n $found[1] ]] && compadd -U -S '' -- $found
}
compdef _detent detent
"""
FISH = """\
function __detent_complete
    set -l words (commandline --tokenize --current-process --cut-at-cursor)
    detent __complete $words[2..-1] (commandline --current-token --cut-at-cursor) 2>/dev/null
end
complete --command detent --no-files --arguments '(__detent_complete)'
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
RUN, FILE, MACHINE = "RUN", "FILE", "MACHINE"


def script(options: Any) -> int:
    """Print what makes a shell complete."""
    sys.stdout.write(SCRIPTS[options.shell])
    return DONE


def complete(words: Sequence[str]) -> int:
    """Print what may follow: the last word is the one that is being typed."""
    try:
        for one in _offers(list(words) or [""]):
            print(one)
    except Exception:  # while somebody types, anything may be half written
        return 1
    return DONE


def _offers(words: list[str]) -> Iterator[str]:
    *before, typed = words
    if not before:
        names = [*COMMANDS, "--help", "--version"]
        yield from (name for name in names if name.startswith(typed))
        return
    command = COMMANDS.get(before[0])
    if command is None:
        return
    parser = parser_of(command)
    given = _Given(before[1:], parser.offers)
    wanted = given.wanted
    if typed.startswith("-") and (wanted is None or not wanted.option_strings):
        names = [name for one in given.left for name in one.option_strings]
        yield from (name for name in [*names, "--help"] if name.startswith(typed))
    elif wanted is not None:
        yield from _values(wanted, typed, given.store)


class _Given:
    """What the words before the cursor say: which argument comes now, and which store is meant."""

    def __init__(self, words: list[str], offers: Sequence[argparse.Action]) -> None:
        self.left = [one for one in offers if one.option_strings]
        self.store = os.environ.get("DETENT_STORE", "")
        self.wanted: argparse.Action | None = None
        places = [one for one in offers if not one.option_strings]
        for word in words:
            if self.wanted is not None:
                self._value(word)
            elif word.startswith("-"):
                self._option(word)
            elif places and places[0].nargs != "+":
                places.pop(0)
        if self.wanted is None and places:
            self.wanted = places[0]

    def _option(self, word: str) -> None:
        name, has_value, value = word.partition("=")
        for one in self.left:
            if name in one.option_strings:
                takes = one.nargs != 0
                self.wanted = one if takes and not has_value else None
                if has_value and one.dest == "store":
                    self.store = value

    def _value(self, word: str) -> None:
        if self.wanted is not None and self.wanted.dest == "store":
            self.store = word
        self.wanted = None


def _values(wanted: argparse.Action, typed: str, store: str) -> Iterator[str]:
    """What may stand for an argument."""
    kind = str(wanted.metavar or "")
    if wanted.choices is not None:
        yield from (str(one) for one in wanted.choices if str(one).startswith(typed))
    if kind.startswith(RUN) and store:
        listing: Any = import_module("detent.tools.cli.ids")
        yield from listing.ids(store, typed)
    if FILE in kind or "STORE" in kind:
        yield from _files(typed, ".jsonl" if kind.startswith(RUN) else "")
    if kind in (MACHINE, "UPGRADE", "MODULE:NAME"):
        yield from _files(typed, ".py")


def _files(typed: str, ending: str) -> Iterator[str]:
    folder, name = os.path.split(typed)
    for entry in sorted(os.scandir(folder or "."), key=lambda one: one.name):
        if not entry.name.startswith(name) or (entry.name.startswith(".") and not name):
            continue
        path = os.path.join(folder, entry.name)
        if entry.is_dir():
            yield f"{path}/"
        elif entry.name.endswith(ending):
            yield path
