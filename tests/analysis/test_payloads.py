"""What crosses the wire, for drawn profiles and for any."""

from __future__ import annotations

import pytest
from drawing import calls_from, profile_from
from hypothesis import given
from hypothesis import strategies as st
from naive import lines as naive_lines
from profiles import calls_profiles, stacks_profiles
from schema import check_function, check_graph, check_json, check_table

from plopi.errors import PlopiError, UsageError
from plopi.model import CPU, NATIVE, SAMPLES, About, Profile, ProfileBuilder
from plopi.viewer import payloads
from plopi.viewer.analysis import index
from plopi.viewer.analysis.derived import through
from plopi.viewer.view import View, lens_of

SERVER = profile_from(
    """
    [thread MainThread 7]
    serve app.py:1 @5 1/10
      Handler.get web.py:20 @22 2/20
        "<built-in method builtins.sum>" ~:0 4/40
        <gc> 1/10
      Handler.get web.py:20 @25 2/20
    [thread Worker 8]
    run jobs.py:3 @4 8/80
    """,
    (SAMPLES, CPU),
    About(command="app.py --port 80", host="box", pid=7, python="3.13.0", engine="python", mode="cpu", duration_ns=5),
)
DUMP = calls_from("""
    main 1/1 10 60
      parse 3/1 20 20
      emit 2/2 30 30
    parse 3/1 20 20
    emit 2/2 30 30
""")


def test_the_graph_of_a_server() -> None:
    graph = payloads.graph(SERVER, View.parse({}, SERVER), revision="r1")
    check_graph(graph)
    assert graph["revision"] == "r1"
    assert graph["type"] == {"name": "cpu", "unit": "nanoseconds"}
    assert (graph["total"], graph["samples"], graph["shape"]) == (180, 18, "stacks")
    assert [(node["label"], node["self"], node["cum"], node["kind"], node["root"]) for node in graph["nodes"]] == [
        ("serve", 10, 100, "python", True),
        ("Handler.get", 40, 90, "python", False),
        ("run", 80, 80, "python", True),
        ("sum", 40, 40, "native", False),
        ("<gc>", 10, 10, "gc", False),
    ]
    by_id = {node["id"]: node["label"] for node in graph["nodes"]}
    assert [(by_id[edge["caller"]], by_id[edge["callee"]], edge["weight"]) for edge in graph["edges"]] == [
        ("serve", "Handler.get", 90),
        ("Handler.get", "sum", 40),
        ("Handler.get", "<gc>", 10),
    ]


def test_the_graph_of_a_thread_and_a_type() -> None:
    graph = payloads.graph(SERVER, View.parse({"type": "samples", "thread": "1"}, SERVER))
    assert (graph["total"], [node["label"] for node in graph["nodes"]]) == (8, ["run"])


def test_a_wrapper_is_named_on_its_edge() -> None:
    profile = profile_from("main 100\n  run\n    work 900")
    (edge,) = payloads.graph(profile, View())["edges"]
    assert edge["wrappers"] == [{"id": 1, "label": "run", "self": 0, "cum": 900}]


def test_the_table() -> None:
    table = payloads.table(SERVER, View.parse({}, SERVER))
    check_table(table)
    assert [(row["label"], row["self"], row["cum"], row["calls"]) for row in table["rows"]] == [
        ("run", 80, 80, None),
        ("Handler.get", 40, 90, None),
        ("sum", 40, 40, None),
        ("serve", 10, 100, None),
        ("<gc>", 10, 10, None),
    ]


@pytest.mark.parametrize(
    ("arguments", "labels"),
    [
        ({"sort": "cum"}, "serve Handler.get run sum <gc>"),
        ({"sort": "cum", "order": "asc"}, "<gc> sum run Handler.get serve"),
        ({"sort": "name"}, "sum <gc> Handler.get run serve"),
        ({"sort": "name", "order": "desc"}, "serve run Handler.get <gc> sum"),
        ({"q": "HANDLER"}, "Handler.get"),
        ({"q": "web.py"}, "Handler.get"),
        ({"q": "jobs"}, "run"),
        ({"q": "nothing"}, ""),
        ({"thread": "1"}, "run"),
        ({"per": "2", "page": "2"}, "sum serve"),
        ({"per": "2", "page": "9"}, "<gc>"),
    ],
)
def test_the_table_is_sorted_filtered_and_cut(arguments: dict[str, str], labels: str) -> None:
    table = payloads.table(SERVER, View.parse(arguments, SERVER))
    check_table(table)
    assert " ".join(row["label"] for row in table["rows"]) == labels


