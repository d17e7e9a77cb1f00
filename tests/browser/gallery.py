"""Every view at every width in both themes, to be looked at:  PYTHONPATH=. python tests/browser/gallery.py OUT [NAME...]

Profiles are the demo's and made-up ones (flat, cyclic, wide, in threads, a million boxes, growing, broken). OUT gets one PNG per
scene, width and theme; a narrow window, which scrolls, is also shot whole. NAMEs choose:
beginnings of scenes' names, widths, themes; files are further profiles for the list.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any

from conftest import DEADLINE, FLAGS, PROFILES, Viewer, put, recording, start_viewer
from playwright.sync_api import Error, sync_playwright

from plopi import formats
from plopi.model import CPU, NONE, SAMPLES, About, Profile, ProfileBuilder

SIZES = {400: 800, 1280: 800, 2560: 1300}
THEMES = ("light", "dark")
MS = 1_000_000


def builder(command: str) -> ProfileBuilder:
    return ProfileBuilder((SAMPLES, CPU), About(command=command, python="3.11", engine="native", mode="cpu", complete=True))


def add(rows: ProfileBuilder, stack: list[str], milliseconds: int, thread: int = NONE, window: int = NONE) -> None:
    """``["pkg.mod:Class.name", ...]``, root first."""

    def location(name: str) -> int:
        module, _, function = name.rpartition(":")
        line = 10 + sum(map(ord, function)) % 300
        file = f"/srv/app/{(module or 'main').replace('.', '/')}.py"
        return rows.location_id(rows.function_id(function, file, line), line + 1)

    leaf = rows.stack_of(map(location, stack))
    rows.add_sample(leaf, (max(1, milliseconds // 10), milliseconds * MS), thread, window)


def flat(chance: random.Random) -> Profile:
    """Three roots, sixty functions of about equal weight, everybody calls everybody."""
    rows = builder("python flat.py")
    roots = [f"jobs.{name}:run_{name}" for name in ("import", "export", "report")]
    for i in range(60):
        for root in roots:
            add(rows, [root, f"app.step{i % 7}:Step.handle_{i:02}"], chance.randint(20, 60))
    return rows.build()


def cycles(chance: random.Random) -> Profile:
    """A recursive descent: eight functions that all call each other."""
    rows = builder("python parse.py")
    names = [f"parser.grammar:Parser.{name}" for name in ("expr", "term", "factor", "call", "args", "atom", "lambda_", "compare")]
    for _ in range(400):
        middle = chance.choices(names, k=chance.randint(2, 9))
        last = chance.choice(["parser.lexer:next_token", names[0]])
        add(rows, ["parser.main:main", "parser.main:parse_file", *middle, last], 10)
    return rows.build()


def service(seed: int, slower: float = 1.0) -> Profile:
    """A minute of a service in twelve threads; rendering may be slower."""
    chance = random.Random(seed)
    rows = builder("python -m service --workers 12")
    ids = [rows.thread_id(f"worker-{i}", 1000 + i) for i in range(12)]
    work = [
        "db.query:Query.fetch_all",
        "json.encoder:Encoder.iterencode",
        "render.template:Template.render",
        "auth.tokens:verify",
    ]
    for second in range(60):
        window = rows.add_window(second * 1000 * MS, 1000 * MS)
        for thread in ids:
            if chance.random() < 0.7:
                for task in work:
                    amount = chance.randint(5, 60)
                    if task.startswith("render"):
                        amount = int(amount * slower)
                    leaf = ["service.app:serve", "service.app:Handler.dispatch", f"service.views:view_{thread % 4}", task]
                    add(rows, leaf, amount, thread, window)
    return rows.build()


def million(chance: random.Random, boxes: int = 1_000_000) -> Profile:
    """A tree of stacks of a million boxes, nearly all of them narrow."""
    rows = builder("python huge.py")
    places = [
        rows.location_id(rows.function_id(f"Class{i % 97}.method{i}", f"/srv/app/pkg{i % 12}/mod{i % 50}.py", i % 900), 0)
        for i in range(3000)
    ]
    callees = [[min(int(chance.paretovariate(0.3)), 3000) - 1 for _ in range(4)] for _ in range(3000)]
    while len(rows.stack_parent) < boxes:
        function, stack = 0, NONE
        for _ in range(chance.randint(10, 60)):
            stack = rows.stack_id(stack, places[function])
            function = chance.choice(callees[function]) if chance.random() < 0.9 else chance.randrange(3000)
        rows.add_sample(stack, (1, chance.randint(1, 20 * MS)))
    return rows.build()


def written(profile: Profile) -> bytes:
    out = BytesIO()
    formats.write(profile, "pprof", out)
    return out.getvalue()


def fill(datadir: Path, others: list[Path]) -> None:
    for file in (*PROFILES.iterdir(), *others):
        put(datadir / file.name, file.read_bytes())
    put(datadir / "flat.pb.gz", written(flat(random.Random(1))))
    put(datadir / "cycles.pb.gz", written(cycles(random.Random(2))))
    put(datadir / "service-monday.pb.gz", written(service(3)))
    put(datadir / "service-tuesday.pb.gz", written(service(4, slower=1.8)))
    put(datadir / "huge.pb.gz", written(million(random.Random(5))))
    put(datadir / "broken.pstats", b"this is no profile\n")
    put(datadir / "cut-off.pb.gz", (PROFILES / "busy-server.pb.gz").read_bytes()[:4000])


def grow(datadir: Path) -> None:
    """A recording of this process, which lives."""
    started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    growing = recording(datadir, "live-server", os.getpid(), started)
    chance = random.Random(6)
    for _ in range(8):
        growing.add(*((f"main;serve;handle;{chance.choice('abcdef')}_task;{chance.choice('uvw')}_step", 40) for _ in range(12)))


@dataclass(frozen=True)
class Scene:
    """A page to be shot: where, and what to do there first."""

    name: str
    file: str
    path: str = "graph"
    ready: str = "#graph[data-ready]"
    act: Callable[[Any], None] = lambda page: None
    base: str = ""


FLAME = "#flame[data-ready]"
FUNCTION = ".function-page .numbers-part h2"
ROWS = ".table-scroller .body .row .name"


def click(selector: str, then: str = "") -> Callable[[Any], None]:
    def act(page: Any) -> None:
        page.locator(selector).first.click()
        if then:
            page.wait_for_selector(then)

    return act


def press(key: str, then: str = "dialog[open]") -> Callable[[Any], None]:
    def act(page: Any) -> None:
        page.keyboard.press(key)
        page.wait_for_selector(then)

    return act


def pick(*names: str) -> Callable[[Any], None]:
    def act(page: Any) -> None:
        for name in names:
            page.locator(f'tr:has(a:text-is("{name}")) td.pick input').check()

    return act


def offline(view: str, ready: str) -> Callable[[Any], None]:
    """Saves the view as one file and opens that from the disk."""

    def act(page: Any) -> None:
        profile = page.url.split("/")[-2]
        answer = page.request.get(page.url.split("/p/")[0] + f"/api/profiles/{profile}/share?view={view}")
        with tempfile.NamedTemporaryFile("wb", suffix=".html") as file:
            file.write(answer.body())
            file.flush()
            page.goto(f"file://{file.name}")
            page.wait_for_selector(ready)

    return act


def nothing_there(page: Any) -> None:
    """The list of an empty directory."""
    nothing = {
        "v": 1,
        "datadir": "profiles",
        "problem": None,
        "unread": 0,
        "revision": 1,
        "total": 0,
        "shown": 0,
        "page": 1,
        "pages": 0,
    }
    page.route("**/api/profiles?*", lambda route: route.fulfill(json={**nothing, "profiles": []}))
    page.reload()
    page.wait_for_selector(".empty")


def unread(page: Any) -> None:
    """As it looks while a large profile is read."""
    pending = {"v": 1, "error": {"message": "reading"}, "pending": {"stage": "parsing", "done": 3, "size": 10}}
    page.route("**/graph?*", lambda route: route.fulfill(status=503, json=pending))
    page.reload()
    page.wait_for_selector("#message progress")


def heaviest(page: Any, name: str) -> None:
    """Goes to the page of a function by its name."""
    page.wait_for_selector(ROWS)
    page.locator(f'{ROWS} a:text-is("{name}")').first.click()
    page.wait_for_selector(FUNCTION)


def function(name: str) -> Callable[[Any], None]:
    return lambda page: heaviest(page, name)


SCENES = [
    Scene("index", "", "", "table.profiles"),
    Scene("index-picked", "", "", "table.profiles", pick("service-monday", "service-tuesday")),
    Scene("index-help", "", "", "table.profiles", press("?")),
    Scene("index-empty", "", "", "table.profiles", nothing_there),
    Scene("index-none", "", "?q=nothing-like-that", ".empty"),
    Scene("graph-busy", "busy-server"),
    Scene("graph-busy-force", "busy-server", "graph?layout=force"),
    Scene("graph-busy-selected", "busy-server", "graph", act=click("#functions tbody tr", "#details h2")),
    Scene("graph-busy-hot", "busy-server", "graph?hot=on"),
    Scene("graph-real", "pydoc"),
    Scene("graph-real-force", "pydoc", "graph?layout=force"),
    Scene("graph-module", "pydoc", "graph?by=module"),
    Scene("graph-flat", "flat"),
    Scene("graph-flat-force", "flat", "graph?layout=force"),
    Scene("graph-cycles", "cycles"),
    Scene("graph-cycles-force", "cycles", "graph?layout=force"),
    Scene("graph-threads", "service-monday", act=click(".timeline .links button:text('by thread')", ".timeline .thread")),
    Scene("graph-diff", "service-tuesday", "graph?base=BASE", base="service-monday"),
    Scene("graph-filters", "busy-server", "graph?focus=handle&ignore=gc&hide=run&time=2-6"),
    Scene("graph-growing", "live-server"),
    Scene("graph-small", "example-program.plop"),
    Scene("graph-help", "busy-server", act=press("?")),
    Scene("graph-notes", "busy-server", act=press("n")),
    Scene("graph-share", "busy-server", act=press("s")),
    Scene("graph-menu", "busy-server", act=lambda page: page.locator("#graph .node").nth(3).click(button="right")),
    Scene("graph-offline", "busy-server", act=offline("graph", "#graph[data-ready]")),
    Scene("graph-loading", "busy-server", act=unread),
    Scene("flame-offline", "busy-server", "flame", FLAME, offline("flame", FLAME)),
    Scene("flame-busy", "busy-server", "flame", FLAME),
    Scene("flame-inverted", "busy-server", "flame?inverted=1", FLAME),
    Scene("flame-found", "busy-server", "flame?q=json", FLAME),
    Scene("flame-diff", "service-tuesday", "flame?base=BASE", FLAME, base="service-monday"),
    Scene("flame-million", "huge", "flame", FLAME),
    Scene("flame-pstats", "pydoc", "flame", "#message:not([hidden])"),
    Scene("function-busy", "busy-server", "table", ROWS, function("best_sellers")),
    Scene("function-dump", "pydoc", "table", ROWS, function("markup")),
    Scene("function-diff", "service-tuesday", "table?base=BASE", ROWS, function("Handler.dispatch"), base="service-monday"),
    Scene("function-recursive", "cycles", "table", ROWS, function("Parser.expr")),
    Scene("function-none", "busy-server", "function", "#message:not([hidden]), .function-page, .function-view p"),
    Scene("table-busy", "busy-server", "table", ROWS),
    Scene("table-dump", "pydoc", "table", ROWS),
    Scene("table-diff", "service-tuesday", "table?base=BASE", ROWS, base="service-monday"),
    Scene("table-nothing", "busy-server", "table?q=nothing-like-that", ".none"),
    Scene("broken", "broken", "graph", "#message:not([hidden])"),
    Scene("nothing-left", "busy-server", "graph?focus=nothing-like-that", "#message:not([hidden])"),
    Scene("bad-pattern", "busy-server", "graph?focus=(", "#chips .not-applied"),
    Scene("gone", "!ffffffffffff", "graph", ".error-page"),
]


def shoot(context: Any, url: str, scene: Scene, stem: Path, narrow: bool) -> str:
    """@returns why it could not be shot, or nothing."""
    page = context.new_page()
    page.set_default_timeout(DEADLINE * 1000)
    try:
        page.goto(url)
        page.wait_for_selector(scene.ready)
        scene.act(page)
        page.mouse.move(page.viewport_size["width"] - 3, 3)
        page.wait_for_timeout(350)
        page.screenshot(path=f"{stem}.png")
        if narrow:
            page.screenshot(path=f"{stem}-page.png", full_page=True)
    except Error as error:  # the next scene is worth a picture all the same
        page.screenshot(path=f"{stem}-FAULT.png")
        return f"{stem.name}: {error.message.splitlines()[0]}"
    finally:
        page.close()
    return ""


def shoot_all(browser: Any, viewer: Viewer, out: Path, wanted: list[str]) -> list[str]:
    sizes = {width: height for width, height in SIZES.items() if str(width) in wanted} or SIZES
    themes = [theme for theme in THEMES if theme in wanted] or THEMES
    names = tuple(name for name in wanted if name not in (*THEMES, *map(str, SIZES)))
    scenes = [scene for scene in SCENES if not names or scene.name.startswith(names)]
    scout = browser.new_page()
    files = {file for scene in scenes for file in (scene.file, scene.base) if file}
    ids = {file: file[1:] if file.startswith("!") else viewer.id_of(scout, file) for file in files}
    faults = []
    for (width, height), theme in product(sizes.items(), themes):
        size = {"width": width, "height": height}
        context = browser.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce")
        for scene in scenes:
            path = f"p/{ids[scene.file]}/{scene.path}" if scene.file else scene.path
            url = viewer.url + path.replace("BASE", ids.get(scene.base, ""))
            faults.append(shoot(context, url, scene, out / f"{scene.name}-{width}-{theme}", width < 760))
        context.close()
    return list(filter(None, faults))


def main(arguments: list[str]) -> int:
    out, *wanted = arguments
    Path(out).mkdir(parents=True, exist_ok=True)
    others = [Path(file) for file in wanted if Path(file).is_file()]
    wanted = [name for name in wanted if not Path(name).is_file()]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        fill(Path(folder), others)
        grow(Path(folder))
        viewer = start_viewer(Path(folder))
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            faults = shoot_all(browser, viewer, Path(out), wanted)
        finally:
            browser.close()
            viewer.process.terminate()
            viewer.process.wait()
    print("\n".join(faults) or "all shot")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
