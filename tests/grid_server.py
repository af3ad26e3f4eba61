"""A service on 127.0.0.1 that answers what a test tells it to, well or badly."""

import contextlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Literal, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Answer:
    """What to send back.

    `wait_for`: only after this event. `drip`: one byte every 10 ms, of `all` or of the `body`.
    `cut_at`: so many bytes of the body, then the end. `endless`: the body over and over.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_for: threading.Event | None = None
    drip: Literal["all", "body"] | None = None
    cut_at: int | None = None
    endless: bool = False

    @classmethod
    def of(cls, document: object, **more: object) -> Self:
        """A JSON document."""
        return cls(json.dumps(document).encode(), **more)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Seen:
    """A request as it came; `target` is what stood in its first line."""

    method: str
    target: str
    headers: Message

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))


class GridServer:
    """Answers each request with the next of its answers; the last one goes on for ever.

    `wrap` may put TLS around it. Requests are kept in `seen`.
    """

    def __init__(self, wrap: Callable[[ThreadingHTTPServer], None] | None = None) -> None:
        self.seen: list[Seen] = []
        self.arrived = threading.Event()
        self.closing = threading.Event()
        self._answers = [Answer(b"{}")]
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._scheme = "https" if wrap else "http"
        if wrap:
            wrap(self._server)
        # Handlers end when the server closes, and are waited for: nothing leaks into other tests.
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self.host}"

    def answer(self, *answers: Answer) -> None:
        """Say what is answered from now on."""
        with self._lock:
            self._answers = list(answers)

    def next_answer(self, seen: Seen) -> Answer:
        with self._lock:
            self.seen.append(seen)
            self.arrived.set()
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        class Handler(_Handler):
            grid = self

        return Handler


class _Handler(BaseHTTPRequestHandler):
    grid: GridServer
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_GET(self) -> None:
        answer = self.grid.next_answer(Seen(self.command, self.path, self.headers))
        self.close_connection = True
        while answer.wait_for is not None and not answer.wait_for.wait(0.01):
            if self.grid.closing.is_set():
                return
        # The client may have gone meanwhile, which is its right.
        with contextlib.suppress(OSError):
            self._send(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name in the base)
        """Say nothing: the terminal belongs to the tests."""

    def _send(self, answer: Answer) -> None:
        lines = [f"HTTP/1.1 {answer.status} As Told", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        if not answer.endless:
            lines.append(f"Content-Length: {len(answer.body)}")
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        body = answer.body if answer.cut_at is None else answer.body[: answer.cut_at]
        at_once = {"all": b"", "body": head, None: head + body}[answer.drip]
        self.wfile.write(at_once)
        for byte in (head + body)[len(at_once) :]:
            if self.grid.closing.wait(0.01):
                return
            self.wfile.write(bytes([byte]))
        while answer.endless and not self.grid.closing.is_set():
            self.wfile.write(body)
