"""Who gets an answer, and what every answer carries."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import CSP, EVERY_RESPONSE, Answer, Client, Running, eventually, pprof, put, raw, viewer

from plopi.errors import PlopiError, UsageError
from plopi.viewer import app
from plopi.viewer.config import parse
from plopi.viewer.security import HEADERS, Hosts, RateLimit, Refused, Token, clean_base_url

OWN_PATHS = (
    "",
    "p/0123456789abcdef/graph",
    "static/css/base.css",
    "api/profiles",
    "api/profiles/0123456789abcdef",
    "nothing/here",
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    datadir = tmp_path_factory.mktemp("profiles")
    put(datadir / "a.pb.gz", pprof())
    with viewer(datadir) as running:
        yield running


@pytest.fixture(scope="module")
def client(running: Running) -> Client:
    return running.client


# --- headers ----------------------------------------------------------------------------------------------------------------


def assert_headers(answer: Answer) -> None:
    missing = [name for name in EVERY_RESPONSE if name not in answer.headers]
    assert not missing, (answer.status, missing)
    policy = answer.headers[CSP]
    for rule in ("default-src 'none'", "script-src 'self'", "worker-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert rule in policy
    assert "unsafe" not in policy
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", OWN_PATHS)
def test_every_response_has_the_headers(client: Client, path: str, method: str) -> None:
    answer = client.ask(path, method)
    assert_headers(answer)
    if method not in ("GET", "HEAD"):
        assert answer.status == 405
        assert answer.headers.get("Allow", "GET, HEAD") == "GET, HEAD"


def test_every_kind_of_error_has_the_headers(client: Client) -> None:
    profile_id = client.settled("a.pb.gz")["id"]
    assert client.view(profile_id).status == 200
    errors = {
        "api/profiles?page=0": 400,
        "api/profiles?sort=nothing": 400,
        "api/profiles?order=up": 400,
        "api/profiles?per=100000": 400,
        "api/profiles?q=" + "x" * 300: 400,
        "api/profiles?q=%ff": 400,
        f"api/profiles/{profile_id}/graph?nodes=0": 400,
        f"api/profiles/{profile_id}/graph?type=nothing": 400,
        f"api/profiles/{profile_id}/function/99": 404,
        f"api/profiles/{'0' * 16}/graph": 404,
        "api/profiles/../../etc/passwd": 404,
        "api/nothing": 404,
        "api/profiles/a.pb.gz/graph": 404,
        "api/profiles/a%00b/graph": 404,
    }
    for path, status in errors.items():
        answer = client.ask(path)
        assert answer.status == status, (path, answer.body)
        assert_headers(answer)
        assert len(answer.message) > 20, "fact, value and remedy"


@pytest.mark.parametrize(
    "path", ["static/..%2f..%2fsetup.py", "static/../app.py", "static//etc/passwd", "static/%00", "static/js"]
)
def test_nothing_outside_static_is_served(client: Client, path: str) -> None:
    answer = client.ask(path)
    assert answer.status in (403, 404), answer.body
    assert_headers(answer)


def test_a_page_error_is_a_small_page_that_escapes(client: Client) -> None:
    answer = client.ask("<script>alert(1)</script>")
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b"<script>" not in answer.body


def test_a_view_is_not_sent_twice(client: Client) -> None:
    profile_id = client.settled("a.pb.gz")["id"]
    first = client.view(profile_id)
    again = client.ask(f"api/profiles/{profile_id}/graph", If_None_Match=first.headers["Etag"])
    assert (again.status, again.body) == (304, b"")
    assert_headers(again)


def test_javascript_is_called_javascript(client: Client) -> None:
    answer = client.ask("static/js/api.js")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/javascript")


def test_large_answers_are_compressed_when_that_is_wanted(client: Client) -> None:
    assert client.ask("static/vendor/d3.min.js", Accept_Encoding="gzip").headers["Content-Encoding"] == "gzip"


def test_head_is_get_without_the_body(client: Client) -> None:
    got, head = client.ask("api/profiles"), client.ask("api/profiles", "HEAD")
    assert (got.status, head.status, head.body) == (200, 200, b"")


# --- Host, Origin, Sec-Fetch-Site -------------------------------------------------------------------------------------------


def hosts_of(port: int) -> dict[str | None, bool]:
    return {
        f"localhost:{port}": True, f"LOCALHOST:{port}": True, f"127.0.0.1:{port}": True, f"[::1]:{port}": True,
        "localhost": False, f"localhost:{port + 1}": False, f"evil.example:{port}": False, "evil.example": False,
        f"localhost.evil.example:{port}": False, f"127.0.0.1.evil.example:{port}": False, f"evil.example#localhost:{port}": False,
        f"localhost:{port}@evil.example": False, f"evil@localhost:{port}": False, f"0.0.0.0:{port}": False,
        f"127.0.0.2:{port}": False, f"2130706433:{port}": False, f"localhost.:{port}": False, "": False,
    }  # fmt: skip


@pytest.mark.parametrize("path", OWN_PATHS)
def test_only_own_names_are_answered(client: Client, path: str) -> None:
    for host, mine in hosts_of(client.port).items():
        answer = client.ask(path, Host=host)
        if mine:
            assert answer.status in (200, 404), (host, answer.status)
        else:
            assert answer.status in (400, 421), (host, answer.status)
            assert b"profiles" not in answer.body
        if answer.status != 400:
            assert_headers(answer)


def test_two_or_no_hosts_are_not_answered(client: Client) -> None:
    own = f"localhost:{client.port}"
    for lines in ((f"Host: {own}", "Host: evil.example"), ("Host: evil.example", f"Host: {own}"), ()):
        request = "\r\n".join(("GET /api/profiles HTTP/1.1", *lines, "Connection: close", "", ""))
        assert raw(client, request.encode()).split(b" ", 2)[1] in (b"400", b"421")
    assert b" 421 " in raw(client, b"GET /api/profiles HTTP/1.0\r\n\r\n").partition(b"\r\n")[0]


def test_an_address_in_the_request_line_does_not_pass_for_a_host(client: Client) -> None:
    own = f"localhost:{client.port}"
    request = f"GET http://{own}/api/profiles HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert raw(client, request.encode()).split(b" ", 2)[1] in (b"400", b"421")


def test_other_origins_are_not_answered(client: Client) -> None:
    port = client.port
    for origin in (f"http://localhost:{port}", f"http://127.0.0.1:{port}"):
        assert client.ask("api/profiles", Origin=origin).status == 200
    for origin in (
        "null",
        "http://evil.example",
        f"http://localhost:{port + 1}",
        f"http://evil.example:{port}",
        "file://",
        "x",
        "http://[",
        "http://a]b",
    ):
        for path in OWN_PATHS:
            answer = client.ask(path, Origin=origin)
            assert answer.status == 403, (origin, path)
            assert_headers(answer)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_what_other_sites_make_a_browser_fetch_is_not_answered(client: Client, site: str) -> None:
    for path in OWN_PATHS:
        assert client.ask(path, Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors", Sec_Fetch_Dest="image").status == 403, path
    assert client.ask("api/profiles", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document").status == 403


def test_a_link_from_another_site_opens_a_page_but_no_frame(client: Client) -> None:
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert client.ask("", **link, Sec_Fetch_Dest="document").status == 200
    assert client.ask("", **link, Sec_Fetch_Dest="iframe").status == 403


def test_another_name_is_answered_once_allowed(tmp_path: Path) -> None:
    with viewer(tmp_path, allowed_hosts=("plopi.example", "proxy.example:8443")) as running:
        client = running.client
        for host in ("plopi.example", f"plopi.example:{client.port}", "proxy.example:8443"):
            assert client.ask("api/profiles", Host=host, Origin=f"https://{host}").status == 200
        for host in (f"proxy.example:{client.port}", "proxy.example", "www.plopi.example"):
            assert client.ask("api/profiles", Host=host).status == 421


def test_the_names_of_a_server_on_port_80() -> None:
    hosts = Hosts.of(["10.0.0.1"], [], 80)
    for name in ("localhost", "localhost:80", "10.0.0.1"):
        hosts.check(name)
    with pytest.raises(Refused):
        hosts.check("10.0.0.1:81")


# --- limits -----------------------------------------------------------------------------------------------------------------


def test_overlong_requests_are_not_taken_in(client: Client) -> None:
    host = f"Host: localhost:{client.port}\r\n".encode()
    assert not raw(client, b"GET / HTTP/1.1\r\n" + host + b"Connection: close\r\nX: " + b"x" * 20_000 + b"\r\n\r\n").startswith(
        b"HTTP/1.1 200"
    )
    body = b"GET /api/profiles HTTP/1.1\r\n" + host + b"Connection: close\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000
    try:
        answer = raw(client, body)
    except ConnectionError:
        answer = b""
    assert not answer.startswith(b"HTTP/1.1 200")
    assert client.ask("api/profiles").status == 200


def test_connections_beyond_the_bound_are_closed_and_room_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a viewer of its own: connections of other tests may not have been closed yet."""
    monkeypatch.setattr(app, "MOST_CONNECTIONS", 5)
    with viewer(tmp_path) as running, contextlib.ExitStack() as ends:
        client = running.client

        def connected() -> socket.socket:
            return ends.enter_context(socket.create_connection((client.host, client.port), 10))

        held = [connected() for _ in range(5)]
        for sock in held:  # those that have asked for nothing would make room
            sock.sendall(f"GET /api/profiles HTTP/1.1\r\nHost: localhost:{client.port}\r\n\r\n".encode())
            assert sock.recv(1)
        with contextlib.suppress(ConnectionResetError):
            assert connected().recv(1) == b""
        for sock in held:
            sock.close()

        def answered() -> bool:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return client.ask("api/profiles").status == 200
            return False

        eventually(answered, "room")


