"""Labels, and the packages that colours stand for."""

from __future__ import annotations

import json

import pytest
from drawing import calls_from, profile_from
from hypothesis import given
from hypothesis import strategies as st
from pictures import numbers_of

from plopi.model import SAMPLES, Profile, ProfileBuilder
from plopi.viewer.analysis.names import kind, labels
from plopi.viewer.analysis.packages import Origin, origins, packages


def functions(*rows: tuple[str, str, int]) -> Profile:
    """A profile of functions (name, file, line) that nobody called."""
    builder = ProfileBuilder((SAMPLES,))
    for row in rows:
        builder.function_id(*row)
    return builder.build()


def labelled(*rows: tuple[str, str, int]) -> list[str]:
    return list(labels(functions(*rows), range(len(rows))).values())


@pytest.mark.parametrize(
    ("name", "file", "label"),
    [
        ("run", "/srv/app.py", "run"),
        ("Worker.run", "/srv/app.py", "Worker.run"),
        ("Outer.Inner.run", "/srv/app.py", "Inner.run"),
        ("make.<locals>.inner", "/srv/app.py", "make.inner"),
        ("make.<locals>.<lambda>", "/srv/app.py", "make.<lambda>"),
        ("f.<locals>.<listcomp>", "/srv/app.py", "f.<listcomp>"),
        ("<lambda>", "/srv/app.py", "<lambda> app.py:7"),
        ("<listcomp>", "C:\\srv\\app.py", "<listcomp> app.py:7"),
        ("<module>", "/srv/app.py", "<module> app"),
        ("<module>", "/srv/pkg/__init__.py", "<module> pkg"),
        ("<module>", "/srv/pkg/__main__.py", "<module> pkg.__main__"),
        ("<sum>", "~", "sum"),
        ("<module>", "<frozen importlib._bootstrap>", "<module> importlib._bootstrap"),
        ("_find_and_load", "<frozen importlib._bootstrap>", "_find_and_load"),
        ("<built-in method builtins.isinstance>", "~", "isinstance"),
        ("<built-in method posix.stat>", "~", "posix.stat"),
        ("{built-in method time.sleep}", "~", "time.sleep"),
        ("<built-in method __new__ of type object at 0x5581>", "~", "type.__new__"),
        ("<method 'append' of 'list' objects>", "~", "list.append"),
        ("{method 'join' of 'str' objects}", "~", "str.join"),
        ("<method 'disable' of '_lsprof.Profiler' objects>", "~", "_lsprof.Profiler.disable"),
        ("<gc>", "", "<gc>"),
        ("<truncated>", "", "<truncated>"),
        ("", "", "(no name)"),
        ("a\nb\tc", "/srv/app.py", "a b c"),
    ],
)
def test_a_label_is_short_and_telling(name: str, file: str, label: str) -> None:
    assert labelled((name, file, 7)) == [label]


def test_labels_grow_only_where_they_must() -> None:
    assert labelled(("run", "/a/jobs.py", 1), ("run", "/a/timer.py", 1), ("stop", "/a/jobs.py", 9)) == [
        "jobs.run",
        "timer.run",
        "stop",
    ]
    assert labelled(("A.B.run", "/a/jobs.py", 1), ("C.B.run", "/a/jobs.py", 5)) == ["A.B.run", "C.B.run"]
    assert labelled(("run", "/a/jobs.py", 1), ("run", "/a/jobs.py", 8)) == ["run jobs.py:1", "run jobs.py:8"]
    assert labelled(("run", "/a/jobs.py", 1), ("run", "/b/jobs.py", 1)) == ["a.jobs.run", "b.jobs.run"]
    assert labelled(("run", "/x.1/jobs.py", 1), ("run", "/x.2/jobs.py", 1)) == ["run /x.1/jobs.py:1", "run /x.2/jobs.py:1"]
    site = "/venv/lib/python3.11/site-packages"
    assert labelled(("<module>", f"{site}/flask/app.py", 1), ("<module>", "/srv/shop/app.py", 1)) == [
        "<module> flask.app",
        "<module> shop.app",
    ]
    assert labelled(("f", "/a/pkg/__init__.py", 1), ("f", "/b/pkg/__init__.py", 1)) == ["a.pkg.f", "b.pkg.f"]
    built_in = ("<built-in method builtins.getattr>", "~", 0)
    assert labelled(("getattr", "/a/nodes.py", 3), built_in) == ["nodes.getattr", "builtins.getattr"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["run", "A.run", "<lambda>", "a.<locals>.<lambda>", "<module>", "", "<built-in method run>", "<gc>"]),
            st.sampled_from(["", "~", "/a/x.py", "/b/x.py", "x.py", "<frozen x>"]),
            st.integers(0, 2),
        ),
        unique=True,
    )
)
def test_no_two_functions_shown_together_have_one_label(rows: list[tuple[str, str, int]]) -> None:
    found = labelled(*rows)
    assert len(set(found)) == len(rows)
    assert all(found)


@given(st.text(), st.text())
def test_any_name_has_a_label(name: str, file: str) -> None:
    (label,) = labelled((name, file, 3))
    assert label
    assert "\n" not in label


