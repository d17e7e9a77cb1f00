"""What strangers may try: names that want to be markup, in every view; pages of other origins, by every form of the address."""

from __future__ import annotations

import http.server
import io
import itertools
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import CHROMIUM, FLAGS, Opener, Viewer, answer, put, settled

from plopi import formats
from plopi.model import CPU, SAMPLES, About, ProfileBuilder, bounded

PAYLOADS = (
    "<script>pwned=1</script>", "</script><script>pwned=2</script>", "<img src=x onerror=pwned=3>", "\"'`><svg onload=pwned=4>",
    "javascript:pwned=5", "<iframe srcdoc='<script>parent.pwned=6</script>'>", "{{constructor.constructor('pwned=7')()}}",
    "${pwned=8}", "<style>*{display:none}</style>", "</style></title></textarea><b onclick=pwned=9>", "<!--", "-->", "]]>",
    "&lt;b&gt;&#60;", "\u202eexe.yp\u202c", "a\u2028b\u2029c", "\x1b[2J\x07", "__proto__", "constructor", "hasOwnProperty",
    "toString", "%3Cscript%3E", "\\u003cscript\\u003e", "<math><mtext><script>pwned=10</script>",
    "<a href='javascript:pwned=11'>x</a>", "expression(pwned=12)", "url(javascript:pwned=13)", "'; DROP TABLE functions; --",
    "../../../../etc/passwd", "C:\\Windows\\x", "\ufeffbom", "\u0000nul", "W" * 4000, " ", "\t\n", "é́́́́́́́",
    "\U0001d54f" * 50, "<base href='//evil.example/'>", "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<form action='//evil.example'><input name=q>",
)  # fmt: skip
FRAMES = ("{}", "<lambda>{}", "Class.{}.method", "{0}{0}", "x;{};y")
NAMES = [frame.replace("{0}", "{}").replace("{}", payload) for payload, frame in itertools.product(PAYLOADS, FRAMES)]
VIEWS = (
    "graph?nodes=300",
    "graph?layout=force&nodes=60",
    "flame",
    "function?select=0",
    "table",
    "graph?by=module",
    "graph?by=line",
)


