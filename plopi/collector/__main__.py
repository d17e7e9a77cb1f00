"""``python -m plopi.collector``: run a program and profile it. See ``--help``."""

import sys

# The current directory, which -m put first, is no place to import the profiler's own modules from: it may hold an email.py.
path0 = None if sys.flags.isolated or getattr(sys.flags, "safe_path", False) else sys.path.pop(0)

from plopi.collector.control.cli import main  # noqa: E402

main(sys.argv[1:], path0)  # The last line: the program takes this module over, and nothing here exists any more.
