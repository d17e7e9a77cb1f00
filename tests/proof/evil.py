"""Files that no honest profiler leaves behind, each with what a viewer has to say of it.

The kinds of files and their names stand here, what may be in them in ``evil_contents.py``.
"""

from __future__ import annotations

import gzip
import os
import socket
import stat
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

Make = Callable[[Path], None]

SHOWN, HIDDEN = "<shown>", "<hidden>"
HOUR = 3600.0


@dataclass(frozen=True)
class Evil:
    """A file to be made at ``name``. ``says``: a pattern of the reason why it is broken, SHOWN (with ``samples``) or HIDDEN."""

    name: bytes
    make: Make
    says: str
    samples: int | None = None

    @property
    def title(self) -> str:
        """For test reports: short, and of plain characters."""
        return self.name.decode("ascii", "backslashreplace").encode("unicode_escape").decode()[:48]

    def put(self, folder: Path) -> bool:
        """Make it; False where this machine or user cannot."""
        path = folder / os.fsdecode(self.name)
        try:
            self.make(path)
        except OSError:
            return False
        return True


def content(data: bytes, age: float = HOUR) -> Make:
    """A regular file that has lain there for ``age`` seconds: nothing takes it for half-written."""

    def make(path: Path) -> None:
        path.write_bytes(data)
        then = time.time() - age
        os.utime(path, (then, then))

    return make


def link(target: str) -> Make:
    return lambda path: path.symlink_to(target)


def _device(kind: int, major: int, minor: int) -> Make:
    return lambda path: os.mknod(path, 0o600 | kind, os.makedev(major, minor))


def _socket(path: Path) -> None:
    here = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(f"/proc/self/fd/{here}/{path.name}")  # the path itself may be longer than sockets allow
    finally:
        os.close(here)


def _sparse(size: int) -> Make:
    def make(path: Path) -> None:
        content(b"")(path)
        os.truncate(path, size)
        os.utime(path, (0, 0))

    return make


def _closed(data: bytes) -> Make:
    """A file that nobody may read, its owner neither."""

    def make(path: Path) -> None:
        content(data)(path)
        path.chmod(0)

    return make


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "inner.pb.gz").write_bytes(b"never looked at")


def kinds(good: bytes) -> list[Evil]:
    """What lies there is no file, or none that may be read."""
    return [
        Evil(b"fifo.pb.gz", os.mkfifo, r"pipe \(FIFO\)"),
        Evil(b"pipe.pb.part", os.mkfifo, r"pipe \(FIFO\)"),
        Evil(b"socket.prof", _socket, "a socket"),
        Evil(b"null.pb", _device(stat.S_IFCHR, 1, 3), "character device"),
        Evil(b"zero.folded", _device(stat.S_IFCHR, 1, 5), "character device"),
        Evil(b"terminal.prof", _device(stat.S_IFCHR, 5, 0), "character device"),
        Evil(b"disk.prof", _device(stat.S_IFBLK, 7, 99), "block device"),
        Evil(b"loop.pb.gz", link("loop.pb.gz"), "symbolic link"),
        Evil(b"ring-a.pb.gz", link("ring-b.pb.gz"), "symbolic link"),
        Evil(b"ring-b.pb.gz", link("ring-a.pb.gz"), "symbolic link"),
        Evil(b"dangling.prof", link("nowhere.prof"), "symbolic link"),
        Evil(b"outside.folded", link("/etc/passwd"), "symbolic link"),
        Evil(b"within.pb.gz", link("good.pb.gz"), "symbolic link"),
        Evil(b"memory.pb", link("/proc/self/mem"), "symbolic link"),
        Evil(b"endless.folded", link("/dev/zero"), "symbolic link"),
        Evil(b"up.pb.gz", link(".."), "symbolic link"),
        Evil(b"long-link.pb.gz", link("x/" * 2000 + "y"), "symbolic link"),
        Evil(b"folder.pb.gz", _folder, HIDDEN),
        Evil(b"folder.pb.part", _folder, HIDDEN),
        Evil(b".hidden.pb.gz", content(good), HIDDEN),
        Evil(b".pb.gz", content(good), HIDDEN),
        Evil(b"...", content(good), HIDDEN),
        Evil(b"shadowed.pb.gz", os.mkfifo, HIDDEN),
        Evil(b"shadowed.pb.part", content(good), SHOWN, 1),
        Evil(b"closed.pb.gz", _closed(good), "permission denied"),
        Evil(b"huge.prof", _sparse(600 << 20), "629,145,600 bytes.*--max-file-size"),
        Evil(b"hole.pb.gz", _sparse(64 << 20), "no protobuf"),
        Evil(b"vast.pb.part", _sparse(1 << 42), "--max-file-size"),
    ]