def hostile() -> bytes:
    builder = ProfileBuilder((SAMPLES, CPU), About(command=PAYLOADS[2], host=PAYLOADS[0], notes=(PAYLOADS[3],), pid=1))
    for i, name in enumerate(NAMES):
        function = builder.function_id(name, f"/srv/{PAYLOADS[i % len(PAYLOADS)]}/{i}.py", i + 1)
        above = builder.stack_of([builder.location_id(builder.function_id(NAMES[i // 2], "/srv/a.py", 1), 1)])
        leaf = builder.stack_id(above, builder.location_id(function, i + 1))
        window = builder.add_window(i * 10**9, 10**9)
        builder.add_sample(leaf, (1, 10**7 + i), builder.thread_id(PAYLOADS[i % 7], i % 7 + 1), window)
    out = io.BytesIO()
    formats.write(builder.build(), "pprof", out)
    return out.getvalue()


@pytest.fixture
def trap(viewer: Viewer) -> Iterator[str]:
    """A file whose own name is hostile, too."""
    name = "<img src=x onerror=pwned=0>&amp;'\".pb.gz"
    put(viewer.datadir / name, hostile())
    tag, text, view = PAYLOADS[2].replace(",", "")[:40], PAYLOADS[0], {"name": PAYLOADS[3], "path": "graph"}
    kept = json.dumps({"v": 1, "tags": [tag], "notes": text, "views": [view]})
    (viewer.datadir / f"{name}.notes.json").write_text(kept)
    yield name
    for path in viewer.datadir.glob("<img*"):
        path.unlink()


def assert_unharmed(page: Any) -> None:
    assert page.evaluate("typeof pwned") == "undefined"
    assert page.evaluate("window.breaches ?? []") == []
    made = "img[src=x], [onerror], [onload], [onclick], base, math, iframe, a[href^='javascript'], meta[http-equiv=refresh]"
    assert page.locator(made).count() == 0


def test_200_hostile_names_are_text_in_every_view(viewer: Viewer, opened: Opener, trap: str) -> None:
    assert len(NAMES) >= 200
    page = opened()
    page.add_init_script("addEventListener('securitypolicyviolation', (e) => (window.breaches ??= []).push(e.violatedDirective))")
    page.goto(viewer.url)
    page.locator("td.name", has_text="<img src=x onerror=pwned=0>").wait_for()
    assert_unharmed(page)
    profile = viewer.id_of(page, "<img")
    for view in VIEWS:
        page.goto(f"{viewer.url}p/{profile}/{view}")
        page.locator("#view > *").first.wait_for()
        settled(page)
        page.keyboard.press("?")
        page.keyboard.press("Escape")
        page.locator("dialog[open]").wait_for(state="detached")
        assert_unharmed(page)
    for key in ("n", "s"):
        page.keyboard.press(key)
        page.locator("dialog[open]").wait_for()
        assert_unharmed(page)
        page.keyboard.press("Escape")
        page.locator("dialog[open]").wait_for(state="detached")


def test_a_saved_page_of_hostile_names_is_as_harmless(viewer: Viewer, opened: Opener, trap: str, tmp_path: Path) -> None:
    page = opened()
    saved = tmp_path / "saved.html"
    saved.write_bytes(answer(page, f"{viewer.url}api/profiles/{viewer.id_of(page, '<img')}/share?view=graph").body())
    page.goto(saved.as_uri())
    settled(page)
    assert page.locator("#graph .node").count()
    assert_unharmed(page)


def test_names_come_over_whole(viewer: Viewer, opened: Opener, trap: str) -> None:
    """But for the middle of those above 4 kB."""
    page = opened()
    rows = answer(page, f"{viewer.url}api/profiles/{viewer.id_of(page, '<img')}/table?per=500").json()["rows"]
    assert {row["name"] for row in rows} >= {bounded(name) for name in NAMES if "\0" not in name}


# --- other origins ---

HOSTS = (
    "localhost", "127.0.0.1", "LOCALHOST", "localhost.", "127.1", "2130706433", "0x7f.0.0.1", "0.0.0.0", "foo.localhost",
    "evil.example", "127.0.0.1.evil.example", "localhost.evil.example",
)  # fmt: skip
ATTEMPT = """async ({ host, port, path }) => {
  const url = `http://${host}:${port}/`, got = {};
  const read = async (name, how) => {
    try { got[name] = (await (await fetch(url + path, how)).text()).length; } catch { got[name] = 0; }
  };
  await read("plain", {});
  await read("credentials", { credentials: "include" });
  await read("opaque", { mode: "no-cors" });
  const headers = { "Content-Type": "application/json", "If-Match": '""' };
  await read("put", { method: "PUT", headers, body: '{"v":1,"tags":["owned"]}' });
  await read("post", { method: "POST", mode: "no-cors", body: "{}" });
  const load = (tag, attribute) => new Promise((done) => {
    const element = document.createElement(tag);
    element.onload = () => done(1); element.onerror = () => done(0);
    element[attribute] = url + (tag === "script" ? "static/js/state.js" : path);
    document.body.append(element); setTimeout(() => done(0), 1500);
  });
  [got.script, got.image] = await Promise.all([load("script", "src"), load("img", "src")]);
  got.socket = await new Promise((done) => {
    let socket; try { socket = new WebSocket(`ws://${host}:${port}/live`); } catch { return done(0); }
    socket.onmessage = () => done(1); socket.onerror = socket.onclose = () => done(0); setTimeout(() => done(0), 1500);
  });
  const frame = document.createElement("iframe"); frame.src = url; document.body.append(frame);
  await new Promise((done) => { frame.onload = done; setTimeout(done, 1500); });
  try { got.frame = Number(frame.contentDocument.body.textContent.includes("plopi")); } catch { got.frame = 0; }
  return got;
}"""


@pytest.fixture
def evil() -> Iterator[int]:
    """The port of a page of another origin."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>evil</title><body>evil")

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield int(server.server_address[1])
    server.shutdown()


def test_pages_of_other_origins_read_nothing_and_change_nothing(viewer: Viewer, browser: Any, evil: int) -> None:
    from playwright.sync_api import Error

    chromium = next(filter(None, map(shutil.which, CHROMIUM)))
    mine = int(viewer.url.rsplit(":", 1)[1].strip("/"))
    running = browser.browser_type.launch(
        executable_path=chromium, args=[*FLAGS, "--host-resolver-rules=MAP *.example 127.0.0.1"]
    )
    try:
        page = running.new_page()
        ids = page.request.get(f"{viewer.url}api/profiles").json()["profiles"]
        path = f"api/profiles/{ids[0]['id']}/notes"
        page.goto(f"http://evil.example:{evil}/")
        for host in HOSTS:
            got = page.evaluate(ATTEMPT, {"host": host, "port": mine, "path": path})
            assert not any(got.values()), (host, got)
        for host in HOSTS[3:]:  # a rebound name: the page's own origin is the viewer's port
            try:
                answer = page.goto(f"http://{host}:{mine}/api/profiles")
            except Error:
                continue
            assert answer.status == 421 or page.url.startswith("http://127.0.0.1:"), host
        assert not list(viewer.datadir.glob("*.notes.json"))
    finally:
        running.close()
