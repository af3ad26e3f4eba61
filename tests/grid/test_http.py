import gzip
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from grid_server import Answer, GridServer

from carbonwait import __version__
from carbonwait.core.errors import ProviderUnavailable
from carbonwait.grid.exchange import MAX_BODY_BYTES
from carbonwait.grid.http import HttpRefusal, get_json
from carbonwait.grid.refusals import GivenUp

BUSY = Answer(b"busy", status=503, headers={"Retry-After": "0"})
FINE = Answer.of({"fine": True})
SECRETS = ("s3cret", "t0ken", "user", "pa55")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def other_server() -> Iterator[GridServer]:
    with GridServer() as server:
        yield server


def worker() -> threading.Thread | None:
    threads = (t for t in threading.enumerate() if t.name == "carbonwait-http")
    return next(threads, None)


def redirect(to: str, status: int = 302) -> Answer:
    return Answer(status=status, headers={"Location": to})


# --- a good answer ------------------------------------------------------------------------------


def test_a_document_is_returned_as_it_is(grid_server: GridServer) -> None:
    grid_server.answer(Answer.of({"data": [1, None, "grün"]}))
    assert get_json(grid_server.url) == {"data": [1, None, "grün"]}


def test_an_empty_body_is_none(grid_server: GridServer) -> None:
    grid_server.answer(Answer(b""))
    assert get_json(grid_server.url) is None


def test_params_join_the_query_of_the_address(grid_server: GridServer) -> None:
    get_json(f"{grid_server.url}/co2?a=1", params={"country": "de", "at": "10:00+01:00"})
    assert grid_server.seen[0].params == {"a": "1", "country": "de", "at": "10:00+01:00"}


def test_the_query_of_the_address_is_kept_without_params(grid_server: GridServer) -> None:
    get_json(f"{grid_server.url}/co2?a=1")
    assert grid_server.seen[0].params == {"a": "1"}


def test_headers_are_sent(grid_server: GridServer) -> None:
    get_json(grid_server.url, headers={"auth-token": "t0ken"})
    assert grid_server.seen[0].headers["auth-token"] == "t0ken"


def test_the_program_says_who_it_is(grid_server: GridServer) -> None:
    get_json(grid_server.url)
    expected = f"carbonwait/{__version__} (+https://github.com/carbonwait/carbonwait)"
    assert grid_server.seen[0].headers["User-Agent"] == expected


def test_a_get_has_no_content_type(grid_server: GridServer) -> None:
    get_json(grid_server.url)
    assert "Content-Type" not in grid_server.seen[0].headers


def test_json_is_asked_for_unless_the_caller_wants_something_else(grid_server: GridServer) -> None:
    get_json(grid_server.url)
    get_json(grid_server.url, headers={"accept": "application/vnd.grid+json"})
    accepted = [seen.headers.get_all("Accept") for seen in grid_server.seen]
    assert accepted == [["application/json"], ["application/vnd.grid+json"]]


def test_gzip_is_unpacked(grid_server: GridServer) -> None:
    grid_server.answer(Answer(gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip"}))
    assert get_json(grid_server.url) == {"a": 1}


# --- a bad answer -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"<html>maintenance</html>",
        b'{"data": [1, 2',
        '{"name": "grün"}'.encode("latin-1"),
        b"[" * 100_000,
        b"9" * 5000,
    ],
    ids=["html", "cut", "latin-1", "deep", "huge number"],
)
def test_what_is_no_json_is_no_answer(grid_server: GridServer, body: bytes) -> None:
    grid_server.answer(Answer(body))
    with pytest.raises(ProviderUnavailable, match="answered with no JSON"):
        get_json(grid_server.url)


def test_a_truncated_body_is_no_answer(grid_server: GridServer) -> None:
    grid_server.answer(Answer(b'{"data": 1}    ', cut_at=11))
    with pytest.raises(ProviderUnavailable, match="ended its answer too early"):
        get_json(grid_server.url)