def test_the_table_of_a_dump_counts_calls() -> None:
    table = payloads.table(DUMP, View.parse({"sort": "calls"}, DUMP))
    assert [(row["label"], row["calls"], row["primitive"]) for row in table["rows"]] == [
        ("parse", 3, 1),
        ("emit", 2, 2),
        ("main", 1, 1),
    ]


def test_a_function_with_its_callers_callees_and_lines() -> None:
    function = payloads.function(SERVER, View.parse({}, SERVER), 1)
    check_function(function)
    assert function["function"]["label"] == "Handler.get"
    assert [(row["label"], row["weight"]) for row in function["callers"]] == [("serve", 90)]
    assert [(row["label"], row["weight"]) for row in function["callees"]] == [("sum", 40), ("<gc>", 10)]
    assert function["lines"] == [{"line": 22, "self": 20, "cum": 70}, {"line": 25, "self": 20, "cum": 20}]


def test_a_function_of_a_dump_has_no_lines() -> None:
    function = payloads.function(DUMP, View(), 0)
    check_function(function)
    assert [(row["label"], row["weight"]) for row in function["callees"]] == [("emit", 30), ("parse", 20)]
    assert function["lines"] == []


@pytest.mark.parametrize("missing", [-1, 5, 10**9])
def test_a_function_that_is_not_there_is_said_so(missing: int) -> None:
    with pytest.raises(UsageError, match=f"no function {missing}"):
        payloads.function(SERVER, View(), missing)


def test_neighbours_are_bounded_and_counted() -> None:
    profile = profile_from("hub 1\n" + "\n".join(f"  leaf{i} {i + 1}" for i in range(70)))
    function = payloads.function(profile, View(), 0)
    check_function(function)
    assert function["callees_total"] == 70
    assert [row["weight"] for row in function["callees"]] == list(range(70, 20, -1))


def test_the_summary_and_the_details() -> None:
    summary, details = payloads.summary(SERVER), payloads.details(SERVER)
    check_json(summary)
    check_json(details)
    assert (summary["command"], summary["pid"], summary["samples"], summary["shape"]) == ("app.py --port 80", 7, 18, "stacks")
    assert details["threads"] == [{"id": 0, "name": "MainThread", "ident": 7}, {"id": 1, "name": "Worker", "ident": 8}]
    assert payloads.summary(DUMP)["samples"] is None


def test_an_index_kept_gives_what_the_profile_gives() -> None:
    kept = index(SERVER)
    for arguments in ({}, {"thread": "0"}, {"type": "samples"}, {"thread": "1"}, {"thread": "1", "type": "samples"}, {}):
        view = View.parse(arguments, SERVER)
        assert payloads.graph(kept, view) == payloads.graph(SERVER, view)
        assert payloads.table(kept, view) == payloads.table(SERVER, view)


def test_an_empty_profile_has_empty_answers() -> None:
    for empty in (profile_from(""), calls_from("")):
        check_graph(payloads.graph(empty, View()))
        check_table(payloads.table(empty, View()))


def test_a_profile_without_sample_types_says_so() -> None:
    with pytest.raises(PlopiError, match="no sample types"):
        payloads.graph(ProfileBuilder(()).build(), View())


def test_half_a_character_is_spelled_out() -> None:
    rows = ProfileBuilder((SAMPLES,), About(command="run \udcff"))
    rows.add_sample(rows.stack_of([rows.location_id(rows.function_id("na\ud800me", "/x/\udc80.py", 1), 1)]), (1,))
    profile = rows.build()
    check_graph(payloads.graph(profile, View()))
    check_table(payloads.table(profile, View(q="\udc80")))
    assert payloads.summary(profile)["command"] == "run \\udcff"
    assert payloads.graph(profile, View())["nodes"][0]["name"] == "na\\ud800me"


@given(st.one_of(stacks_profiles(), calls_profiles()), st.integers(1, 10))
def test_any_profile_keeps_the_wire_format(profile: Profile, nodes: int) -> None:
    kept = index(profile)
    check_graph(payloads.graph(kept, View(nodes=nodes)))
    check_table(payloads.table(kept, View(per=3, page=2)))
    for function in range(len(profile.functions)):
        check_function(payloads.function(kept, View(), function))


@given(stacks_profiles())
def test_lines_are_those_of_the_definition(profile: Profile) -> None:
    kept = index(profile)
    for function in range(len(profile.functions)):
        lines = payloads.function(kept, View(), function)["lines"]
        expected = {line: numbers for line, numbers in naive_lines(profile, function).items() if any(numbers)}
        assert {line["line"]: (line["self"], line["cum"]) for line in lines} == expected


