"""``python -m plopi.viewer``."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

from plopi.errors import PlopiError, UsageError

NEEDED = {"tornado": "tornado", "numpy": "numpy", "psutil": "psutil", "google.protobuf": "protobuf"}


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 after Ctrl-C, 1 for a failure of our own, 2 for a wrong command line."""
    missing = [package for module, package in NEEDED.items() if not _is_there(module)]
    if missing:
        return _fail(f"{', '.join(missing)} is not installed here; do: {sys.executable} -m pip install 'plopi[viewer]'", 1)
    from plopi.viewer.config import parse

    try:
        config = parse(sys.argv[1:] if arguments is None else arguments, os.environ)
        from plopi.viewer.app import run  # takes a moment, which --help need not wait for

        run(config)
    except UsageError as error:
        return _fail(str(error), 2)
    except PlopiError as error:
        return _fail(str(error), 1)
    return 0


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _fail(message: str, status: int) -> int:
    print(f"plopi viewer: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