@pytest.mark.parametrize(
    "packed", [gzip.compress(b'{"a": 1}')[:-4], b"not gzip at all"], ids=["cut", "not gzip"]
)
def test_broken_gzip_is_no_answer(grid_server: GridServer, packed: bytes) -> None:
    grid_server.answer(Answer(packed, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(ProviderUnavailable, match="ended its answer too early or garbled it"):
        get_json(grid_server.url)


def test_a_packing_that_was_not_asked_for_is_no_answer(grid_server: GridServer) -> None:
    grid_server.answer(Answer(b"x", headers={"Content-Encoding": "br"}))
    with pytest.raises(ProviderUnavailable, match="not asked for"):
        get_json(grid_server.url)


def test_an_endless_body_is_cut_off(grid_server: GridServer) -> None:
    grid_server.answer(Answer(b" " * 65536, endless=True))
    with pytest.raises(ProviderUnavailable, match="answered with more than 8 MiB"):
        get_json(grid_server.url)


def test_a_small_body_that_unpacks_to_a_huge_one_is_cut_off(grid_server: GridServer) -> None:
    packed = gzip.compress(b" " * (MAX_BODY_BYTES + 1))
    grid_server.answer(Answer(packed, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(ProviderUnavailable, match="answered with more than 8 MiB"):
        get_json(grid_server.url)


def test_a_refusal_carries_status_and_body(grid_server: GridServer) -> None:
    grid_server.answer(Answer(b'{"error": "no such region"}', status=400))
    with pytest.raises(HttpRefusal) as caught:
        get_json(grid_server.url)
    assert (caught.value.status, caught.value.body) == (400, b'{"error": "no such region"}')


def test_a_refusal_whose_body_cannot_be_read_keeps_its_status(grid_server: GridServer) -> None:
    grid_server.answer(Answer(b"gone", status=404, headers={"Content-Encoding": "br"}))
    with pytest.raises(HttpRefusal) as caught:
        get_json(grid_server.url)
    assert (caught.value.status, caught.value.body) == (404, b"")


def test_the_text_of_a_refusal_is_one_short_printable_line() -> None:
    body = b"first\nline \x1b[31m red \xff" + b" more" * 100
    text = HttpRefusal("refused", status=400, body=body).text
    assert text.startswith("first line [31m red \ufffd more")
    assert text.isprintable()
    assert len(text) == 200


# --- retries ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_service_is_asked_again(grid_server: GridServer, status: int) -> None:
    grid_server.answer(Answer(status=status, headers={"Retry-After": "0"}), FINE)
    assert get_json(grid_server.url) == {"fine": True}


def test_a_service_is_asked_three_times_at_most(grid_server: GridServer) -> None:
    grid_server.answer(BUSY)
    with pytest.raises(HttpRefusal, match="answered with status 503"):
        get_json(grid_server.url)
    assert len(grid_server.seen) == 3


def test_a_refusal_for_good_is_not_asked_again(grid_server: GridServer) -> None:
    grid_server.answer(Answer(status=404), FINE)
    with pytest.raises(HttpRefusal):
        get_json(grid_server.url)
    assert len(grid_server.seen) == 1


def test_a_rest_that_does_not_fit_the_time_is_no_rest(grid_server: GridServer) -> None:
    grid_server.answer(Answer(status=429, headers={"Retry-After": "60"}), FINE)
    began = time.monotonic()
    with pytest.raises(HttpRefusal) as caught:
        get_json(grid_server.url, timeout_s=5)
    assert time.monotonic() - began < 4
    assert caught.value.retry_after_s == 60
    assert len(grid_server.seen) == 1


def test_a_rest_may_be_given_as_a_date(grid_server: GridServer) -> None:
    date = formatdate(time.time() + 600, usegmt=True)
    grid_server.answer(Answer(status=429, headers={"Retry-After": date}))
    with pytest.raises(HttpRefusal) as caught:
        get_json(grid_server.url)
    assert caught.value.retry_after_s == pytest.approx(600, abs=5)


def test_a_date_that_is_past_is_no_rest(grid_server: GridServer) -> None:
    date = formatdate(time.time() - 600, usegmt=True)
    grid_server.answer(Answer(status=429, headers={"Retry-After": date}), FINE)
    assert get_json(grid_server.url) == {"fine": True}


@pytest.mark.parametrize("value", ["soon", "-5", "1e3", "", "9" * 5000])
def test_an_odd_rest_does_no_harm(grid_server: GridServer, value: str) -> None:
    grid_server.answer(Answer(status=404, headers={"Retry-After": value}))
    with pytest.raises(HttpRefusal) as caught:
        get_json(grid_server.url)
    assert 0 <= caught.value.retry_after_s <= 86400


def test_a_busy_service_is_left_alone_for_a_moment(grid_server: GridServer) -> None:
    grid_server.answer(Answer(status=503), FINE)
    began = time.monotonic()
    get_json(grid_server.url)
    assert time.monotonic() - began >= 0.25


# --- time ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        Answer(wait_for=threading.Event()),
        Answer(b"[]", headers={"X-Long": "x" * 1000}, drip="all"),
        Answer(b"[]" + b" " * 1000, drip="body"),
    ],
    ids=["silence", "dripping head", "dripping body"],
)
def test_a_slow_answer_ends_in_time(grid_server: GridServer, answer: Answer) -> None:
    grid_server.answer(answer)
    began = time.monotonic()
    with pytest.raises(ProviderUnavailable, match=r"did not answer within 0\.4 s"):
        get_json(grid_server.url, timeout_s=0.4)
    assert time.monotonic() - began < 2


def test_a_connection_nobody_accepts_ends_in_time() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        host, port = listening.getsockname()
        with socket.create_connection((host, port)), pytest.raises(ProviderUnavailable):
            get_json(f"http://{host}:{port}/", timeout_s=0.3)


def test_a_resolver_that_hangs_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hang(*_arguments: object, **_options: object) -> None:
        released.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "no resolver")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        with pytest.raises(ProviderUnavailable, match=r"grid\.test did not answer within"):
            get_json("http://grid.test/", timeout_s=0.3)
    finally:
        thread = worker()
        released.set()
        if thread is not None:
            thread.join(5)


def test_the_thread_ends_when_nobody_waits_for_it_any_more(grid_server: GridServer) -> None:
    grid_server.answer(Answer(b" " * 100_000, drip="body"))
    seen: list[threading.Thread | None] = []

    def called_away() -> bool:
        seen.append(worker())
        return grid_server.arrived.is_set()

    with pytest.raises(ProviderUnavailable):
        get_json(grid_server.url, timeout_s=60, give_up=called_away)
    assert seen[-1] is not None
    seen[-1].join(5)
    assert not seen[-1].is_alive()


def test_giving_up_ends_the_wait_at_once(grid_server: GridServer) -> None:
    grid_server.answer(Answer(wait_for=threading.Event()))
    began = time.monotonic()
    with pytest.raises(GivenUp, match="was not waited for"):
        get_json(grid_server.url, timeout_s=60, give_up=grid_server.arrived.is_set)
    assert time.monotonic() - began < 10


def test_an_answer_is_taken_though_giving_up_is_possible(grid_server: GridServer) -> None:
    grid_server.answer(FINE)
    assert get_json(grid_server.url, give_up=lambda: False) == {"fine": True}


def test_the_thread_takes_no_signals(grid_server: GridServer) -> None:
    grid_server.answer(Answer(wait_for=threading.Event()))
    masks: list[int] = []

    def look() -> bool:
        thread = worker()
        assert thread is not None
        status = Path(f"/proc/self/task/{thread.native_id}/status").read_text("ascii")
        masks.append(int(status.partition("SigBlk:")[2].split()[0], 16))
        return grid_server.arrived.is_set()

    with pytest.raises(ProviderUnavailable):
        get_json(grid_server.url, timeout_s=60, give_up=look)
    taken = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGUSR1, signal.SIGALRM)
    assert all(masks[-1] >> (number - 1) & 1 for number in taken)


