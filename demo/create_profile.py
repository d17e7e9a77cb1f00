"""Creates a profile of the example program, as one would of one's own:

    python demo/create_profile.py [--seconds 3] [options of plopi.collector]

which is the same as

    python -m plopi.collector --datadir profiles demo/example_program.py 3
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(
        allow_abbrev=False, description="Creates a profile of the example program.", epilog="Other options go to plopi.collector."
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="how long the program works (default %(default)s)")
    options, others = parser.parse_known_args()
    program = [str(HERE / "example_program.py"), str(options.seconds)]
    return subprocess.run([sys.executable, "-m", "plopi.collector", *others, *program]).returncode


if __name__ == "__main__":
    sys.exit(main())
