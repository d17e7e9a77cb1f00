"""What lies in the data directory, good and bad, and what the viewer says of it."""

from __future__ import annotations

import gzip
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Client, Running, eventually, pprof, put, viewer

from plopi.model import About
from plopi.viewer.handlers import api
from plopi.viewer.readers.bounds import Bounds

MARSHAL_KILLER = b"{\xa9\x01r\x00\x00\x00\x00N0"
"""Ten bytes of a pstats file that end any process which calls marshal.loads on them."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with viewer(tmp_path_factory.mktemp("profiles"), Bounds(file_size=2**20)) as running:
        yield running


@pytest.fixture
def client(running: Running) -> Iterator[Client]:
    """A viewer on a directory that is empty at first."""
    yield running.client
    for path in running.datadir.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    eventually(lambda: running.client.index()["total"] == 0, "the directory being seen empty")


def local(pid: int, start: str = "") -> About:
    return About(host=socket.gethostname(), pid=pid, process_start=start, command="python app.py")


def kernel_start(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def test_a_profile_is_listed_with_what_it_says_of_itself(running: Running, client: Client) -> None:
    about = About(
        command="python app.py --fast", host="elsewhere", pid=7, python="3.13.0", engine="python", mode="cpu",
        started_ns=1_700_000_000 * 10**9, duration_ns=5 * 10**9, notes=("timer refused",),
    )  # fmt: skip
    put(running.datadir / "app-20260101-120000-7.pb.gz", pprof("main;work", "main", about=about))
    row = client.settled("app-20260101-120000-7")
    assert {name: row[name] for name in ("status", "reason", "format", "shape", "samples", "command", "host", "pid", "mode")} == {
        "status": "finished", "reason": None, "format": "pprof", "shape": "stacks", "samples": 2,
        "command": "python app.py --fast", "host": "elsewhere", "pid": 7, "mode": "cpu",
    }  # fmt: skip
    assert (row["duration_ns"], row["started_ns"]) == (5 * 10**9, 1_700_000_000 * 10**9)
    assert row["notes"] == ["timer refused"]
    assert row["alive"] is None, "nothing is known of other machines' processes"
    assert row["sample_types"] == [{"name": "samples", "unit": "count"}, {"name": "cpu", "unit": "nanoseconds"}]


def test_a_recording_keeps_its_id_and_gets_new_revisions_until_it_goes(running: Running, client: Client) -> None:
    me = os.getpid()
    part = put(running.datadir / f"svc-20260101-120000-{me}.pb.part", pprof("a", about=local(me, kernel_start(me))))
    growing = client.settled(part.name)
    assert (growing["status"], growing["samples"], growing["alive"]) == ("growing", 1, True)
    assert growing["rss"] > 2**20

    put(part, pprof("a", "a;b", about=local(me, kernel_start(me))), age=30)
    grown = eventually(lambda: (row := client.row(part.name)) and row["samples"] == 2 and row, "the growth")
    assert grown["id"] == growing["id"]
    assert grown["revision"] != growing["revision"]

    put(part.with_name(part.name.replace(".pb.part", ".pb.gz")), pprof("a", "a;b", "c", about=local(me, kernel_start(me))))
    part.unlink()
    finished = eventually(lambda: (row := client.row(growing["name"])) and row["samples"] == 3 and row, "the end")
    assert (finished["id"], finished["status"]) == (growing["id"], "finished")

    (running.datadir / finished["file"]).unlink()
    eventually(lambda: client.row(growing["name"]) is None, "the row going")
    assert client.ask(f"api/profiles/{growing['id']}").status == 404
    assert client.ask(f"api/profiles/{growing['id']}/graph").status == 404


def test_a_recording_that_is_finished_stays_read(running: Running, client: Client) -> None:
    part = put(running.datadir / "x.pb.part", pprof("a", about=About(host="elsewhere")), age=5)
    assert client.settled("x.pb.part")["status"] == "growing"
    put(part.with_suffix(".gz"), pprof("a", "b"))
    part.unlink()
    said = set()

    def finished() -> bool:
        row = client.row("x")
        said.add((row["status"], row["samples"]))
        return bool(row["samples"] == 2)

    eventually(finished, "the finished file being read")
    assert said <= {("growing", 1), ("finished", 2)}, "what was known before the end is not called finished"


def test_both_files_of_a_recording_are_one_profile(running: Running, client: Client) -> None:
    """As when the process is killed between putting the finished file in place and taking the other away."""
    put(running.datadir / "x.pb.part", pprof("a"))
    put(running.datadir / "x.pb.gz", pprof("a", "b"))
    row = client.settled("x")
    assert (client.index()["total"], row["file"], row["samples"]) == (1, "x.pb.gz", 2)
    (running.datadir / "x.pb.gz").unlink()
    eventually(lambda: client.row("x")["file"] == "x.pb.part", "the other file being all there is")


def test_whoever_does_not_wait_is_told_how_far_it_has_come(
    running: Running, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "PATIENCE", 0.001)
    path = put(running.datadir / "slow.folded", slow_folded(20_000))
    profile_id = eventually(lambda: client.row("slow.folded"), "the listing")["id"]
    answer = client.ask(f"api/profiles/{profile_id}/graph")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "1"
    assert set(answer.json["pending"]) == {"stage", "done", "size", "ahead"}
    assert answer.json["pending"]["size"] == path.stat().st_size
    assert client.view(profile_id).json["total"] == 20_000


def test_a_recording_whose_process_has_died_has_ended(running: Running, client: Client) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        part = put(running.datadir / f"x-{process.pid}.pb.part", pprof(about=local(process.pid, kernel_start(process.pid))))
        assert client.settled(part.name)["status"] == "growing"
        before = client.index()["revision"]
        process.kill()
    ended = eventually(lambda: (row := client.row(part.name)) and row["status"] == "ended" and row, "the end being noticed")
    assert ended["alive"] is False
    assert ended["samples"] == 1, "what was flushed is shown"
    assert client.index()["revision"] > before


def test_a_reused_pid_is_not_taken_for_the_process(running: Running, client: Client) -> None:
    part = put(running.datadir / "x.pb.part", pprof(about=local(os.getpid(), "123")))
    assert client.settled(part.name)["status"] == "ended"


def test_a_recording_of_another_machine_grows_while_it_is_fresh(running: Running, client: Client) -> None:
    put(running.datadir / "fresh.pb.part", pprof(about=About(host="elsewhere", pid=1)), age=5)
    put(running.datadir / "old.pb.part", pprof(about=About(host="elsewhere", pid=1)), age=3600)
    assert client.settled("fresh.pb.part")["status"] == "growing"
    assert client.settled("old.pb.part")["status"] == "ended"


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_link_out(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def make_link_within(path: Path) -> None:
    put(path.parent / "target.pb.gz", pprof())
    path.symlink_to("target.pb.gz")


def make_dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def make_loop(path: Path) -> None:
    path.symlink_to(path.name)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


BAD = {
    "fifo.pb.gz": (make_fifo, "pipe"),
    "link.pb.gz": (make_link_out, "symbolic link"),
    "within.pb.gz": (make_link_within, "symbolic link"),
    "dangling.pb.gz": (make_dangling, "symbolic link"),
    "loop.pb.gz": (make_loop, "symbolic link"),
    "socket.pb.gz": (make_socket, "socket"),
    "empty.pb.gz": (lambda path: put(path, b""), "empty"),
    "garbage.pb.gz": (lambda path: put(path, os.urandom(5000)), ""),
    "text.txt": (lambda path: put(path, b"not a profile at all\n"), ""),
    "evil.pstats": (lambda path: put(path, MARSHAL_KILLER), ""),
    "cut.pb.gz": (lambda path: put(path, pprof()[:-10]), "ends early"),
    "bomb.pb.gz": (lambda path: put(path, gzip.compress(bytes(300 * 2**20), 9)), "bytes hold more than"),
    "bomb2.pb.gz": (lambda path: put(path, gzip.compress(gzip.compress(bytes(2**26), 9))), "twice"),
    "large.pb": (lambda path: put(path, b"\n" * (2**20 + 1)), "--max-file-size"),
    "nul.folded": (lambda path: put(path, b"a;b\x00 1\n\xff\xfe;c 2\n" * 3 + b"\x00"), ""),
}


def test_bad_files_are_shown_with_the_reason_and_spoil_nothing(running: Running, client: Client) -> None:
    put(running.datadir / "good.pb.gz", pprof())
    for name, (make, _) in BAD.items():
        make(running.datadir / name)
    (running.datadir / "directory.pb.gz").mkdir()
    (running.datadir / ".hidden").write_bytes(b"x")
    rows = eventually(
        lambda: (index := client.index(per="200")) and not index["unread"] and {row["file"]: row for row in index["profiles"]},
        "all files being looked at",
    )
    assert set(rows) == {"good.pb.gz", "target.pb.gz", *BAD}
    assert rows["good.pb.gz"]["status"] == "finished"
    for name, (_, reason) in BAD.items():
        row = rows[name]
        assert row["status"] == "broken", row
        assert reason in row["reason"], row
        for view in ("graph", "table", "function/0"):
            answer = client.ask(f"api/profiles/{row['id']}/{view}")
            assert answer.status == 422, (name, answer.status, answer.body)
            assert row["reason"] in answer.message
    assert client.view(rows["good.pb.gz"]["id"]).status == 200


def test_a_name_that_is_no_utf8_is_shown_escaped(running: Running, client: Client) -> None:
    name = os.fsencode(running.datadir) + b"/caf\xe9 <script>\x1b[31m\n.pb.gz"
    with open(name, "wb") as file:
        file.write(pprof())
    row = eventually(lambda: (rows := client.index()["profiles"]) and rows[0]["status"] == "finished" and rows[0], "its reading")
    assert row["file"] == "caf\\xe9 <script>\x1b[31m\n.pb.gz"
    assert client.view(row["id"]).json["total"] == 10_000_000


def test_a_half_written_file_is_not_called_broken_at_once(running: Running, client: Client) -> None:
    whole = pprof("main;work")
    path = running.datadir / "copy.pb.gz"
    path.write_bytes(whole[: len(whole) // 2])
    seen = eventually(lambda: client.row("copy.pb.gz"), "its being listed")
    assert seen["status"] == "unread"
    graph = client.ask(f"api/profiles/{seen['id']}/graph")
    assert graph.status == 503
    assert graph.json["pending"]["stage"] in ("settling", "queued", "reading", "unpacking", "parsing")
    path.write_bytes(whole)
    assert client.settled("copy.pb.gz")["status"] == "finished"


def test_a_half_written_file_that_stays_so_is_broken(running: Running, client: Client) -> None:
    (running.datadir / "torn.pb.gz").write_bytes(pprof()[:40])
    row = client.settled("torn.pb.gz")
    assert row["status"] == "broken"
    assert client.ask(f"api/profiles/{row['id']}/graph").status == 422
    put(running.datadir / "torn.pb.gz", pprof())
    eventually(lambda: client.row("torn.pb.gz")["status"] == "finished", "the mended file being read")


def test_a_replaced_file_is_read_again(running: Running, client: Client) -> None:
    path = put(running.datadir / "a.pb.gz", pprof("one"))
    row = client.settled("a.pb.gz")
    first = client.view(row["id"]).json
    other = put(running.datadir / "b.tmp", pprof("one", "two", "two"), age=40)
    other.replace(path)
    second = eventually(
        lambda: (now := client.view(row["id"]).json) and now["revision"] != first["revision"] and now, "the new content"
    )
    assert (first["total"], second["total"]) == (10_000_000, 30_000_000)


def test_files_replaced_all_the_time_are_never_shown_in_part(running: Running, client: Client) -> None:
    path, other = running.datadir / "a.pb.gz", running.datadir / ".other"
    versions = [pprof(*["f"] * count) for count in range(1, 30)]
    put(path, versions[0])
    profile_id = client.settled("a.pb.gz")["id"]
    totals = set()
    until = time.monotonic() + 4
    while time.monotonic() < until:
        for version in versions:
            other.write_bytes(version)
            other.replace(path)
            time.sleep(0.005)
        answer = client.ask(f"api/profiles/{profile_id}/graph")
        assert answer.status in (200, 503), answer.body
        if answer.status == 200:
            totals.add(answer.json["total"])
    assert totals, "it was never shown at all"
    assert totals <= {count * 10_000_000 for count in range(1, 30)}


def test_a_directory_that_comes_goes_and_comes_back(tmp_path: Path) -> None:
    datadir = tmp_path / "later"
    with viewer(datadir) as running:
        index = running.client.index()
        assert index["total"] == 0
        assert "does not exist yet" in index["problem"]
        datadir.mkdir()
        put(datadir / "a.pb.gz", pprof())
        assert running.client.settled("a.pb.gz")["status"] == "finished"
        assert running.client.index()["problem"] is None
        shutil.rmtree(datadir)
        eventually(lambda: running.client.index()["problem"], "the loss being noticed")
        assert running.client.index()["total"] == 0


def workers_of_this_process() -> list[int]:
    """The reader processes that the viewer in this very process has started."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1]) if entry.name.isdigit() else 0
            if parent == os.getpid() and b"plopi.viewer.readers.worker" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def slow_folded(stacks: int = 300_000) -> bytes:
    """Some MB of honest but tedious text: every stack another."""
    return b"".join(b"main;f%d;g%d;h%d 1\n" % (i, i * 7, i * 11) for i in range(stacks))