# --- redirects ----------------------------------------------------------------------------------


def test_a_redirect_on_the_same_host_keeps_the_headers(grid_server: GridServer) -> None:
    grid_server.answer(redirect("/v2?b=2"), FINE)
    assert get_json(f"{grid_server.url}/v1", headers={"auth-token": "t0ken"}) == {"fine": True}
    assert grid_server.seen[1].target == "/v2?b=2"
    assert grid_server.seen[1].headers["auth-token"] == "t0ken"


@pytest.mark.parametrize("name", ["Authorization", "auth-token", "Cookie", "X-Anything"])
def test_a_redirect_to_another_host_drops_the_headers(
    grid_server: GridServer, other_server: GridServer, name: str
) -> None:
    grid_server.answer(redirect(f"{other_server.url}/"))
    other_server.answer(FINE)
    get_json(grid_server.url, headers={name: "s3cret"})
    assert name not in other_server.seen[0].headers


def test_a_redirect_to_another_host_keeps_what_is_accepted(
    grid_server: GridServer, other_server: GridServer
) -> None:
    grid_server.answer(redirect(f"{other_server.url}/"))
    get_json(grid_server.url, headers={"Accept": "application/vnd.grid+json"})
    assert other_server.seen[0].headers["Accept"] == "application/vnd.grid+json"