def test_a_graph_says_where_it_goes_on_and_what_is_hottest() -> None:
    graph = payloads.graph(SERVER, View.parse({"nodes": "2"}, SERVER))
    check_graph(graph)
    assert graph["filters"] == {"kept": 180, "of": 180}
    assert [row["label"] for row in graph["left_out"]["top"]]
    hottest = {node["id"]: node["label"] for node in graph["nodes"]}
    assert hottest[graph["hot_path"][0]] in ("serve", "Handler.get")


def test_a_function_to_be_kept_is_drawn_and_one_to_be_dropped_is_not() -> None:
    ids = {SERVER.function_name(f): f for f in range(len(SERVER.functions))}
    graph = payloads.graph(SERVER, View.parse({"keep": str(ids["<gc>"]), "drop": f"{ids['run']},999"}, SERVER))
    labels = {node["label"] for node in graph["nodes"]}
    assert "<gc>" in labels and "run" not in labels


def test_what_is_left_by_a_filter_is_said_beside_the_whole() -> None:
    about = through(index(SERVER), lens_of({"ignore": "run"}))
    graph = payloads.graph(about, View.parse({"ignore": "run"}, about.profile))
    check_graph(graph)
    assert graph["filters"] == {"kept": 100, "of": 180}
    one = View.parse({"ignore": "run", "thread": "0"}, about.profile)
    assert payloads.graph(about, one)["filters"] == {"kept": 100, "of": 100}


def test_where_the_weight_of_a_function_goes() -> None:
    function = payloads.function(SERVER, View.parse({}, SERVER), 1)
    assert (function["gc"], function["exact"], function["recursive"], function["native"]) == (10, True, 0, None)
    own = function["function"]["self"]
    assert own + sum(row["weight"] for row in function["callees"]) == function["function"]["cum"]


def test_native_code_is_part_of_self() -> None:
    profile = profile_from("main 10/4\n  work 30/30", (CPU, NATIVE))
    graph = payloads.graph(profile, View.parse({"type": "cpu"}, profile))
    assert [(node["label"], node["self"], node["native"]) for node in graph["nodes"]] == [("main", 10, 4), ("work", 30, 30)]
    assert payloads.function(profile, View.parse({"type": "cpu"}, profile), 0)["native"] == 4
    assert payloads.function(profile, View.parse({"type": "native"}, profile), 0)["native"] is None


def test_the_chains_of_callers_of_a_function_whatever_the_lines() -> None:
    profile = profile_from("""
        main
          one @3
            work 1
          one @4
            work 2
            other
              work 4
                work 8
    """)
    ids = {profile.function_name(f): f for f in range(len(profile.functions))}
    function = payloads.function(profile, View(), ids["work"])
    check_function(function)
    assert [(" ".join(step["label"] for step in path["stack"]), path["weight"]) for path in function["paths"]] == [
        ("main one other work", 12),
        ("main one work", 3),
    ]


def test_a_recursive_function_says_that_its_parts_do_not_add_up() -> None:
    profile = profile_from("f\n  g\n    f\n      h 5")
    assert payloads.function(profile, View(), 0)["exact"] is False


def test_the_length_of_a_call() -> None:
    table = payloads.table(DUMP, View.parse({"sort": "percall"}, DUMP))
    check_table(table)
    assert [(row["label"], row["percall_ns"]) for row in table["rows"]] == [("main", 60), ("parse", 20), ("emit", 15)]


def test_modules_of_a_dump_are_marked_as_bounds() -> None:
    about = through(index(DUMP), lens_of({"by": "module"}))
    view = View.parse({"by": "module"}, about.profile)
    (row,) = payloads.table(about, view)["rows"]
    assert (row["label"], row["self"], row["exact"]) == ("app", 60, False)
    check_graph(payloads.graph(about, view))


@given(stacks_profiles(), st.sampled_from(["f1", "f2|f3", "file0"]), st.sampled_from(["function", "module", "package", "line"]))
def test_any_profile_through_a_lens_keeps_the_wire_format(profile: Profile, pattern: str, by: str) -> None:
    arguments = {"hide": pattern, "by": by}
    about = through(index(profile), lens_of(arguments))
    view = View.parse(arguments, about.profile)
    check_graph(payloads.graph(about, view))
    check_table(payloads.table(about, view))
    for function in range(len(about.profile.functions)):
        check_function(payloads.function(about, view, function))
