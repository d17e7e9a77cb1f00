"""How a viewer is to run: the command line and the environment as one checked value."""

from __future__ import annotations

import argparse
import ipaddress
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import plopi
from plopi.errors import UsageError
from plopi.viewer.readers.bounds import Bounds
from plopi.viewer.readers.disk_cache import DiskCache
from plopi.viewer.security import Token, clean_base_url

LOOPBACK = ("127.0.0.1", "::1")
TOKEN_FILE = "PLOPI_TOKEN_FILE"

_EPILOG = f"""\
The viewer watches DIR, lists every profile in it and draws them; it writes nothing there but the notes that you make.
It listens on this machine only. To look from another one, forward the port: ssh -L 8888:localhost:8888 HOST
Environment: {TOKEN_FILE} names a file (mode 0600) with a token that clients must then have.
"""


@dataclass(frozen=True)
class Config:
    """``addresses``: what to bind; the first must succeed, the second of the default pair (IPv6) may be missing."""

    datadir: Path
    addresses: tuple[str, ...] = LOOPBACK
    port: int = 8888
    uds: Path | None = None
    base_url: str = "/"
    allowed_hosts: tuple[str, ...] = ()
    token: Token | None = None
    bounds: Bounds = field(default_factory=Bounds)
    disk_cache: DiskCache | None = None
    source_roots: tuple[Path, ...] = ()
    open_browser: bool = False
    quiet: bool = False


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Config:
    """The command line as a Config; UsageError (or argparse's exit 2) where it cannot be."""
    given = _parser().parse_args(arguments)
    datadir = Path(given.datadir).absolute()
    if datadir.exists() and not datadir.is_dir():
        raise UsageError(f"--datadir is {given.datadir!r}, which is a file; give the directory that profiles are written to")
    token_file = environment.get(TOKEN_FILE)
    token = Token.read(Path(token_file)) if token_file else Token.make() if given.token else None
    addresses = (given.host,) if given.host else LOOPBACK
    if not given.uds and token is None and not all(is_loopback(address) for address in addresses):
        raise UsageError(
            f"--host is {given.host!r}, which other machines can reach, and nothing would keep them out; "
            "add --token, or leave --host out and forward the port with ssh"
        )
    return Config(
        datadir=datadir,
        addresses=addresses,
        port=given.port,
        uds=Path(given.uds).absolute() if given.uds else None,
        base_url=clean_base_url(given.base_url),
        allowed_hosts=tuple(given.allowed_host),
        token=token,
        bounds=Bounds(file_size=given.max_file_size),
        disk_cache=None if given.no_cache else DiskCache(_cache_dir(given.cache_dir, environment), given.cache_size),
        source_roots=tuple(_source_root(root) for root in given.source_root),
        open_browser=given.open,
        quiet=given.quiet,
    )


def _source_root(given: str) -> Path:
    if not Path(given).is_dir():
        raise UsageError(f"--source-root is {given!r}, which is no directory; give one that holds the sources to be shown")
    return Path(given).absolute()


def _cache_dir(given: str | None, environment: Mapping[str, str]) -> Path:
    """Where parsed profiles are kept: what was asked for, or where the XDG Base Directory Specification has it."""
    if given:
        return Path(given).absolute()
    base = environment.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path(environment.get("HOME") or "~").expanduser() / ".cache") / "plopi"


def is_loopback(host: str) -> bool:
    """Whether all that ``host`` stands for is this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(f"--host is {host!r}, which no address is known for ({error.strerror}); give an address") from None
    return all(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]).is_loopback for entry in found)


def parse_size(text: str) -> int:
    """``256MB``, ``1.5G``, ``1000000``: in bytes; the units are powers of 1024."""
    number = text.strip().lower().removesuffix("b").removesuffix("i")
    factor = {"k": 2**10, "m": 2**20, "g": 2**30}.get(number[-1:], 1)
    try:
        size = int(float(number[:-1] if factor > 1 else number) * factor)
    except (ValueError, OverflowError):
        size = 0
    if not 1 <= size <= 2**40:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; give bytes or a number with K, M or G, e.g. 256M")
    return size


def _parse_port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 0 (any free one) to 65535")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m plopi.viewer",
        description="Show the profiles of a directory, live, in the browser.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--datadir", metavar="DIR", default="profiles", help="the directory to watch (default: profiles); need not exist yet")
    add("--host", metavar="ADDRESS", help="address to listen on (default: 127.0.0.1 and ::1); any but loopback needs a token")
    add("--port", type=_parse_port, default=8888, help="port to listen on (default: 8888); 0 takes a free one")
    add(
        "--source-root",
        metavar="DIR",
        action="append",
        default=[],
        help="show the source of functions whose files lie below DIR (default: none); may be given several times",
    )
    add("--uds", metavar="PATH", help="listen on a Unix socket (mode 0600) instead")
    add("--base-url", metavar="/PATH/", default="/", help="path in front of all pages, for use behind a proxy (default: /)")
    add("--allowed-host", metavar="NAME", action="append", default=[], help="another name[:port] clients may call it; may recur")
    add("--token", action="store_true", help="ask for a token; a login link is printed at the start")
    add("--max-file-size", metavar="SIZE", type=parse_size, default=512 * 2**20, help="read no larger files (default: 512M)")
    add("--cache-dir", metavar="DIR", help="keep large profiles here for the next start (default: ~/.cache/plopi)")
    add("--cache-size", metavar="SIZE", type=parse_size, default=4 * 2**30, help="at most so much of them (default: 4G)")
    add("--no-cache", action="store_true", help="keep nothing on disk")
    add("--open", action="store_true", help="open it in the browser")
    add("-q", "--quiet", action="store_true", help="print nothing but the address and errors")
    add("-V", "--version", action="version", version=f"plopi viewer {plopi.__version__}")
    return parser