def test_headers_do_not_come_back_with_a_second_redirect(
    grid_server: GridServer, other_server: GridServer
) -> None:
    grid_server.answer(redirect(f"{other_server.url}/"), FINE)
    other_server.answer(redirect(f"{grid_server.url}/again"))
    get_json(grid_server.url, headers={"auth-token": "t0ken"})
    assert "auth-token" not in grid_server.seen[1].headers


def test_credentials_of_the_address_stay_with_its_host(
    grid_server: GridServer, other_server: GridServer
) -> None:
    grid_server.answer(redirect(f"{other_server.url}/"))
    get_json(f"http://user:pa55@{grid_server.host}/")
    assert grid_server.seen[0].headers["Authorization"].startswith("Basic ")
    assert "Authorization" not in other_server.seen[0].headers


def test_credentials_that_a_redirect_brings_are_not_used(
    grid_server: GridServer, other_server: GridServer
) -> None:
    grid_server.answer(redirect(f"http://their:own@{other_server.host}/"))
    get_json(grid_server.url)
    assert "Authorization" not in other_server.seen[0].headers


def test_cookies_are_not_kept(grid_server: GridServer) -> None:
    grid_server.answer(
        Answer(status=302, headers={"Location": "/", "Set-Cookie": "who=me"}),
        Answer(status=503, headers={"Retry-After": "0", "Set-Cookie": "who=me"}),
        FINE,
    )
    get_json(grid_server.url)
    assert [seen.headers["Cookie"] for seen in grid_server.seen] == [None, None, None]


def test_three_redirects_are_followed(grid_server: GridServer) -> None:
    grid_server.answer(redirect("/1", 301), redirect("/2", 307), redirect("/3", 308), FINE)
    assert get_json(grid_server.url) == {"fine": True}


def test_a_fourth_redirect_is_not_followed(grid_server: GridServer) -> None:
    grid_server.answer(redirect("/round"))
    with pytest.raises(ProviderUnavailable, match="redirects more than 3 times"):
        get_json(grid_server.url)
    assert len(grid_server.seen) == 4


@pytest.mark.parametrize("to", ["ftp://127.0.0.1/", "file:///etc/passwd", "data:,x", "http://[::1"])
def test_a_redirect_to_no_web_address_is_not_followed(grid_server: GridServer, to: str) -> None:
    grid_server.answer(redirect(to))
    with pytest.raises(ProviderUnavailable, match=r"no web address|garbled"):
        get_json(grid_server.url)
    assert len(grid_server.seen) == 1


def test_a_redirect_without_a_place_is_a_refusal(grid_server: GridServer) -> None:
    grid_server.answer(Answer(status=302))
    with pytest.raises(HttpRefusal, match="status 302"):
        get_json(grid_server.url)


