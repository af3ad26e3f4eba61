"""Services of prices in the roles that tests need: slots of any length, well and badly answered."""

from collections.abc import Iterable

from grid_server import Answer
from provider_server import iso

Slots = Iterable[tuple[float, float, float]]
"""Start, end and price."""


def awattar(slots: Slots) -> Answer:
    """Prices in EUR per MWh."""
    rows = [
        {
            "start_timestamp": round(start * 1000),
            "end_timestamp": round(end * 1000),
            "marketprice": price,
            "unit": "Eur/MWh",
        }
        for start, end, price in slots
    ]
    return Answer.of({"object": "list", "data": rows, "url": "/de/v1/marketdata"})


def octopus(slots: Slots) -> Answer:
    """Prices in pence per kWh."""
    rows = [
        {
            "value_exc_vat": 1.0,
            "value_inc_vat": price,
            "valid_from": iso(start),
            "valid_to": iso(end),
            "payment_method": None,
        }
        for start, end, price in slots
    ]
    return Answer.of({"count": len(rows), "next": None, "previous": None, "results": rows[::-1]})


def energinet(slots: Slots) -> Answer:
    """Prices in EUR per MWh; slots of equal length."""
    rows = [
        {"TimeUTC": iso(start, ""), "PriceArea": "DK1", "DayAheadPriceEUR": price}
        for start, _, price in slots
    ]
    return Answer.of({"total": len(rows), "dataset": "DayAheadPrices", "records": rows})


def energy_charts(slots: Slots) -> Answer:
    """Prices in EUR per MWh; slots of equal length."""
    table = list(slots)
    times, prices = [int(start) for start, _, _ in table], [price for _, _, price in table]
    known = {"license_info": "CC BY 4.0", "unix_seconds": times, "price": prices}
    return Answer.of(known | {"unit": "EUR / MWh", "deprecated": False})


def steps(begin: float, step_s: float, prices: Iterable[float]) -> list[tuple[float, float, float]]:
    """Slots of equal length from an instant on."""
    return [
        (begin + index * step_s, begin + (index + 1) * step_s, price)
        for index, price in enumerate(prices)
    ]