# --- token ------------------------------------------------------------------------------------------------------------------


def test_with_a_token_nobody_gets_anything_without(tmp_path: Path) -> None:
    token = Token.make()
    with viewer(tmp_path, token=token) as running:
        client = running.client
        for path in OWN_PATHS:
            answer = client.ask(path)
            assert answer.status == 401, path
            assert_headers(answer)
            assert token.cookie.encode() not in answer.body
        assert client.ask("live").status == 401


def test_a_login_link_opens_once_and_becomes_a_cookie(tmp_path: Path) -> None:
    with viewer(tmp_path, token=Token.make(), base_url="/x/") as running:
        client, link = running.client, running.urls[0]
        path = "/" + link.split("/", 3)[3]
        first = client.ask(path)
        assert (first.status, first.headers["Location"]) == (303, "/x/")
        assert_headers(first)
        cookie = first.headers["Set-Cookie"]
        assert cookie.startswith(f"plopi-{client.port}=")
        assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Path=/x/"))
        assert client.ask("api/profiles", Cookie=cookie.split(";")[0]).status == 200
        assert client.ask("", Cookie=cookie.split(";")[0]).status == 200

        assert client.ask(path).status == 403, "a link works once"
        assert len(running.urls) == 2, "another one was printed"
        assert client.ask("/" + running.urls[1].split("/", 3)[3]).status == 303


