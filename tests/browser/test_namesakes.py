"""A comparison of one thread where several have its name: the page says which stands for which."""

from __future__ import annotations

from conftest import Opener, Viewer, put, settled

from plopi.formats import write
from plopi.model import CPU, ProfileBuilder


def pool(viewer: Viewer, name: str, *weights: int) -> None:
    rows = ProfileBuilder((CPU,))
    work = rows.stack_of([rows.location_id(rows.function_id("work", "a.py", 1), 1)])
    for ident, weight in enumerate(weights):
        rows.add_sample(work, (weight,), rows.thread_id("worker", ident + 1))
    path = viewer.datadir / name
    with path.open("wb") as out:
        write(rows.build(), "pprof", out)
    put(path, path.read_bytes())


def test_which_thread_stands_for_which(viewer: Viewer, opened: Opener) -> None:
    pool(viewer, "pool-then.pb.gz", 10, 20)
    pool(viewer, "pool-now.pb.gz", 30, 40, 50)
    page = opened()
    then, now = (viewer.id_of(page, f"pool-{name}.pb.gz") for name in ("then", "now"))
    page.goto(f"{viewer.url}p/{now}/table?base={then}&scale=absolute&thread=1")
    settled(page)
    assert page.inner_text(".namesake") == "thread 2 of 3 of this name with 2 of 2"
    assert page.locator("select[aria-label=Thread] option").all_text_contents()[1:] == ["worker (1)", "worker (2)", "worker (3)"]
    page.select_option("select[aria-label=Thread]", "")
    settled(page)
    assert page.locator(".namesake").count() == 0
    page.select_option("select[aria-label=Thread]", "2")
    settled(page)
    assert "only 2 threads" in page.inner_text("#message")
    for name in ("then", "now"):
        (viewer.datadir / f"pool-{name}.pb.gz").unlink()