def test_a_file_that_takes_too_much_cpu_is_given_up(tmp_path: Path) -> None:
    with viewer(tmp_path, Bounds(cpu_seconds=0)) as running:
        put(tmp_path / "slow.folded", slow_folded())
        put(tmp_path / "good.pb.gz", pprof())
        row = running.client.settled("slow.folded")
        assert row["status"] == "broken"
        assert "CPU time" in row["reason"]
        assert running.client.settled("good.pb.gz")["status"] == "finished"


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with viewer(tmp_path, Bounds(wall_seconds=0.3)) as running:
        put(tmp_path / "slow.folded", slow_folded())
        row = running.client.settled("slow.folded")
        assert row["status"] == "broken"
        assert "0.3 s" in row["reason"]


def test_a_file_that_takes_too_much_memory_is_given_up(tmp_path: Path) -> None:
    with viewer(tmp_path, Bounds(memory=160 * 2**20)) as running:
        put(tmp_path / "slow.folded", slow_folded())
        row = running.client.settled("slow.folded")
        assert row["status"] == "broken"
        assert "memory" in row["reason"]


def test_a_killed_worker_is_replaced_and_its_file_read_after_all(tmp_path: Path) -> None:
    with viewer(tmp_path) as running:
        put(tmp_path / "slow.folded", slow_folded(60_000))
        profile_id = eventually(lambda: running.client.row("slow.folded"), "the listing")["id"]
        assert running.client.ask(f"api/profiles/{profile_id}").status == 200
        for pid in eventually(workers_of_this_process, "workers"):
            os.kill(pid, signal.SIGKILL)
        answer = running.client.view(profile_id)
        assert (answer.status, answer.json["total"]) == (200, 60_000)
        assert running.client.settled("slow.folded")["samples"] == 60_000