def test_the_bearer_and_nothing_like_it(tmp_path: Path) -> None:
    secret = "0123456789abcdefghijklmnopqrstuvwxyz"
    with viewer(tmp_path, token=Token(secret)) as running:
        client = running.client
        assert client.ask("api/profiles", Authorization=f"Bearer {secret}").status == 200
        for wrong in (secret, f"Bearer {secret}x", f"Bearer {secret[:-1]}", "Bearer ", "Basic " + secret, "Bearer \xe9"):
            assert client.ask("api/profiles", Authorization=wrong).status == 401, wrong
        assert client.ask(f"api/profiles?token={secret}").status == 401, "never in the address"


def test_guessing_is_slowed_down(tmp_path: Path) -> None:
    secret = "0123456789abcdefghijklmnopqrstuvwxyz"
    with viewer(tmp_path, token=Token(secret)) as running:
        statuses = [running.client.ask("api/profiles", Authorization=f"Bearer {i}").status for i in range(12)]
        assert statuses == [401] * 10 + [429] * 2
        assert running.client.ask("login?code=x").status == 429
        assert running.client.ask("api/profiles", Authorization=f"Bearer {secret}").status == 200, "the owner is not locked out"


def test_failures_are_forgotten_after_a_minute_and_peers_bounded() -> None:
    now = 0.0
    limit = RateLimit(most=2, peers=3, clock=lambda: now)
    for _ in range(2):
        limit.failed("a")
    assert limit.blocked("a")
    assert not limit.blocked("b")
    now = 60.1
    assert not limit.blocked("a")
    for peer in "abcdefgh":
        limit.failed(peer)
    assert len(limit._failures) == 3


