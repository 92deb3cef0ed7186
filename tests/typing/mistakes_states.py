"""Mistakes in states and machines. Both checkers report every line that is marked, and no other."""

from attrs import frozen

from detent import Call, Definition, Final, FinalStatus, History, Machine, On, Region, State
from tests.typing.good_fan import Talk, ask, use
from tests.typing.good_order import Add, Cart, Charge, Paid, Pay, charge, order


@frozen
class Paper:
    text: str = ""

    def length(self) -> int:
        return len(self.text)


def paper(text: str) -> Paper:
    return Paper(text)


def status() -> str:
    return "failed"


# two of the sketch's seven
State("paying", do=Cart.charge)  # wrong: mypy, pyright - a factory is no form
Machine("order", State("paying", do=charge), Final("paid"), data=Paid)  # wrong: mypy, pyright

State("paying", do=Cart.note)  # wrong: mypy, pyright - an update is no form
State("paying", do=Charge)  # wrong: mypy, pyright - nor is a class of effects
State("paying", do=Charge(5))  # wrong: mypy, pyright - nor an effect
State("paying", do=[charge])  # wrong: mypy, pyright - a list can be changed
State("paying", On(Add, update=Cart.add), do=use)  # wrong: mypy, pyright - different data
State("paying", Pay)  # wrong: mypy, pyright - a class of events is no row
State("paying", "cart")  # wrong: mypy, pyright - a name is no state
State(3)  # wrong: mypy, pyright - and a number is no name
State()  # wrong: mypy, pyright - nor is nothing
Region("left", On(Add, update=Cart.add), do=ask)  # wrong: mypy, pyright - different data
Final("paid", "finished")  # wrong: mypy, pyright - not one of the ways to end
Final("paid", status="done")  # wrong: mypy, pyright
Final("paid", status=status())  # wrong: mypy, pyright - any text is too many
Final("paid", do=charge)  # wrong: mypy, pyright - what has ended does nothing
History("back", to=5)  # wrong: mypy, pyright
History("back", deep="yes")  # wrong: mypy, pyright
end: FinalStatus = "finished"  # wrong: mypy, pyright

Machine("order", State("cart", On(Add, update=Cart.add)), data=Talk)  # wrong: mypy, pyright
Machine("order", State("cart", On(Add, update=Cart.add)))  # wrong: mypy, pyright - of which data?
Machine("order", State("cart"), data=Cart())  # wrong: mypy, pyright - the class is asked for
Machine("talk", State("all", do=ask), data=Talk, begin=paper)  # wrong: mypy, pyright - not a Talk
Machine("talk", State("all"), data=Talk, result=Paper.length)  # wrong: mypy, pyright
Machine(
    "talk", State("all"), data=Talk, begin=Talk.about, result=Paper.length
)  # wrong: mypy, pyright
Machine("talk", State("all"), data=Talk, background=charge)  # wrong: mypy, pyright
Machine("talk", State("all"), data=Talk, defer_limit="many")  # wrong: mypy, pyright
Machine("talk", On(Add, update=Cart.add), State("all"), data=Talk)  # wrong: mypy, pyright
Machine("talk", Final, data=Talk)  # wrong: mypy, pyright - a class is no state
begun_with: Machine[str, Cart, Cart] = order  # wrong: mypy, pyright - it begins with a Cart
paying: State[Cart] = State("paying", do=(charge, ask))  # wrong: mypy, pyright - different data
definition: Definition[Cart, Cart, int] = order  # wrong: mypy, pyright - it results in a Cart

# and these are right
State("paying", do=(charge, Call(Charge, Cart.charge, name="again")))
Machine("talk", State("all"), data=Paper, begin=paper, result=Paper.length)
