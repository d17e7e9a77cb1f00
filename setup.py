"""Packaging: the collector needs nothing but Python; ``plopi[viewer]`` brings what the viewer needs."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "plopi/__init__.py").read_text(encoding="utf-8"), re.MULTILINE)
assert VERSION, "plopi/__init__.py must hold __version__"

VIEWER = ["tornado>=6.5.2", "psutil>=5.9", "numpy>=1.26", "protobuf>=4.25"]
TEST = [
    "setuptools>=70.1",
    "pytest>=8",
    "hypothesis>=6.100",
    "playwright>=1.49",
    "ruff==0.17.6",
    "mypy==2.4.1",
    "types-protobuf",
    "types-psutil",
]

setup(
    name="plopi",
    version=VERSION[1],
    description="A sampling profiler that lives inside the process it profiles, and a live viewer that stays fast on any profile",
    long_description=(HERE / "README.md").read_text(encoding="utf-8") if (HERE / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10",
    packages=find_packages(include=["plopi", "plopi.*"]),
    package_data={"plopi": ["py.typed", "static/**/*"]},
    extras_require={"viewer": VIEWER, "test": VIEWER + TEST},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Framework :: Tornado",
        "Operating System :: POSIX :: Linux",
        "Operating System :: MacOS",
        "Programming Language :: Python :: 3",
        "Topic :: Software Development :: Debuggers",
    ],
)