# --- TLS ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key in the same file."""
    import ipaddress
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "grid")])
    now = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "grid.pem"
    path.write_bytes(private + signed.public_bytes(pem))
    return path


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[GridServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def wrap(server: ThreadingHTTPServer) -> None:
        server.socket = context.wrap_socket(server.socket, server_side=True)

    with GridServer(wrap) as server:
        yield server


def test_a_certificate_that_is_trusted_opens_the_door(
    tls_server: GridServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls_server.answer(FINE)
    assert get_json(tls_server.url) == {"fine": True}


def test_a_certificate_that_is_not_trusted_is_no_answer(tls_server: GridServer) -> None:
    with pytest.raises(ProviderUnavailable, match="has a certificate that cannot be trusted"):
        get_json(tls_server.url)
    assert tls_server.seen == []


def test_an_encrypted_request_is_never_sent_on_unencrypted(
    tls_server: GridServer,
    grid_server: GridServer,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls_server.answer(redirect(f"{grid_server.url}/"))
    with pytest.raises(ProviderUnavailable, match="redirects to an unencrypted address"):
        get_json(tls_server.url)
    assert grid_server.seen == []


def test_an_unencrypted_service_is_not_taken_for_an_encrypted_one(grid_server: GridServer) -> None:
    with pytest.raises(ProviderUnavailable, match="cannot be reached over TLS"):
        get_json(f"https://{grid_server.host}/")


# --- getting there ------------------------------------------------------------------------------


def test_a_port_where_nobody_listens_is_no_answer() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ProviderUnavailable, match=f"127.0.0.1:{port} refused the connection"):
            get_json(f"http://127.0.0.1:{port}/")


def test_a_name_without_an_address_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: object, **_options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ProviderUnavailable, match=r"grid\.test has no address; check the name"):
        get_json("http://grid.test/")


@pytest.mark.parametrize("url", ["", "http://", "http://[::1", "grid", "ftp://grid.test/", "\n"])
def test_what_is_no_web_address_is_no_answer(url: str) -> None:
    with pytest.raises(ProviderUnavailable):
        get_json(url, timeout_s=5)


def test_a_header_that_cannot_be_sent_is_no_answer(grid_server: GridServer) -> None:
    for value in ("s3cret\nX: y", "s3cret\u2026"):
        with pytest.raises(ProviderUnavailable, match="cannot be asked") as caught:
            get_json(grid_server.url, headers={"auth-token": value})
        assert "s3cret" not in str(caught.value)


def test_a_proxy_of_the_environment_is_used(
    grid_server: GridServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", grid_server.url)
    grid_server.answer(FINE)
    assert get_json("http://grid.test/co2") == {"fine": True}
    assert grid_server.seen[0].target == "http://grid.test/co2"


def test_a_proxy_setting_that_is_none_is_said_without_its_password(
    grid_server: GridServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "gopher://user:pa55@127.0.0.1:1")
    with pytest.raises(ProviderUnavailable, match="check the proxy") as caught:
        get_json(grid_server.url)
    assert "pa55" not in str(caught.value)


# --- what is said -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"s3cret t0ken", status=401),
        Answer(b"s3cret t0ken"),
        Answer(b"{}  ", cut_at=2),
        Answer(status=302, headers={"Location": "gopher://s3cret/?t0ken"}),
        Answer(wait_for=threading.Event()),
    ],
    ids=["refusal", "no json", "cut", "redirect", "silence"],
)
def test_no_reason_holds_a_secret(grid_server: GridServer, answer: Answer) -> None:
    grid_server.answer(answer)
    with pytest.raises(ProviderUnavailable) as caught:
        get_json(
            f"http://user:pa55@{grid_server.host}/path?key=s3cret",
            headers={"auth-token": "t0ken"},
            params={"login": "s3cret"},
            timeout_s=0.5,
        )
    reason = str(caught.value)
    assert reason.startswith(grid_server.host)
    assert not [secret for secret in SECRETS if secret in reason]
    assert "\n" not in reason


def test_the_door_is_there_without_the_heavy_modules() -> None:
    script = "import sys, carbonwait.grid.http\nprint(*sys.modules)"
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    loaded = subprocess.check_output([sys.executable, "-c", script], env=environ, text=True)
    assert not {"httpx", "ssl", "urllib.parse", "email", "json"} & set(loaded.split())
