"""What the tests of providers share: answers of services, well and badly formed, and who asks.

`replies` stands in for the network where only the parsing is looked at; everything else goes over
a real socket through `get_json`.
"""

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import strategies  # noqa: F401 (its hypothesis profile)
from grid_server import Answer
from hypothesis import strategies as st

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.core.series import Series
from carbonwait.grid.protocol import Fetch, Forecast

HOUR_S = 3600.0
DAY_S = 86400.0


def at(*when: int) -> float:
    """An instant in UTC: year, month, day and what follows."""
    return datetime(*when, tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]


NOON = at(2026, 11, 23, 12)


def iso(instant: float, ending: str = "Z") -> str:
    return f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%dT%H:%M:%S}{ending}"


# --- answers that are not as they should be -----------------------------------------------------


def refusal(status: int, body: object = b"", *, retry_after_s: int = 3600) -> Answer:
    """A refusal that nobody tries again at once."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(content, status=status, headers={"Retry-After": str(retry_after_s)})


HTML = Answer(
    b"<html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1></body></html>",
    headers={"Content-Type": "text/html"},
)
BROKEN: dict[str, Answer] = {
    "html": HTML,
    "empty": Answer(b""),
    "cut": Answer(b'{"data":[{"from":"2026-11-23T12:00Z"}]}', cut_at=20),
    "half a document": Answer(b'{"data": [1, 2'),
    "latin-1": Answer('{"zone": "Österreich"}'.encode("latin-1")),
    "nested": Answer(b"[" * 900 + b"]" * 900),
}
# Answers in good JSON that say nothing.
EMPTY: tuple[object, ...] = (
    None,
    [],
    [[]],
    {},
    "no data",
    0,
    True,
    {"data": None},
    {"data": {}},
    {"status": "error", "message": "No recent data available"},
)


# --- a stand-in for the network -----------------------------------------------------------------


@dataclass
class Question:
    """What a provider asked."""

    url: str
    headers: Mapping[str, str]
    params: Mapping[str, str]


class Replies:
    """A fetch that answers with each document in turn, the last one for ever."""

    def __init__(self, documents: Sequence[object]) -> None:
        self.documents = list(documents)
        self.asked: list[Question] = []

    def __call__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> object:
        self.asked.append(Question(url, headers or {}, params or {}))
        return self.documents[min(len(self.asked), len(self.documents)) - 1]


def replies(*documents: object) -> Replies:
    return Replies(documents)


# --- documents that no service has sent yet -----------------------------------------------------

_odd_texts = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "2026-11-23T12:00:00Z",
            "2026-11-23T12:00",
            "2026-11-23",
            "20261123T12",
            "2026-W48-1",
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
            "2026-10-25T02:30:00+02:00",
            "2026-12-31T23:59:60Z",
            "1E400",
            "NaN",
            "01:00:00",
            "9" * 400 + ".00:00:00",
            "lbs_co2_per_mwh",
            "SANDBOX_MODE_DATA",
            "hourly",
        ]
    ),
)
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(1_700_000_000, 1_900_000_000),
    st.sampled_from([10**400, -(10**400), 2**63, 1e308, -0.0]),
    st.floats(),  # Python's parser takes NaN and Infinity as well
    _odd_texts,
)
any_json = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(_odd_texts, inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def mutants(draw: st.DrawFn, document: object) -> object:
    """A document as it should be, but for a few places."""
    changed: Any = [copy.deepcopy(document)]
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(changed))
        container, key = places[draw(st.integers(0, len(places) - 1))]
        action = draw(st.sampled_from(["replace", "replace", "remove", "repeat"]))
        if action == "replace" or container is changed:
            container[key] = draw(any_json)
        elif action == "remove":
            del container[key]
        elif isinstance(container, list):
            container.insert(0, copy.deepcopy(container[key]))
    return changed[0]


def _places(container: Any) -> Iterator[tuple[Any, Any]]:
    keys = range(len(container)) if isinstance(container, list) else list(container)
    for key in keys:
        yield container, key
        if isinstance(container[key], list | dict):
            yield from _places(container[key])


def outcome(ask: Callable[[Fetch], Forecast | Series], *documents: object) -> Series | None:
    """What a provider makes of documents: a sound series, or None if it says it has none.

    Any exception but ProviderUnavailable is a fault of the provider.
    """
    try:
        answer = ask(replies(*documents))
    except ProviderUnavailable:
        return None
    series = answer.series if isinstance(answer, Forecast) else answer
    if isinstance(answer, Forecast):
        assert series
        assert answer.issued is None or isfinite(answer.issued)
    for slot in series:
        assert isfinite(slot.start)
        assert isfinite(slot.end)
        assert 0 <= slot.g_per_kwh <= 5000
    return series
