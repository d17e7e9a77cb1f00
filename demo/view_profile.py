"""Opens the viewer on the example profiles (or on a data directory of your own):

python demo/view_profile.py [DATADIR] [options of plopi.viewer]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    if "-h" in arguments or "--help" in arguments:
        print(__doc__)
        return 0
    named = arguments[:1] if arguments and not arguments[0].startswith("-") else []
    datadir, others = (named or [str(HERE / "profiles")])[0], arguments[len(named) :]
    try:
        return subprocess.run([sys.executable, "-m", "plopi.viewer", "--datadir", datadir, "--open", *others]).returncode
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
