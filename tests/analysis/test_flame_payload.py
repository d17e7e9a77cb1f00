"""The answers to the flame view and the timeline, as they cross the wire."""

from __future__ import annotations

import pytest
from drawing import calls_from, profile_from
from hypothesis import given
from hypothesis import strategies as st
from profiles import stacks_profiles
from schema import check_flame, check_timeline

from plopi.errors import Unanswerable, UsageError
from plopi.model import CPU, SAMPLES, Profile, ProfileBuilder
from plopi.viewer import payloads
from plopi.viewer.payloads.flame import Asked
from plopi.viewer.view import View

SERVER = profile_from("serve 10\n  get 40\n    sum 40\n    <gc> 10\nrun 80")
IDS = {SERVER.function_name(function): function for function in range(len(SERVER.functions))}


def flame(**arguments: str) -> payloads.Json:
    answer = payloads.flame(SERVER, View.parse(arguments, SERVER), Asked.parse(arguments), "r1")
    check_flame(answer)
    return answer


def boxes(answer: payloads.Json) -> list[tuple[str, int, int, int]]:
    nodes = answer["nodes"]
    names = [answer["functions"][str(function)]["name"] for function in nodes["function"]]
    return list(zip(names, nodes["start"], nodes["weight"], nodes["self"]))


def test_the_whole_flame_graph() -> None:
    answer = flame()
    assert boxes(answer) == [
        ("run", 0, 80, 80),
        ("serve", 80, 100, 10),
        ("get", 80, 90, 40),
        ("<gc>", 80, 10, 10),
        ("sum", 90, 40, 40),
    ]
    assert (answer["total"], answer["zoom_weight"], answer["depth_total"], answer["revision"]) == (180, 180, 3, "r1")


def test_zoomed_inverted_and_from_one_function() -> None:
    zoomed = flame(zoom=f"{IDS['serve']}.{IDS['get']}")
    assert boxes(zoomed)[0] == ("get", 0, 90, 40)
    assert (zoomed["zoom"], zoomed["zoom_weights"]) == ([IDS["serve"], IDS["get"]], [100, 90])
    assert [box for box in boxes(flame(inverted="1")) if box[0] == "sum"] == [("sum", 140, 40, 0)]
    assert boxes(flame(root=str(IDS["get"]), inverted="1")) == [("get", 0, 90, 0), ("serve", 0, 90, 90)]


def test_a_search_says_what_matches_and_how_much_of_all() -> None:
    answer = flame(q="serve")
    assert answer["matched"] == 100
    assert answer["nodes"]["match"] == [0, 1, 0, 0, 0]


def test_narrow_boxes_are_left_out_at_a_narrow_width() -> None:
    assert flame(width="5")["cut"] == {"nodes": 1, "weight": 10}
    assert flame(width="9")["cut"] == {"nodes": 0, "weight": 0}


@pytest.mark.parametrize(
    "arguments", [{"zoom": "a.1"}, {"width": "0"}, {"inverted": "yes"}, {"root": "-1"}, {"zoom": "1." * 3000}]
)
def test_what_cannot_be_understood_is_refused(arguments: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        flame(**arguments)


def test_a_function_that_is_not_there_is_said_so() -> None:
    with pytest.raises(payloads.NoSuchFunction, match="no function 99"):
        flame(root="99")


def test_a_dump_has_no_stacks_and_the_answer_says_what_there_is_instead() -> None:
    dump = calls_from("main 1/1 5 9\n  work 1/1 4 4\nwork 1/1 4 4")
    with pytest.raises(Unanswerable, match=r"no stack can be told: look at the graph, the table"):
        payloads.flame(dump, View(), Asked())


@given(stacks_profiles(), st.booleans(), st.integers(1, 40), st.sampled_from(["", "f1", "file0"]))
def test_any_profile_keeps_the_wire_format(profile: Profile, inverted: bool, width: int, q: str) -> None:
    for root in (None, *range(len(profile.functions))):
        check_flame(payloads.flame(profile, View(), Asked(width=width, inverted=inverted, root=root, q=q)))
    check_timeline(payloads.timeline(profile, View(), 10))


def test_the_timeline() -> None:
    rows = ProfileBuilder((SAMPLES, CPU))
    stack = rows.stack_of([rows.location_id(rows.function_id("work", "a.py", 1), 1)])
    thread = rows.thread_id("worker", 9)
    for second in range(4):
        rows.add_sample(stack, (1, second), thread, rows.add_window(second * 10**9, 10**9))
    profile = rows.build()
    answer = payloads.timeline(profile, View.parse({}, profile), 2, "r1")
    check_timeline(answer)
    assert answer["buckets"] == {"start": [0, 2 * 10**9], "length": [2 * 10**9, 2 * 10**9], "weight": [1, 5]}
    assert answer["threads"] == [{"id": 0, "name": "worker", "others": 0, "weight": 6, "weights": [1, 5]}]


def test_without_windows_the_timeline_is_empty() -> None:
    answer = payloads.timeline(SERVER, View(), 10)
    check_timeline(answer)
    assert answer["buckets"]["start"] == []