def test_nothing_is_left_running_afterwards(tmp_path: Path) -> None:
    with viewer(tmp_path) as running:
        put(tmp_path / "a.pb.gz", pprof())
        running.client.settled("a.pb.gz")
        assert workers_of_this_process()
    assert not workers_of_this_process()


def test_the_workers_are_confined(tmp_path: Path) -> None:
    def confined(pid: int) -> bool:
        """Or not yet: it is while it starts."""
        status, limits = Path(f"/proc/{pid}/status").read_text(), Path(f"/proc/{pid}/limits").read_text()
        wanted = ("Max address space         4294967296", "Max core file size        0", "Max open files            32")
        return "NoNewPrivs:\t1" in status and all(limit in limits for limit in wanted)

    with viewer(tmp_path) as running:
        put(tmp_path / "a.pb.gz", pprof())
        running.client.settled("a.pb.gz")
        eventually(lambda: (pids := workers_of_this_process()) and all(map(confined, pids)), "all workers being confined")


def test_landlock_and_limits_hold_in_the_sandbox_itself(tmp_path: Path) -> None:
    """What a file that has taken a worker over could do."""
    (tmp_path / "secret").write_text("x")
    code = (
        "import os, socket, sys; from plopi.viewer.readers import sandbox\n"
        "sandbox.limit(2**30, 2**20, 100); had = sandbox.renounce([sys.prefix, sys.base_prefix])\n"
        "def attempt(what, *arguments):\n"
        "    try: what(*arguments); return 'done'\n"
        "    except PermissionError: return 'refused'\n"
        "print('landlock' in had, attempt(open, sys.argv[1]), attempt(open, sys.argv[1], 'w'),\n"
        "  attempt(os.truncate, sys.argv[1], 0), attempt(os.kill, os.getppid(), 0),\n"
        "  attempt(socket.create_connection, ('127.0.0.1', int(sys.argv[2]))))\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", code, str(tmp_path / "secret"), str(server.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    had, reading, writing, cutting, signalling, connecting = done.stdout.split()
    if had != "True":
        pytest.skip("this kernel has no Landlock")
    assert (reading, writing, cutting) == ("refused", "refused", "refused")
    release = tuple(int(part) for part in platform.release().split(".")[:2])
    if release >= (6, 12):
        assert (connecting, signalling) == ("refused", "refused")


def test_no_file_makes_a_worker_import_anything() -> None:
    code = (
        "import io, pathlib, sys\n"
        "from plopi import formats\n"
        "from plopi.viewer import payloads\n"
        "from plopi.viewer.analysis import prepare\n"
        "from plopi.viewer.readers import columns, worker\n"
        "worker._import_all()\n"
        "before = {*sys.modules}\n"
        "for path in map(pathlib.Path, sys.argv[1:]):\n"
        "    profile = formats.read(path.read_bytes(), path.name)\n"
        "    payloads.summary(profile), payloads.details(profile)\n"
        "    columns.encode(profile, {}, io.BytesIO(), prepare(profile))\n"
        "print(*{*sys.modules} - before)\n"
    )
    root = Path(__file__).parents[2]
    every = [str(path) for path in (root / "demo/profiles").iterdir()]
    assert {Path(path).suffix for path in every} >= {".gz", ".folded", ".plop", ".json", ".pstats"}
    done = subprocess.run([sys.executable, "-c", code, *every], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.split() == []


def test_the_crc_of_a_finished_recording_is_held(running: Running, client: Client) -> None:
    raw = zlib.decompress(pprof("main;work"), wbits=31)
    wrong = bytearray(gzip.compress(raw))
    wrong[-8] ^= 1
    put(running.datadir / "wrong.pb.gz", bytes(wrong))
    assert "damaged" in client.settled("wrong.pb.gz")["reason"]


def test_ten_thousand_files_are_listed_and_those_looked_at_are_read_first(tmp_path: Path) -> None:
    datadir, one = tmp_path / "profiles", put(tmp_path / "one", pprof("main;work"))
    datadir.mkdir()
    for number in range(10_000):
        os.link(one, datadir / f"{number:05}.pb.gz")
    with viewer(datadir) as running:
        client = running.client

        def page(**arguments: str) -> list[str]:
            return [row["status"] for row in client.index(sort="name", per="5", **arguments)["profiles"]]

        index = client.index(q="0123", sort="name")
        assert (index["total"], index["shown"]) == (10_000, 11)
        eventually(lambda: page(page="1000") == ["finished"] * 5, "the page that is looked at")
        assert client.index()["unread"] > 5_000, "the rest is still to come"
        (datadir / "09999.pb.gz").unlink()
        put(datadir / "new.pb.gz", pprof())
        eventually(lambda: client.index(q="new")["shown"] == 1, "the new file")
        # one scan of the directory may meet the new file, and have met the other before it went
        eventually(lambda: client.index()["total"] == 10_000, "the end of the one that is gone")
