"""The one door to the network.

A request may hang in many places: in the resolver, in a connection nobody answers, in a body that
drips. So the exchange runs in a thread of its own, and the caller waits for it only as long as it
has time and `give_up` does not call it away. No reason given here holds a query, a header, a user
name or a token: they name the host and the status, nothing else.
"""

import signal
import threading
import time
from collections.abc import Callable, Mapping

from carbonwait.core.errors import ProviderUnavailable
from carbonwait.grid.exchange import MAX_RETRIES, Exchange, HttpRefusal, Request
from carbonwait.grid.refusals import GivenUp

__all__ = ["HttpRefusal", "get_json"]

_POLL_S = 0.05


def get_json(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    timeout_s: float = 10.0,
    give_up: Callable[[], bool] | None = None,
    most_retries: int = MAX_RETRIES,
) -> object:
    """The JSON document at `url`; None if the body is empty.

    All of it, redirects and retries included, takes at most `timeout_s`. `give_up` is asked every
    50 ms whether to stop waiting. Raises HttpRefusal for a status other than success, GivenUp if
    nobody waited any longer, and ProviderUnavailable for everything else that goes wrong.
    """
    request = Request(url, dict(headers or {}), dict(params or {}))
    waiting = _Waiting(Exchange(request, timeout_s, most_retries=most_retries))
    threading.Thread(target=waiting.work, name="carbonwait-http", daemon=True).start()
    given_up = waiting.wait(give_up)
    host = waiting.exchange.host
    if not waiting.done.is_set():
        waiting.exchange.hang_up()
        if given_up:
            raise GivenUp(f"{host} was not waited for")
        raise waiting.exchange.too_late()
    if waiting.failure is not None:
        # Without the chain behind it, which may quote headers.
        raise waiting.failure from None
    return waiting.document


class _Waiting:
    """An exchange in a thread (`work`) and who waits for it (`wait`).

    `document` and `failure` are set before `done` is.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.done = threading.Event()
        self.document: object = None
        self.failure: ProviderUnavailable | None = ProviderUnavailable(
            f"{exchange.host} cannot be asked"
        )

    def work(self) -> None:
        """Perform the exchange and keep its outcome; raises nothing."""
        # Signals are for the main thread, which takes them one by one.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self.document = self.exchange.perform()
            self.failure = None
        except ProviderUnavailable as unavailable:
            self.failure = unavailable
        finally:
            self.done.set()

    def wait(self, give_up: Callable[[], bool] | None) -> bool:
        """Wait for the outcome or the end of the time; True if `give_up` ended it."""
        while not self.done.wait(max(0.0, min(_POLL_S, self.exchange.left_s()))):
            if give_up is not None and give_up():
                return True
            if self.exchange.left_s() <= 0:
                break
        return False


class Patience:
    """Requests that end within `span_s` of now, all of them together.

    `fetch` is what a provider is given to ask with.
    """

    def __init__(self, span_s: float, give_up: Callable[[], bool]) -> None:
        self._ends = time.monotonic() + span_s
        self._give_up = give_up

    def left_s(self) -> float:
        """How much of the span is left, in seconds; enough to fail in, at least."""
        return max(0.1, self._ends - time.monotonic())

    def fetch(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> object:
        """The JSON document at `url`; see `get_json`."""
        return self._get(url, headers, params, MAX_RETRIES)

    def fetch_once(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> object:
        """The same for what can wait: a service that asks for a rest is not asked again."""
        return self._get(url, headers, params, 0)

    def _get(
        self,
        url: str,
        headers: Mapping[str, str] | None,
        params: Mapping[str, str] | None,
        most_retries: int,
    ) -> object:
        return get_json(
            url,
            headers=headers,
            params=params,
            timeout_s=self.left_s(),
            give_up=self._give_up,
            most_retries=most_retries,
        )