def test_a_token_file_must_be_private_and_long(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("x" * 40)
    path.chmod(0o644)
    environment = {"PLOPI_TOKEN_FILE": str(path)}
    with pytest.raises(PlopiError, match="chmod 600"):
        parse([], environment)
    path.chmod(0o600)
    config = parse(["--host", "0.0.0.0"], environment)
    assert config.token
    assert config.token.opens("Bearer " + "x" * 40, None)
    path.write_text("short")
    with pytest.raises(PlopiError, match="at least 32"):
        parse([], environment)
    path.unlink()
    with pytest.raises(PlopiError, match="cannot be read"):
        parse([], environment)


def test_other_machines_need_a_token() -> None:
    with pytest.raises(UsageError, match="add --token"):
        parse(["--host", "0.0.0.0"], {})
    assert parse(["--host", "0.0.0.0", "--token"], {}).token
    assert parse(["--host", "::1"], {}).token is None
    assert parse(["--host", "localhost"], {}).token is None


@pytest.mark.parametrize(("text", "clean"), [("", "/"), ("/", "/"), ("x", "/x/"), ("/x", "/x/"), ("/x/y-1/", "/x/y-1/")])
def test_base_urls(text: str, clean: str) -> None:
    assert clean_base_url(text) == clean


@pytest.mark.parametrize("text", ["/x y/", "/<x>/", "/(.*)/", "/../", "//x//y//", "/\u0660/"])
def test_strange_base_urls_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        clean_base_url(text)


def test_under_a_base_url_everything_is_below_it(tmp_path: Path) -> None:
    put(tmp_path / "a.pb.gz", pprof())
    with viewer(tmp_path, base_url="/deep/er/") as running:
        client = running.client
        assert client.url.endswith("/deep/er/")
        for path in ("", "static/css/base.css", "api/profiles"):
            assert client.ask(path).status == 200
            assert client.ask("/" + path).status in (302, 404)
        profile_id = client.settled("a.pb.gz")["id"]
        assert client.view(profile_id).status == 200
        assert client.ask(f"p/{profile_id}/graph").status == 200
        for path in ("/", "/deep/er"):
            assert client.ask(path).headers["Location"] == "/deep/er/"
        assert client.ask(f"p/{profile_id}").headers["Location"] == f"/deep/er/p/{profile_id}/graph"
        assert json.loads(client.ask("api/nothing").body)["error"]


def test_the_header_list_is_complete() -> None:
    assert set(HEADERS) | {"Cache-Control"} == set(EVERY_RESPONSE)
