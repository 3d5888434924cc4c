"""What an attempt holds costs what the ledger will say, and nobody guesses at GPUs without a price."""

import datetime as dt
from decimal import Decimal

from governance.budgets.held import Held
from governance.cost.prices import Price, PriceBook, Resource

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
BOOK = PriceBook(
    (
        Price(resource=Resource.CPU, usd=Decimal("0.5")),
        Price(resource=Resource.GPU, kind="a100", usd=Decimal(2)),
    )
)


def test_an_hour_costs_the_sum_of_what_has_a_price() -> None:
    held = Held(gpus=2, cores=4, memory_bytes=1 << 30, gpu_model="a100")

    assert held.usd_per_hour(BOOK, NOW) == Decimal(6)
    assert held.predicted_usd_per_hour(BOOK, NOW) == Decimal(6)


def test_what_gpus_without_a_price_will_cost_nobody_can_tell() -> None:
    held = Held(gpus=2, cores=4, memory_bytes=1 << 30, gpu_model="mi300x")

    assert held.usd_per_hour(BOOK, NOW) == Decimal(2)  # what is known to have been spent
    assert held.predicted_usd_per_hour(BOOK, NOW) is None


def test_without_gpus_their_price_is_not_asked_for() -> None:
    assert Held(cores=4).predicted_usd_per_hour(BOOK, NOW) == Decimal(2)
    assert Held(memory_bytes=1 << 30).predicted_usd_per_hour(BOOK, NOW) is None


def test_why_a_limit_in_dollars_cannot_be_held_is_said() -> None:
    spot = Price(resource=Resource.GPU, kind="h100", capacity="spot", usd=Decimal(2))
    book = PriceBook((*BOOK.prices, spot))

    assert (
        Held(gpus=1, gpu_model="mi300x").unpriced(book, NOW) == "GPUs of type mi300x have no price"
    )
    assert Held(gpus=1, gpu_model="a100-80gb").unpriced(book, NOW) == ""
    assert Held(gpus=1, gpu_model="h100").unpriced(book, NOW) == ""  # it may get a spot node
    assert Held(gpus=1).unpriced(book, NOW) == ""  # of any type: some have a price
    assert Held(gpus=1).unpriced(PriceBook(), NOW) == "GPUs have no price"
    assert Held(cores=1).unpriced(book, NOW) == ""
    assert Held(cores=1).unpriced(PriceBook(), NOW) == "nothing that its trials ask for has a price"