@pytest.mark.parametrize(
    ("name", "file", "expected"),
    [
        ("run", "/srv/app.py", "python"),
        ("<gc>", "", "gc"),
        ("<gc>", "/srv/app.py", "python"),
        ("<truncated>", "", "truncated"),
        ("<built-in method time.sleep>", "~", "native"),
        ("dgemm_", "/usr/lib/libblas.so", "native"),
        ("PyEval_EvalFrame", "Python/ceval.c", "native"),
        ("<module>", "<string>", "python"),
    ],
)
def test_kinds(name: str, file: str, expected: str) -> None:
    assert kind(name, file) == expected


# --- packages ---


@pytest.mark.parametrize(
    ("file", "package", "module"),
    [
        ("/venv/lib/python3.11/site-packages/astroid/nodes/node_classes.py", "astroid", "nodes"),
        ("/venv/lib/python3.11/site-packages/astroid/__init__.py", "astroid", ""),
        ("/usr/lib/python3/dist-packages/six.py", "six", ""),
        ("/usr/lib/python3.11/json/decoder.py", "stdlib", "json"),
        ("/usr/lib/python3.11/posixpath.py", "stdlib", "posixpath"),
        ("/usr/lib/python3.13t/queue.py", "stdlib", "queue"),
        ("C:\\Python311\\Lib\\json\\decoder.py", "stdlib", "json"),
        ("C:\\Python311\\Lib\\site-packages\\numpy\\core\\x.py", "numpy", "core"),
        ("<frozen importlib._bootstrap>", "stdlib", "importlib"),
        ("<string>", "code from strings", ""),
        ("<attrs generated init app.Point>", "generated code", ""),
        ("<string>.generated.py", "generated code", ""),
        ("index_html.generated.py", "generated code", ""),
        ("~", "built-in", ""),
        ("", "unknown file", ""),
    ],
)
def test_the_package_of_an_installed_file(file: str, package: str, module: str) -> None:
    assert origins([file]) == [Origin(package, module)]


def test_packages_of_the_project_lie_below_what_its_files_have_in_common() -> None:
    files = ["/srv/app/web/views.py", "/srv/app/web/forms.py", "/srv/app/jobs.py", "/usr/lib/python3.11/json/decoder.py"]
    assert [origin.package for origin in origins(files)] == ["web", "web", "jobs", "stdlib"]


def test_a_name_that_begins_alike_is_no_directory_in_common() -> None:
    assert [origin.package for origin in origins(["/srv/apple/a.py", "/srv/apply/b.py"])] == ["apple", "apply"]


def grouped(profile: Profile) -> list[tuple[str, int, int | None]]:
    numbers = numbers_of(profile)
    groups, _ = packages(profile).groups(numbers.self)
    return [(group.name, group.self, group.color) for group in groups]


def test_packages_with_the_most_self_time_have_colours() -> None:
    profile = profile_from("""
        main /srv/app/main.py:1 40
          view /srv/app/web/views.py:1 35
          dumps /usr/lib/python3.11/json/__init__.py:1 25
          idle /srv/app/idle/x.py:1
    """)
    assert grouped(profile) == [("main", 40, 0), ("web", 35, 1), ("stdlib", 25, 2), ("other", 0, None)]


def test_a_package_that_owns_most_of_the_time_is_told_apart_by_its_modules() -> None:
    profile = profile_from("""
        main /srv/app/main.py:1 10
          infer /x/site-packages/astroid/nodes/a.py:1 50
          parse /x/site-packages/astroid/builder.py:1 30
          top /x/site-packages/astroid/__init__.py:1 5
    """)
    assert grouped(profile) == [("astroid.nodes", 50, 0), ("astroid.builder", 30, 1), ("main", 10, 2), ("astroid", 5, 3)]


def test_only_eight_have_colours() -> None:
    lines = "\n".join(f"f{i} /srv/p{i}/x.py:1 {100 - i}" for i in range(12))
    groups = grouped(profile_from(lines))
    assert [color for _, _, color in groups] == [*range(8), None]
    assert groups[-1] == ("other", sum(100 - i for i in range(8, 12)), None)


def test_garbage_collection_has_its_colour_however_little_it_is() -> None:
    lines = "\n".join(f"f{i} /srv/p{i}/x.py:1 {100 - i}" for i in range(12))
    groups = grouped(profile_from(f"{lines}\n<gc> 2"))
    assert [color for _, _, color in groups] == [*range(8), 8, None]
    assert groups[8][:2] == ("garbage collection", 2)


def test_what_is_no_code_has_groups_of_its_own() -> None:
    profile = profile_from("""
        main 10
          <gc> 50
          <truncated> 20
    """)
    assert grouped(profile)[:3] == [("garbage collection", 50, 8), ("truncated stacks", 20, 0), ("app", 10, 1)]


def test_groups_of_a_dump() -> None:
    profile = calls_from("""
        main /srv/app.py:1 1/1 10 30
          "<built-in method builtins.sum>" ~:0 1/1 20 20
        "<built-in method builtins.sum>" ~:0 1/1 20 20
    """)
    assert grouped(profile) == [("built-in", 20, 0), ("app", 10, 1)]
    assert json.dumps(grouped(profile))
