"""The arguments of each command, as they are told to argparse.

Rule 1: the same thing has the same name everywhere: RUN, FILE, MACHINE, `--store`, `--json`.
Rule 2: nothing is looked at here: a file that is not there is told by who opens it.
"""

from detent.tools.cli.parsing import Parser

__all__ = [
    "adopting",
    "answering",
    "cancelling",
    "checking",
    "completing",
    "diffing",
    "drawing",
    "exporting",
    "forking",
    "importing",
    "listing",
    "replaying",
    "resuming",
    "running",
    "sending",
    "showing",
    "verifying",
    "watching",
]

MACHINE = "module:name, or file.py:name; the name may be left out where there is one machine"
EITHER = "the id of a run, or its beginning; or a *.run.jsonl file"
STATUSES = (
    *("running", "waiting", "parked", "ending", "inert", "completed", "completed_with_failures"),
    *("stopped", "limit_reached", "failed", "cancelled", "timed_out"),
)


# -- what several have


def common(parser: Parser) -> None:
    """What every command has."""
    parser.offer("--json", action="store_true", help="print JSON, for programs")
    parser.offer("--debug", action="store_true", help="show the traceback of an error")


def stored(parser: Parser) -> None:
    """What every command has that opens a store."""
    parser.offer("--store", metavar="FILE", help="where the runs are kept (or $DETENT_STORE)")
    common(parser)


def keyed(parser: Parser) -> None:
    """What every command has that may have to read what is sealed."""
    parser.offer("--key-file", metavar="FILE", help="holds the key of what is sealed")


def machine(parser: Parser) -> None:
    """Where a machine is."""
    parser.offer("machine", metavar="MACHINE", help=MACHINE)


def of_machine(parser: Parser) -> None:
    """Where the machine of a run is."""
    parser.offer(
        "--machine",
        metavar="MACHINE",
        help="where the machine of the run is (or $DETENT_MACHINE); "
        "if nothing is said, it is looked for where its callables are",
    )


def run(parser: Parser) -> None:
    """A run of a store."""
    parser.offer("run", metavar="RUN", help="the id of a run, or its beginning")


def either(parser: Parser, name: str = "run") -> None:
    """A run of a store, or a log."""
    parser.offer(name, metavar="RUN|FILE", help=EITHER)


def driven(parser: Parser) -> None:
    """What every command has that drives runs."""
    parser.offer(
        "--handlers",
        metavar="MODULE:NAME",
        help="who performs its effects: a list, a World, or a function that makes one of them; "
        "if nothing is said, `world` or `handlers` beside the machine",
    )
    parser.offer(
        "--durability",
        choices=("normal", "full"),
        default="normal",
        help="what outlives the process (normal), or the computer too (full)",
    )
    parser.offer(
        "--grace",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="how long what is under way has when the run is put down (5)",
    )
    parser.offer(
        "--stay",
        action="store_true",
        help="wait until the run is over, also when somebody else has to answer or to send",
    )


# -- one for each command


def checking(parser: Parser) -> None:
    """What `detent check` takes."""
    machine(parser)
    common(parser)


def drawing(parser: Parser) -> None:
    """What `detent draw` takes."""
    machine(parser)
    parser.offer(
        "--form", choices=("mermaid", "dot", "text"), default="text", help="as what (text)"
    )
    parser.offer("--lit", nargs="*", default=(), metavar="STATE", help="states to light")
    parser.offer("--run", metavar="RUN", help="light the states that a run is in")
    stored(parser)


def running(parser: Parser) -> None:
    """What `detent run` takes."""
    machine(parser)
    parser.offer(
        "--input",
        metavar="JSON",
        help="what the run begins with: JSON, or @file; nothing if all of it has defaults",
    )
    parser.offer("--id", metavar="RUN", help="its id; one is made if nothing is said")
    parser.offer("--deadline", type=float, metavar="SECONDS", help="when it is to be over")
    driven(parser)
    keyed(parser)
    stored(parser)


def resuming(parser: Parser) -> None:
    """What `detent resume` takes."""
    run(parser)
    parser.offer("--skip", action="store_true", help="leave out what broke the machine")
    of_machine(parser)
    driven(parser)
    keyed(parser)
    stored(parser)


