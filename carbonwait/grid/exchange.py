"""One HTTP exchange: redirects, retries, sizes and the words for what goes wrong.

It blocks as long as it takes and runs in a thread of `carbonwait.grid.http`, which keeps the time.
"""

import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from carbonwait.core.errors import ProviderUnavailable

if TYPE_CHECKING:
    import socket

    import httpx

MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_REDIRECTS = 3
MAX_RETRIES = 2

_MAX_REFUSAL_BYTES = 64 * 1024
_FIRST_RETRY_S = 0.25
_LONGEST_REST_S = 86400.0
_SHOWN_CHARACTERS = 200
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class HttpRefusal(ProviderUnavailable):
    """A service answered with a status other than success.

    `body` is the beginning of what it said, `retry_after_s` how long it asked to be left alone,
    0 if it did not.
    """

    def __init__(
        self, reason: str, *, status: int, body: bytes = b"", retry_after_s: float = 0.0
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.body = body
        self.retry_after_s = retry_after_s

    @property
    def text(self) -> str:
        """One line of at most 200 printable characters of the body, for those who want to show it.

        It is the service's own text: show it only where the service is known not to repeat keys.
        """
        decoded = self.body[: 8 * _SHOWN_CHARACTERS].decode("utf-8", "replace")
        words = "".join(c if c.isprintable() else " " for c in decoded).split()
        return " ".join(words)[:_SHOWN_CHARACTERS]


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask; `headers` are the caller's own and go to the host of `url` only."""

    url: str
    headers: dict[str, str] = field(repr=False)
    params: dict[str, str] = field(repr=False)
    method: str = "GET"


class Exchange:
    """One request on its way; `host` is all of its address that may be shown."""

    def __init__(
        self, request: Request, timeout_s: float, *, most_retries: int = MAX_RETRIES
    ) -> None:
        self.request = request
        self._most_retries = most_retries
        self.host = _host(request.url)
        self._timeout_s = timeout_s
        self._ends = time.monotonic() + timeout_s
        self._stop = threading.Event()
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()

    def left_s(self) -> float:
        """How much of the time is left, in seconds."""
        return self._ends - time.monotonic()

    def too_late(self) -> ProviderUnavailable:
        """What is to be said if there was no answer within the time."""
        return ProviderUnavailable(f"{self.host} did not answer within {self._timeout_s:.3g} s")

    def perform(self) -> object:
        """The document, None if the body is empty. Raises ProviderUnavailable."""
        try:
            return self._with_retries()
        except ProviderUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 (no answer, however odd, stops a job)
            if _is_late(error):
                raise self.too_late() from None
            raise ProviderUnavailable(f"{self.host} {_why(error)}") from None
        finally:
            with self._lock:
                for connection in self._sockets:
                    connection.close()
                self._sockets.clear()

    def hang_up(self) -> None:
        """Wake `perform` from whatever read it is in, so that it ends soon."""
        import socket

        self._stop.set()
        with self._lock:
            for connection in self._sockets:
                with suppress(OSError):  # the other side may have closed it already
                    connection.shutdown(socket.SHUT_RDWR)

    def _with_retries(self) -> object:
        # With its own command line, httpx would bring click, rich and pygments: 5 MiB that a
        # waiting job keeps, and 40 ms. It does without if that part cannot be imported.
        sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
        import httpx

        try:
            client = httpx.Client(follow_redirects=False)
        except Exception:  # noqa: BLE001 (each setting fails in a way of its own)
            remedy = "check the proxy and certificate settings of the environment"
            raise ProviderUnavailable(f"{self.host} cannot be asked; {remedy}") from None
        with client:
            retries = 0
            while True:
                try:
                    return self._follow(client)
                except HttpRefusal as refusal:
                    wait_s = refusal.retry_after_s or _FIRST_RETRY_S * 2**retries
                    passing = refusal.status == 429 or refusal.status >= 500
                    if not passing or retries == self._most_retries or wait_s >= self.left_s():
                        raise
                    if self._stop.wait(wait_s):
                        raise
                    retries += 1

    def _follow(self, client: "httpx.Client") -> object:
        """Ask, and go where the answer sends us. Credentials stay with the first host."""
        import httpx

        url = httpx.URL(self.request.url)
        if self.request.params:
            url = url.copy_merge_params(self.request.params)
        headers = httpx.Headers({"Accept": "application/json"})
        headers.update(self.request.headers)
        for _ in range(MAX_REDIRECTS + 1):
            location, document = self._ask(client, url, headers)
            if location is None:
                return document
            following = self._redirected(url, location)
            if _origin(following) != _origin(url):
                headers = httpx.Headers({"Accept": headers["Accept"]})
            url = following
        raise ProviderUnavailable(f"{self.host} redirects more than {MAX_REDIRECTS} times")

    def _redirected(self, url: "httpx.URL", location: str) -> "httpx.URL":
        import httpx

        try:
            # A name and password that the answer puts into the address are none of ours.
            following = url.join(location).copy_with(username=None, password=None)
        except httpx.InvalidURL:
            following = httpx.URL("")
        if following.scheme not in ("http", "https") or not following.host:
            raise ProviderUnavailable(f"{self.host} redirects to what is no web address")
        if url.scheme == "https" and following.scheme == "http":
            raise ProviderUnavailable(f"{self.host} redirects to an unencrypted address")
        return following

    def _ask(
        self, client: "httpx.Client", url: "httpx.URL", headers: "httpx.Headers"
    ) -> tuple[str | None, object]:
        """Where a redirect leads to and None, or None and the document."""
        from carbonwait import __version__

        sent = headers.copy()
        sent["User-Agent"] = f"carbonwait/{__version__} (+https://github.com/carbonwait/carbonwait)"
        sent["Accept-Encoding"] = "gzip"  # the only packing that is undone here
        client.cookies.clear()
        with client.stream(
            self.request.method,
            url,
            headers=sent,
            timeout=max(0.001, self.left_s()),
            extensions={"trace": self._keep_socket},
        ) as response:
            location = response.headers.get("location")
            if response.status_code in _REDIRECTS and location:
                return location, None
            if not response.is_success:
                raise self._refusal(response)
            return None, self._document(self._body(response, MAX_BODY_BYTES))

    def _refusal(self, response: "httpx.Response") -> HttpRefusal:
        body = b""
        with suppress(Exception):  # the status says enough where the body cannot be read
            body = self._body(response, _MAX_REFUSAL_BYTES, cut=True)
        return HttpRefusal(
            f"{self.host} answered with status {response.status_code}",
            status=response.status_code,
            body=body,
            retry_after_s=_retry_after_s(response.headers.get("retry-after", "")),
        )

    def _body(self, response: "httpx.Response", limit: int, *, cut: bool = False) -> bytes:
        """The body, unpacked piece by piece so that a small answer cannot grow without bound."""
        import zlib

        packing = response.headers.get("content-encoding", "identity").strip().lower()
        if packing not in ("identity", "", "gzip"):
            raise ProviderUnavailable(f"{self.host} packed its answer in a way not asked for")
        unpacker = zlib.decompressobj(wbits=31) if packing == "gzip" else None
        body = bytearray()
        for chunk in response.iter_raw():
            body += unpacker.decompress(chunk, limit + 1 - len(body)) if unpacker else chunk
            if len(body) > limit and not cut:
                size = f"{limit // 1024**2} MiB"
                raise ProviderUnavailable(f"{self.host} answered with more than {size}")
            if len(body) > limit:
                return bytes(body[:limit])
            if self._stop.is_set() or self.left_s() <= 0:
                raise TimeoutError
        if unpacker and body and not unpacker.eof:
            raise EOFError
        return bytes(body)

    def _document(self, body: bytes) -> object:
        import json

        if not body.strip():
            return None
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise ProviderUnavailable(f"{self.host} answered with no JSON") from None

    def _keep_socket(self, event: str, info: Mapping[str, object]) -> None:
        """Keep a second handle of a new connection, by which `hang_up` can end it."""
        if event == "connection.connect_tcp.complete":
            stream = info["return_value"]
            connection: socket.socket = stream.get_extra_info("socket")  # type: ignore[attr-defined]
            with self._lock:
                self._sockets.append(connection.dup())
            if self._stop.is_set():
                self.hang_up()


def _host(url: str) -> str:
    """The host of an address and the port if one is written."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not host.isprintable():
        return "an address without a host"
    return f"{host}:{port}" if port else host


def _origin(url: "httpx.URL") -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def _retry_after_s(value: str) -> float:
    """Seconds to wait by a Retry-After header, which holds seconds or a date."""
    if value.strip().isdecimal():
        return min(float(value), _LONGEST_REST_S)
    from email.utils import parsedate_to_datetime

    try:
        wait_s = parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError, IndexError, TypeError):
        return 0.0
    return min(max(0.0, wait_s), _LONGEST_REST_S)


def _is_late(error: Exception) -> bool:
    if isinstance(error, TimeoutError):
        return True
    httpx = sys.modules.get("httpx")
    return httpx is not None and isinstance(error, httpx.TimeoutException)


def _why(error: Exception) -> str:
    """Why an exchange failed, in words of our own: those of the error may quote the request."""
    import socket
    import ssl
    import zlib

    if isinstance(error, ImportError):
        return "cannot be asked; httpx cannot be loaded"
    import httpx

    early = "ended its answer too early or garbled it"
    known: tuple[tuple[type[BaseException], str], ...] = (
        (socket.gaierror, "has no address; check the name and the network"),
        (ssl.SSLCertVerificationError, "has a certificate that cannot be trusted"),
        (ssl.SSLError, "cannot be reached over TLS"),
        (ConnectionRefusedError, "refused the connection"),
        (httpx.ProxyError, "cannot be reached through the proxy"),
        (httpx.ConnectError, "cannot be reached"),
        (httpx.NetworkError, "broke off the connection"),
        (httpx.RemoteProtocolError, early),
        (EOFError, early),
        (zlib.error, early),
        (httpx.UnsupportedProtocol, "is no web address"),
        (httpx.InvalidURL, "is no web address"),
    )
    link: BaseException | None = error
    links = []
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    for kind, words in known:
        if any(isinstance(link, kind) for link in links):
            return words
    return f"cannot be asked ({type(error).__name__})"
