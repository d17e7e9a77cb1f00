"""Functions by module, package and line, and some packages collapsed: drawn profiles in, drawn trees out."""

from __future__ import annotations

from collections import Counter

import pytest
from drawing import calls_from, draw, profile_from, redrawn
from hypothesis import given
from hypothesis import strategies as st
from naive import samples
from profiles import calls_profiles, stacks_profiles

from plopi.errors import UsageError
from plopi.model import Profile
from plopi.viewer.analysis import index
from plopi.viewer.analysis.call_graph import Selection
from plopi.viewer.analysis.lenses import Lens, apply
from plopi.viewer.analysis.packages import module_names, packages

LIBS = "/usr/lib/python3/site-packages"
SERVER = profile_from(f"""
    main /srv/app/main.py:1 @3 1
      get /srv/app/web/views.py:5 @7 2
        check /srv/app/web/views.py:20 @22 4
          encode {LIBS}/flask/json/provider.py:1 8
            default {LIBS}/flask/app.py:1 16
              check /srv/app/web/views.py:20 @23 32
      get /srv/app/web/views.py:5 @8 64
      <gc> 128
""")


def test_by_module_a_run_of_calls_is_one_frame() -> None:
    assert draw(apply(SERVER, Lens(by="module"))) == redrawn(f"""
        main /srv/app/main.py:0 1
          web.views /srv/app/web/views.py:0 70
            flask.json.provider {LIBS}/flask/json/provider.py:0 8
              flask.app {LIBS}/flask/app.py:0 16
                web.views /srv/app/web/views.py:0 32
          <gc> 128
    """)


def test_by_package() -> None:
    assert draw(apply(SERVER, Lens(by="package"))) == redrawn(f"""
        main /srv/app/main.py:0 1
          web /srv/app/web/views.py:0 70
            flask {LIBS}/flask/:0 24
              web /srv/app/web/views.py:0 32
          <gc> 128
    """)


def test_by_line_a_function_is_one_for_each_of_its_lines() -> None:
    names = {line.split()[0] for line in draw(apply(SERVER, Lens(by="line"))).splitlines()}
    assert names == {"main:3", "get:7", "get:8", "check:22", "check:23", "encode", "default", "<gc>"}


def test_a_package_collapsed_is_one_node_among_functions() -> None:
    assert draw(apply(SERVER, Lens(collapse=("flask",)))) == redrawn(f"""
        main /srv/app/main.py:1 @3 1
          get /srv/app/web/views.py:5 @7 2
            check /srv/app/web/views.py:20 @22 4
              flask {LIBS}/flask/:0 24
                check /srv/app/web/views.py:20 @23 32
          get /srv/app/web/views.py:5 @8 64
          <gc> 128
    """)


def test_what_is_not_there_cannot_be_collapsed() -> None:
    with pytest.raises(UsageError, match="'numpy'"):
        apply(SERVER, Lens(collapse=("numpy",)))


def test_functions_are_looked_for_before_they_are_put_together() -> None:
    assert draw(apply(SERVER, Lens(focus=("encode",), by="package"))) == redrawn(f"""
        main /srv/app/main.py:0
          web /srv/app/web/views.py:0
            flask {LIBS}/flask/:0 24
              web /srv/app/web/views.py:0 32
    """)


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("/usr/lib/python3.11/json/__init__.py", "json"),
        ("/usr/lib/python3.11/json/decoder.py", "json.decoder"),
        ("<frozen importlib._bootstrap>", "importlib._bootstrap"),
        ("~", "built-in"),
        ("C:\\Python313\\Lib\\email\\parser.py", "email.parser"),
        (f"{LIBS}/numpy/core/_multiarray.cpython-311-x86_64-linux-gnu.so", "numpy.core._multiarray"),
    ],
)
def test_what_a_module_is_called(file: str, module: str) -> None:
    assert module_names([file]) == [module]


def numbers(profile: Profile) -> dict[str, tuple[int, int]]:
    found = index(profile).weighed(Selection()).numbers
    return {
        profile.function_name(f): (int(found.self[f]), int(found.cum[f])) for f in range(len(profile.functions)) if found.cum[f]
    }


@given(stacks_profiles())
def test_a_module_has_the_self_of_its_functions_and_counts_once_per_sample(profile: Profile) -> None:
    modules = packages(profile).modules
    rows = packages(profile).file_row
    own: Counter[str] = Counter()
    cum: Counter[str] = Counter()
    for steps, weight in samples(profile):
        if steps:
            own[modules[rows[steps[-1][0]]]] += weight
        for module in {modules[rows[function]] for function, _ in steps}:
            cum[module] += weight
    assert numbers(apply(profile, Lens(by="module"))) == {name: (own[name], cum[name]) for name in cum if cum[name]}


DUMP = calls_from("""
    main main.py:1 1/1 10 100
      load io.py:1 1/1 20 50
      work main.py:9 1/1 5 40
    work main.py:9 1/1 5 40
      load io.py:1 1/1 15 35
    load io.py:1 2/2 35 85
      parse io.py:7 2/2 50 50
    parse io.py:7 2/2 50 50
""")


def test_modules_of_a_dump_have_exact_self_and_a_bound_for_cum() -> None:
    assert draw(apply(DUMP, Lens(by="module"))) == draw(
        calls_from("""
            io io.py:0 4/4 85 85
            main main.py:0 2/2 15 100
              io io.py:0 2/2 35 85
        """)
    )


@given(calls_profiles(), st.sampled_from(["module", "package"]))
def test_self_of_a_dump_adds_up_in_any_grouping(profile: Profile, by: str) -> None:
    calls, grouped = profile.calls, apply(profile, Lens(by=by)).calls  # type: ignore[arg-type]
    assert calls and grouped
    assert sum(grouped.self) == sum(calls.self)
    if all(cum >= own for own, cum in zip(calls.self, calls.cum)):
        assert all(cum >= own for own, cum in zip(grouped.self, grouped.cum))
