"""A provider's service on this machine, so that a benchmark can have a live forecast offline."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from json import dumps
from pathlib import Path

import measure

_HALF_HOUR_S = 1800
_TWO_DAYS = 96
_HOUR = 2


@contextmanager
def service(home: Path, environ: measure.Environ) -> Iterator[dict[str, str]]:
    """Serve; yields the environment in which carbonwait plans on it. Writes the home's config."""
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    config = home / ".config/carbonwait/config.toml"
    config.parent.mkdir(parents=True)
    base_url = f"http://127.0.0.1:{server.server_port}"
    config.write_text(f'[providers.neso]\nbase_url = "{base_url}"\n', encoding="ascii")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield {**environ, "CARBONWAIT_PROVIDER": "neso"}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Two days of half hours before and after now, as NESO answers; clean in three hours."""

    def do_GET(self) -> None:
        now = time.time()
        first = now // _HALF_HOUR_S * _HALF_HOUR_S - _TWO_DAYS * _HALF_HOUR_S
        rows = []
        for index, value in enumerate(measure.intensities(2 * _TWO_DAYS)):
            start, end = first + index * _HALF_HOUR_S, first + (index + 1) * _HALF_HOUR_S
            g_per_kwh = round(value) + (400 if index < _TWO_DAYS + 3 * _HOUR else 0)
            rows.append(
                {
                    "from": f"{datetime.fromtimestamp(start, UTC):%Y-%m-%dT%H:%MZ}",
                    "to": f"{datetime.fromtimestamp(end, UTC):%Y-%m-%dT%H:%MZ}",
                    "intensity": {
                        "forecast": g_per_kwh,
                        "actual": g_per_kwh if end <= now else None,
                    },
                }
            )
        body = dumps({"data": rows}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name in the base)
        """Say nothing: the terminal is for figures."""