def names(good: bytes) -> list[Evil]:
    """A good profile under a bad name is a good profile."""
    hostile = (
        b"caf\xe9.pb.gz", b"\xff\xfe\xfd", b"\xed\xa0\x80surrogate.pb.gz", b"\xc0\xaf..\xc0\xaf.pb.gz", b"n" * 255,
        b"m" * 249 + b".pb.gz", b"\xf0\x9f\x98\x80" * 62 + b".pb.gz", b"new\nline.pb.gz",
        b"\x1b]0;title\x07\x1b[31mred.pb.gz", b"tab\tcr\rbell\x07.pb.gz", b" ", b"-rf",
        b"<img src=x onerror=alert(1)>.pb.gz", b"x..%2f..%2fetc%2fpasswd", b"\\..\\..\\boot.ini", b"con.pb.gz:stream",
        b"a;b|c&d$(e)`f`.pb.gz", "\u202egnp.gz".encode(), "nul\u2400.pb.gz".encode(), b"x.notes.json.pb.gz",
        b"file:///etc/passwd".replace(b"/", b"\\"), b"%00.pb.gz", b"~",
    )  # fmt: skip
    return [Evil(name, content(good), SHOWN, 1) for name in hostile]


def times(good: bytes) -> list[Evil]:
    """Clocks that went wrong."""
    day, rubbish = 86_400.0, b"\x7fno profile"
    return [
        Evil(b"tomorrow.pb.gz", content(good, -day), SHOWN, 1),
        Evil(b"year-2400.pb.gz", content(good, -day * 365 * 374), SHOWN, 1),
        Evil(b"year-1970.pb.gz", lambda path: (content(good)(path), os.utime(path, (0, 0)))[1], SHOWN, 1),
        Evil(b"year-1950.pb.gz", lambda path: (content(good)(path), os.utime(path, (-day * 7300, -day * 7300)))[1], SHOWN, 1),
        Evil(b"rubbish-of-tomorrow.prof", content(rubbish, -day), "none of"),
        Evil(b"rubbish-of-1970.prof", lambda path: (content(rubbish)(path), os.utime(path, (0, 0)))[1], "none of"),
    ]


def gzip_bomb(size: int) -> bytes:
    """So many zeros, as they take least to write: one block over and over. The trailer is wrong, which nobody may get to."""
    packer = zlib.compressobj(9, wbits=-15)
    packer.compress(b"\0")
    packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return gzip.compress(b"")[:10] + block * (size >> 20) + packer.flush() + struct.pack("<II", 0, size & 0xFFFFFFFF)


