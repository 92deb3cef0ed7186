"""Mistakes around the step. Both checkers report every line that is marked, and no other."""

from detent import Moved, Snapshot, Stepped, compile_machine
from detent.kernel import Happened, Table, begin, elapse, recall, step, walk
from tests.typing.good_fan import Talk, agent
from tests.typing.good_order import Add, Cart, Charge, Pay, charge, order

table = compile_machine(order)
first = begin(table, Cart())
talk = begin(compile_machine(agent), "Hello?")

step(table, first.snapshot, Pay)  # wrong: mypy, pyright - a class of events is no event
step(table, first.snapshot, "Pay")  # wrong: mypy, pyright - a name is none
step(table, first.snapshot, Charge(5))  # wrong: mypy, pyright - an effect is none
step(table, first.snapshot, charge.returned)  # wrong: mypy, pyright - an outcome is none
step(table, first, Pay())  # wrong: mypy, pyright - what it came to is no snapshot
step(table, talk.snapshot, Pay())  # wrong: mypy, pyright - a snapshot of another machine
step(order, first.snapshot, Pay())  # wrong: mypy, pyright - a machine is no table
step(table, first.snapshot, Pay(), at="noon")  # wrong: mypy, pyright
step(table, Pay())  # wrong: mypy, pyright - there is a snapshot before it
recall(table, talk.snapshot)  # wrong: mypy, pyright
begin(table, 5)  # wrong: mypy, pyright - it begins with a Cart
begin(table)  # wrong: mypy, pyright
walk(order, 5)  # wrong: mypy, pyright
walk(agent, Talk())  # wrong: mypy, pyright - it begins with a text
walk(order, Cart(), Pay)  # wrong: mypy, pyright
walk(order, Cart(), Charge(5))  # wrong: mypy, pyright
walk(order, Cart(), 30)  # wrong: mypy, pyright - time passes with elapse(30)
elapse("30")  # wrong: mypy, pyright
Happened("charge", Pay())  # wrong: mypy, pyright - an effect has a number
compile_machine("order")  # wrong: mypy, pyright - a name is no machine
first.snapshot.is_in(Pay)  # wrong: mypy, pyright - states have names

stepped = step(table, first.snapshot, Add(5))
texts: tuple[str, ...] = stepped.snapshot.data.messages  # wrong: mypy, pyright - a Cart has none
total: str = stepped.snapshot.data.total  # wrong: mypy, pyright - it is a number
length: str = stepped.ordered  # wrong: mypy, pyright - these are orders
moved: Moved[Cart] = stepped  # wrong: mypy, pyright - there are five answers
snapshot: Snapshot[Talk] = first.snapshot  # wrong: mypy, pyright
begun: Table[str, Cart, Cart] = table  # wrong: mypy, pyright
first.snapshot.data = Cart(5)  # wrong: mypy, pyright - a snapshot is never changed
first.snapshot.data.total = 5  # wrong: mypy, pyright - nor is what it holds
walked: list[Stepped[Cart]] = walk(order, Cart())  # wrong: mypy, pyright - a tuple
