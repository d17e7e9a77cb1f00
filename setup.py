"""Packaging: the collector needs nothing but Python; ``plopi[viewer]`` brings what the viewer needs."""

from __future__ import annotations

import platform
import re
import runpy
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).parent
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "plopi/__init__.py").read_text(encoding="utf-8"), re.MULTILINE)
assert VERSION, "plopi/__init__.py must hold __version__"

VIEWER = ["tornado>=6.5.2", "psutil>=5.9", "numpy>=1.26", "protobuf>=4.25", 'google-re2>=1.1; python_version < "3.15"']
TEST = [
    "setuptools>=70.1",
    "pytest==9.2.0",
    "pytest-rerunfailures==16.7",
    "pytest-xdist==3.8.0",
    "hypothesis==6.170.17",
    "playwright==1.65.2",
    "ruff==0.17.6",
    "mypy==2.4.1",
    "types-protobuf==7.35.1.20260906",
    "types-psutil==7.2.2.20261111",
    'uvloop==0.23.0; python_version < "3.15"',
    'gevent==26.9.0; python_version < "3.15"',
]

FINGERPRINT = runpy.run_path(str(HERE / "plopi/collector/native_sources.py"))["fingerprint"](HERE / "plopi/collector")

NATIVE = (
    [
        Extension(
            "plopi.collector._sampler",
            ["plopi/collector/_sampler.c"],
            depends=[str(header.relative_to(HERE)) for header in sorted((HERE / "plopi/collector").glob("_sampler*.h"))],
            define_macros=[("BUILT_FROM", str(FINGERPRINT))],
            extra_compile_args=["-std=gnu11"],
            optional=True,
        )
    ]
    if platform.python_implementation() == "CPython"
    and sys.platform.startswith("linux")
    and (3, 11) <= sys.version_info < (3, 16)
    and not sysconfig.get_config_var("Py_GIL_DISABLED")
    else []
)
"""The native engine, where it can exist at all; without a compiler or Python's headers plopi works with its Python engine."""

FAST = (
    [
        Extension(
            "plopi.formats._fast",
            [f"plopi/formats/{name}.c" for name in ("_fast", "_fast_pstats", "_fast_stacks")],
            depends=["plopi/formats/_fast.h"],
            extra_compile_args=["-std=gnu11", "-O2", "-ffp-contract=off"],  # times are rounded as Python rounds them
            py_limited_api=True,
            optional=True,
        )
    ]
    if platform.python_implementation() == "CPython"
    and sys.version_info >= (3, 11)
    and sys.byteorder == "little"
    and not sysconfig.get_config_var("Py_GIL_DISABLED")
    else []
)
"""Fast paths of the viewer's readers; without them they read the same in Python, several times slower."""


class BuildNative(build_ext):
    def build_extension(self, ext: Extension) -> None:
        try:
            super().build_extension(ext)
        except Exception as error:
            what = "the readers' fast paths" if ext.name.endswith("_fast") else "the native engine"
            print(
                f"plopi: {what} could not be built ({error}); Python will do the work. "
                "To have it, install a C compiler and this Python's headers (Debian: gcc python3-dev) and install plopi again.",
                file=sys.stderr,
            )
            raise


setup(
    name="plopi",
    version=VERSION[1],
    description="A sampling profiler that lives inside the process it profiles, and a live viewer that stays fast on any profile",
    long_description=(HERE / "README.md").read_text(encoding="utf-8") if (HERE / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10",
    ext_modules=NATIVE + FAST,
    cmdclass={"build_ext": BuildNative},
    packages=find_packages(include=["plopi", "plopi.*"]),
    package_data={"plopi": ["py.typed", "collector/*.pyi", "formats/*.pyi", "static/**/*"]},
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
