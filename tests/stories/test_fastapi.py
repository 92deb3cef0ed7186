"""Services on FastAPI and uvicorn, started for real: asked by clients that read, answer and leave, and told to go."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import trio
from attrs import frozen

from detent import World, handle, open_kernel
from detent.tools.stores import SQLite
from examples.order import Charge, Paid, order

ROOT = Path(__file__).parents[2]
RUNNING = re.compile(r"running on http://127\.0\.0\.1:(\d+)")
PATIENCE = 30.0  # seconds, for a busy machine


@frozen
class Service:
    """A service in a process of its own."""

    process: "subprocess.Popen[str]"
    port: int
    clients: ExitStack

    def ask(self, method: str, path: str, customer: str = "Ada") -> "Client":
        """Ask for something; what it responds is read as it comes."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request(method, path, headers={"x-customer": customer})
        client = Client(connection, connection.getresponse())
        self.clients.callback(client.leave)
        return client

    def told(self, method: str, path: str) -> Any:
        """What it responds, as a whole."""
        response = self.ask(method, path).response
        assert response.status == 200
        return json.loads(response.read())

    def go(self) -> int:
        """Tell it to go: the code that it exits with."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@contextmanager
def served(app: str, folder: Path) -> Generator[Service]:
    """A service, on uvicorn, that is killed if it does not go by itself."""
    options = ["--port", "0", "--timeout-graceful-shutdown", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", app, *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = iter(process.stderr.readline, "")
        found = next(found for line in said if (found := RUNNING.search(line)))
        with ExitStack() as clients:
            yield Service(process, int(found[1]), clients)
    finally:
        process.kill()
        process.communicate()


@frozen(eq=False)
class Client:
    """Somebody who has asked for something."""

    connection: HTTPConnection
    response: HTTPResponse

    def __iter__(self) -> Iterator[str]:
        """What comes of a stream of events, as it comes."""
        for line in self.response:
            if line.startswith(b"data: "):
                yield line[6:].decode()

    def until(self, word: str) -> str:
        """The first thing that is told and says something."""
        return next(line for line in self if word in line)

    def leave(self) -> None:
        """Go away, perhaps in the middle."""
        self.response.close()
        self.connection.close()


# -- the example


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service of the examples."""
    with served("examples.embed_fastapi:app", tmp_path_factory.mktemp("example")) as service:
        yield service


def test_a_run_is_started_and_watched_to_its_end(example: Service) -> None:
    stream = iter(example.ask("POST", "/orders/a?cents=1500"))

    assert "RunStarted" in next(stream)
    assert "CallStarted" in next(stream)
    began = monotonic()
    assert "status='completed'" in next(stream)
    assert list(stream) == []
    assert monotonic() - began > 0.5  # what happens is read when it happens


def test_a_run_that_asks_is_answered(example: Service) -> None:
    client = example.ask("POST", "/orders/b?cents=2500")

    opened = client.until("WaitOpened")
    question = re.search(r"effect=(\d+), form='wait'", opened)
    assert question is not None
    path = f"/orders/b/answers/{question[1]}"

    assert example.told("POST", f"{path}?yes=true") == "accepted"
    assert "answer=True" in client.until("WaitClosed")
    assert example.ask("POST", f"{path}?yes=true").response.status == 500  # AlreadyAnswered


def test_a_run_whose_client_leaves_is_cancelled(example: Service) -> None:
    client = example.ask("POST", "/orders/c?cents=1900")
    client.until("CallStarted")

    client.leave()

    again = list(example.ask("POST", "/orders/c?cents=1900"))
    assert "reason='nobody listens'" in again[-2]
    assert "status='cancelled'" in again[-1]
    assert "problem='in_doubt', message='stopped'" in again[-1]


def test_a_client_who_leaves_disturbs_no_other(example: Service) -> None:
    stays, leaves = (example.ask("POST", f"/orders/{name}?cents=1000") for name in "de")
    stays.until("CallStarted")
    leaves.until("CallStarted")

    leaves.leave()

    assert "status='completed'" in stays.until("RunFinished")


def test_the_examples_are_short_enough_for_the_readme() -> None:
    for name in ("embed_trio", "embed_fastapi"):
        text = (ROOT / "examples" / f"{name}.py").read_text().partition('"""\n')[2]
        code = text.partition("def main")[0]
        written = [line for line in code.splitlines() if line]

        assert len([line for line in written if not line.startswith(("import", "from"))]) <= 20


# -- a service with its orders in a file


def test_context_variables_of_a_request_come_to_the_handler(tmp_path: Path) -> None:
    with served("tests.stories.served:app", tmp_path) as shop:
        for customer in ("Ada", "Bob"):
            client = shop.ask("POST", f"/orders/{customer}?cents=10", customer)

            assert f"{{'for': '{customer}'}}" in client.until("Noted")
            assert "status='completed'" in client.until("RunFinished")


def test_a_service_that_is_told_to_go_puts_its_runs_down_in_order(tmp_path: Path) -> None:
    began = monotonic()
    with served("tests.stories.served:app", tmp_path) as shop:
        shop.ask("POST", "/orders/a?cents=60000").until("CallStarted")
        assert shop.told("GET", "/orders") == {"a": "running"}

        code = shop.go()

    assert code in (0, -signal.SIGTERM)
    assert monotonic() - began < PATIENCE
    log = trio.run(read, tmp_path / "orders.db")
    assert b'"event":{"$interrupted":[1]}' in log
    assert b'"status":"cancelled"' not in log


async def read(path: Path) -> bytes:
    """The log of a run that somebody has left behind."""

    async def nobody(order: Charge) -> Paid:
        raise AssertionError("what was in doubt is not done again")

    world = World(order, handlers=[handle(Charge, nobody)], store=SQLite(path))
    async with open_kernel(world) as kernel:
        return b"".join(await kernel.run("a").log())


def test_the_next_service_goes_on_with_what_was_put_down(tmp_path: Path) -> None:
    with served("tests.stories.served:app", tmp_path) as shop:
        shop.ask("POST", "/orders/a?cents=60000").until("CallStarted")
        shop.go()

    with served("tests.stories.served:app", tmp_path) as shop:
        client = shop.ask("POST", "/orders/a?cents=60000")

        assert "The bank did not answer" in client.until("WaitOpened")