def wrapped(good: bytes, raw: bytes) -> list[Evil]:
    """What is wrong is how it is packed."""
    bomb = gzip_bomb(1 << 30)
    cases: dict[str, tuple[bytes, str]] = {
        "empty.pb.gz": (b"", "empty"),
        "bomb.pb.gz": (bomb, "no honest profile"),
        "bomb.prof": (bomb, "no honest profile"),
        "bombed.pb.part": (bomb, "no honest profile"),
        "bomb-twice.pb.gz": (gzip.compress(bomb), "compressed twice"),
        "twice.pb.gz": (gzip.compress(good), "compressed twice"),
        "gzip-head-cut.pb.gz": (good[:7], "ends early"),
        "gzip-cut.pb.gz": (good[: len(good) // 2], "ends early"),
        "gzip-trailer-cut.pb.gz": (good[:-3], "ends early"),
        "gzip-crc.pb.gz": (good[:-8] + bytes(4) + good[-4:], "damaged"),
        "gzip-size.pb.gz": (good[:-4] + b"\xff\xff\xff\xff", "damaged"),
        "gzip-appended.pb.gz": (good + good, "appended"),
        "gzip-rest.pb.gz": (good + b"rest", "4 bytes follow"),
        "gzip-of-nothing.pb.gz": (gzip.compress(b""), "empty"),
        "gzip-unknown-method.pb.gz": (good[:2] + b"\x07" + good[3:], "damaged"),
        "gzip-reserved-flags.pb.gz": (good[:3] + b"\xe0" + good[4:], "damaged"),
        "gzip-endless-name.prof": (good[:3] + b"\x08" + good[4:10] + b"n" * (1 << 20), "ends early"),
        "no-gzip.pb.gz": (raw, SHOWN),
    }
    return [Evil(name.encode(), content(data), says, 1 if says == SHOWN else None) for name, (data, says) in cases.items()]


def rubbish() -> list[Evil]:
    """Not even an attempt."""
    cases = {
        "nul.prof": b"\0",
        "nuls.pb": bytes(1 << 20),
        "ones.pb.part": b"\xff" * (1 << 20),
        "elf.prof": b"\x7fELF\x02\x01\x01" + bytes(5000),
        "line.folded": b"a" * (8 << 20),
        "newlines.folded": b"\n" * (4 << 20) + b"x",
        "utf-16.folded": "main;work 1\n".encode("utf-16"),
        "html.prof": b"<!doctype html><script>alert(1)</script>",
        "pickle.prof": b"cos\nsystem\n(S'touch /tmp/owned'\ntR.",
        "source.py": b"import os; os.system('touch /tmp/owned')\n",
        "zip.pb.gz": b"PK\x03\x04" + bytes(100),
        "zstd.pb.gz": b"\x28\xb5\x2f\xfd" + bytes(100),
    }
    return [Evil(name.encode(), content(data), r".") for name, data in cases.items()]


def bad_notes() -> Iterator[tuple[str, Make, str]]:
    """Notes files of good profiles: the profile's name, what stands at its notes, and a pattern of what is said of them."""
    yield "n-deep", content(b"[" * 50_000), "no JSON"
    yield "n-large", content(b'{"v": 1, "notes": "' + b"x" * (10 << 20) + b'"}'), "more than"
    yield "n-sparse", _sparse(1 << 33), "more than"
    yield "n-link", link("/etc/passwd"), "symbolic link"
    yield "n-loop", link("n-loop.pb.gz.notes.json"), "symbolic link"
    yield "n-fifo", os.mkfifo, "not a regular file"
    yield "n-socket", _socket, "cannot be opened|not a regular file"
    yield "n-folder", _folder, ""
    yield "n-device", _device(stat.S_IFCHR, 1, 5), "not a regular file"
    yield "n-empty", content(b""), "no JSON"
    yield "n-nan", content(b'{"v": 1, "tags": [NaN]}'), "no JSON"
    yield "n-bytes", content(b'{"v": 1, "notes": "\xff"}'), "no JSON"
    yield "n-number", content(b'{"v": 1, "notes": ' + b"9" * 50_000 + b"}"), "no JSON"
    yield "n-list", content(b"[]"), "no object"
    yield "n-version", content(b'{"v": 2}'), "version"
    yield "n-tags", content(b'{"v": 1, "tags": ["<b>", {}]}'), "tag"
    yield "n-control", content(b'{"v": 1, "tags": ["a\\u0000b"]}'), "tag"
    yield "n-view", content(b'{"v": 1, "views": [{"name": "x", "path": "../../login"}]}'), "no view"
    yield "n-script", content(b'{"v": 1, "views": [{"name": "x", "path": "javascript:alert(1)"}]}'), "no view"
    yield "n-closed", _closed(b'{"v": 1}'), "cannot be opened"
    yield "n-surrogate", content(b'{"v": 1, "notes": "\\ud800"}'), ""
    yield "n-twice", content(b'{"v": 1, "notes": "a", "notes": "b"}'), ""
