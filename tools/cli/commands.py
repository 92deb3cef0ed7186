"""The commands: what each is for, what it takes, and where it is done.

Rule 1: where a command is done is a name, which is imported when the command is called: who asks for help, or checks a
        log, does not load a store.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from detent.tools.cli import options
from detent.tools.cli.exits import leaving_at_once
from detent.tools.cli.parsing import Parser

__all__ = ["COMMANDS", "Command", "help_of_all", "parser_of"]


class Command(NamedTuple):
    """A command."""

    name: str
    group: str
    summary: str
    details: str
    arguments: Callable[[Parser], None]
    done_by: str
    examples: tuple[str, ...]

    def run(self, given: Any) -> int:
        """Do it: the exit status."""
        module, _, name = self.done_by.partition(":")
        with leaving_at_once():
            does = getattr(import_module(f"detent.tools.cli.{module}"), name)
        status: int = does(given)
        return status


RUNS, TALK, LOGS, MACHINES, SHELL = (
    "Run machines",
    "Talk to runs",
    "Look back",
    "Look at machines",
    "Your shell",
)

COMMANDS = {
    one.name: one
    for one in (
        Command(
            *("run", RUNS, "Run a machine, and see what it does."),
            "Every step is in the store before it is taken. Open questions are asked in the\n"
            "terminal. Ctrl-C puts the run down, to be resumed; a second one does so at once.",
            *(options.running, "running:run"),
            (
                "detent run examples/refund.py --store runs.db",
                "detent run shop:order --input '{\"total\": 500}' --store runs.db --id order-7",
            ),
        ),
        Command(
            *("resume", RUNS, "Go on with a run that was put down, killed, parked or forked."),
            "If no process drives the store, this one drives the run on, as `run` does. If one\n"
            "does, it is told to.",
            *(options.resuming, "running:resume"),
            (
                "detent resume order-7 --store runs.db",
                "detent resume order-7 --skip --store runs.db",
            ),
        ),
        Command(
            *("adopt", RUNS, "Go on with a run whose machine has another shape now."),
            "The Upgrade says what becomes of its states and its data. Nothing is written if\n"
            "anything stands in the way; then all of it is told.",
            *(options.adopting, "running:adopt"),
            (
                "detent adopt order-7 shop:upgrade --check --store runs.db",
                "detent adopt order-7 shop:upgrade --store runs.db",
            ),
        ),
        Command(
            *("runs", RUNS, "List the runs of a store."),
            "A page at a time, in the order of their ids. What is inside a run is named after it.",
            *(options.listing, "listing:runs"),
            ("detent runs --store runs.db", "detent runs --status waiting --store runs.db"),
        ),
        Command(
            *("show", RUNS, "Tell what happened in a run, and how it stands."),
            "A line for everything that happened, how long each state and each effect took, and\n"
            "what is asked. With --at all that it was after an entry.",
            *(options.showing, "showing:show"),
            ("detent show order-7 --store runs.db", "detent show order.run.jsonl --at 3"),
        ),
        Command(
            *("watch", RUNS, "Look on while another process drives a run."),
            "It ends with the run. Ctrl-C ends the looking on, and nothing else.",
            *(options.watching, "watching:watch"),
            ("detent watch order-7 --store runs.db",),
        ),
        Command(
            *("answer", TALK, "Answer a question of a run."),
            "The answer is given to the process that drives the run, or kept for the next one.",
            *(options.answering, "sending:answer"),
            (
                "detent answer order-7 yes --store runs.db",
                "detent answer order-7 4 '{\"cents\": 500}' --store runs.db",
            ),
        ),
        Command(
            *("send", TALK, "Send an event to a run."),
            "The event is given to the process that drives the run, or kept for the next one.",
            *(options.sending, "sending:send"),
            ("detent send order-7 Add '{\"cents\": 500}' --key first --store runs.db",),
        ),
        Command(
            *("cancel", TALK, "Ask a run to end."),
            "It goes before everything else that waits. The run may compensate first.",
            *(options.cancelling, "sending:cancel"),
            ("detent cancel order-7 --reason 'ordered twice' --store runs.db",),
        ),
        Command(
            *("replay", LOGS, "Take a recorded run again, by the machine as it is now."),
            "Nothing is called. The first entry that comes out differently is named.",
            *(options.replaying, "replaying:replayed"),
            (
                "detent replay order-7 --store runs.db",
                "detent replay incident.run.jsonl shop:order",
            ),
        ),
        Command(
            *("diff", LOGS, "Find where two runs part."),
            "By what happened and what came of it, not by when.",
            *(options.diffing, "replaying:differed"),
            ("detent diff order-7 order-8 --store runs.db",),
        ),
        Command(
            *("fork", LOGS, "Begin another run after an entry of one."),
            "Nothing of it happens before it is resumed.",
            *(options.forking, "replaying:forked"),
            (
                "detent fork order-7 --at 3 --name order-7b --effect 1=rerun --store runs.db",
                "detent fork order.run.jsonl --at 3 --name again --out again.run.jsonl",
            ),
        ),
        Command(
            *("export", LOGS, "Write the log of a run to a file."),
            "With the runs inside it. Such a file replays without the store.",
            *(options.exporting, "moving:exported"),
            ("detent export order-7 --out order-7.run.jsonl --store runs.db",),
        ),
        Command(
            *("import", LOGS, "Bring the runs of a log into a store."),
            "They are kept as they were written, and go on when they are resumed.",
            *(options.importing, "moving:imported"),
            ("detent import order-7.run.jsonl --store runs.db",),
        ),
        Command(
            *("verify", LOGS, "Check that a log, or a store, is as it was written."),
            "Every entry is held to its hash. A hash that was kept elsewhere shows whether the\n"
            "end was cut off.",
            *(options.verifying, "verifying:verify"),
            ("detent verify order.run.jsonl --head HASH", "detent verify runs.db"),
        ),
        Command(
            *("check", MACHINES, "Compile a machine, and report every mistake."),
            "",
            *(options.checking, "checking:check"),
            ("detent check examples/order.py",),
        ),
        Command(
            *("draw", MACHINES, "Draw a machine."),
            "",
            *(options.drawing, "checking:drawn"),
            (
                "detent draw examples.order:order --lit paying",
                "detent draw examples/order.py --form mermaid",
            ),
        ),
        Command(
            *("completion", SHELL, "Print what makes your shell complete this."),
            "It completes commands, options, files, and the runs of the store.",
            *(options.completing, "completion:script"),
            ('eval "$(detent completion bash)"', "detent completion fish | source"),
        ),
    )
}


def parser_of(command: Command) -> Parser:
    """The parser of a command's own arguments."""
    prog = f"detent {command.name}"
    parser = Parser(prog, command.summary, command.details, command.examples)
    command.arguments(parser)
    return parser


def help_of_all() -> str:
    """What `detent --help` says."""
    lines = [
        "usage: detent COMMAND ...",
        "",
        "Agents and workflows as explicit state machines: checked before they run, recorded",
        "while they run, replayed after.",
    ]
    for group in dict.fromkeys(one.group for one in COMMANDS.values()):
        own = [one for one in COMMANDS.values() if one.group == group]
        lines += ["", f"{group}:", *(f"  {one.name:<11} {one.summary}" for one in own)]
    return "\n".join(
        [
            *lines,
            "",
            "  $ detent run examples/refund.py --store runs.db",
            "",
            "`detent COMMAND --help` says more, with an example. `detent --version` says which this is.",
        ]
    )