def adopting(parser: Parser) -> None:
    """What `detent adopt` takes."""
    run(parser)
    parser.offer("upgrade", metavar="UPGRADE", help="an Upgrade: module:name, or file.py:name")
    parser.offer(
        "--check", action="store_true", help="only say what stands in the way; write nothing"
    )
    driven(parser)
    keyed(parser)
    stored(parser)


def listing(parser: Parser) -> None:
    """What `detent runs` takes."""
    parser.offer("--status", choices=STATUSES, metavar="STATUS", help=", ".join(STATUSES))
    parser.offer("--machine", metavar="NAME", help="the name of their machine")
    parser.offer("--after", default="", metavar="RUN", help="from after this one on")
    parser.offer("--limit", type=int, default=50, metavar="N", help="how many (50)")
    stored(parser)


def showing(parser: Parser) -> None:
    """What `detent show` takes."""
    either(parser)
    parser.offer("--at", type=int, metavar="SEQ", help="the whole frame after one entry")
    parser.offer("--entries", action="store_true", help="an entry a line, as they are written")
    parser.offer("--run", dest="of", metavar="RUN", help="which run of the log, if not the first")
    keyed(parser)
    stored(parser)


def watching(parser: Parser) -> None:
    """What `detent watch` takes."""
    run(parser)
    parser.offer("--after", type=int, default=0, metavar="SEQ", help="from after this entry on")
    keyed(parser)
    stored(parser)


def answering(parser: Parser) -> None:
    """What `detent answer` takes."""
    run(parser)
    parser.offer(
        "words",
        nargs="+",
        metavar="[QUESTION] VALUE",
        help="which question, if several are open, and the answer: yes, no, a number, a text, "
        "a name, or JSON",
    )
    of_machine(parser)
    keyed(parser)
    stored(parser)


def sending(parser: Parser) -> None:
    """What `detent send` takes."""
    run(parser)
    parser.offer("event", metavar="EVENT", help="the name of its class")
    parser.offer("fields", nargs="?", metavar="JSON", help="its fields: JSON, or @file")
    parser.offer("--key", dest="once", metavar="KEY", help="an event with this key is taken once")
    of_machine(parser)
    keyed(parser)
    stored(parser)


def cancelling(parser: Parser) -> None:
    """What `detent cancel` takes."""
    run(parser)
    parser.offer("--reason", default="", metavar="TEXT", help="why, for its log")
    of_machine(parser)
    keyed(parser)
    stored(parser)


def replaying(parser: Parser) -> None:
    """What `detent replay` takes."""
    either(parser)
    parser.offer(
        "machine",
        nargs="?",
        metavar="MACHINE",
        help=f"{MACHINE}; if nothing is said, it is looked for where its callables are",
    )
    keyed(parser)
    stored(parser)


def forking(parser: Parser) -> None:
    """What `detent fork` takes."""
    either(parser)
    parser.offer("--at", type=int, required=True, metavar="SEQ", help="after which entry")
    parser.offer("--name", required=True, metavar="RUN", help="the id of the new run")
    parser.offer("--run", dest="of", metavar="RUN", help="which run of the log, if not the first")
    parser.offer("--out", metavar="FILE", help="a new *.run.jsonl; else into the store")
    parser.offer(
        "--effect",
        action="append",
        default=[],
        metavar="ID=CHOICE",
        help="what becomes of an effect in flight: rerun, take, doubt",
    )
    keyed(parser)
    stored(parser)


def diffing(parser: Parser) -> None:
    """What `detent diff` takes."""
    either(parser, "one")
    either(parser, "other")
    keyed(parser)
    stored(parser)


def exporting(parser: Parser) -> None:
    """What `detent export` takes."""
    run(parser)
    parser.offer("--out", metavar="FILE", help="a new *.run.jsonl (else standard output)")
    keyed(parser)
    stored(parser)


def importing(parser: Parser) -> None:
    """What `detent import` takes."""
    parser.offer("file", metavar="FILE", help="a *.run.jsonl")
    stored(parser)


def verifying(parser: Parser) -> None:
    """What `detent verify` takes."""
    parser.offer(
        "what",
        nargs="?",
        metavar="RUN|FILE|STORE",
        help=f"{EITHER}; or a store, all of it",
    )
    parser.offer(
        "--head", action="append", default=[], metavar="HASH", help="a hash that must be there"
    )
    stored(parser)


def completing(parser: Parser) -> None:
    """What `detent completion` takes."""
    parser.offer("shell", choices=("bash", "zsh", "fish"), help="which shell")
