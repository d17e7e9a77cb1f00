"""What is taken away: the profile as it is seen, in any format, and a view as a page that works offline."""

from __future__ import annotations

import csv
import io
import json
import marshal
import re

import pytest
from serving import Client, pprof, put, viewer

from plopi import formats
from plopi.model import About
from plopi.viewer.analysis import index
from plopi.viewer.analysis.call_graph import Selection
from plopi.viewer.analysis.lenses.redact import redacted
from plopi.viewer.share import modules

STACKS = ("main;parse;read", "main;parse;read", "main;parse", "main;write", "idle")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Client:  # type: ignore[misc]
    folder = tmp_path_factory.mktemp("saving")
    put(folder / "a.pb.gz", pprof(*STACKS, about=About(command="python secret.py", host="box", pid=7)))
    put(folder / "dump.pstats", pstats_dump())
    put(folder / "evil.pb.gz", pprof("main;</script><script>alert(1)</script>;<!--"))
    put(folder / "earlier.pb.gz", pprof("main;parse", "main;parse", "main;parse", "main;write", "idle"))
    put(folder / "steering.pb.gz", pprof("main;\x1b[31mred\nline"))
    with viewer(folder) as running:
        yield running.client


def pstats_dump() -> bytes:
    """main calls parse, which calls read twice: 4, 3 and 2 seconds of cum."""
    main, parse, read = ("app.py", 1, "main"), ("app.py", 2, "parse"), ("app.py", 3, "read")
    stats = {
        main: (1, 1, 1.0, 4.0, {}),
        parse: (1, 1, 1.0, 3.0, {main: (1, 1, 1.0, 3.0)}),
        read: (2, 2, 2.0, 2.0, {parse: (2, 2, 2.0, 2.0)}),
    }
    return marshal.dumps(stats)


def where(client: Client, name: str = "a.pb.gz") -> str:
    return f"api/profiles/{client.settled(name)['id']}"


def selfs(data: bytes, name: str) -> dict[str, int]:
    profile = formats.read(data, name)
    numbers = index(profile).weighed(Selection(len(profile.sample_types) - 1)).numbers
    return {profile.function_name(f): int(own) for f, own in enumerate(numbers.self) if own}


ONE = {"pprof": 10**7, "folded": 1, "speedscope": 10**7, "pstats": 10**7, "plop": 1}
"""What a sample of 10 ms counts in each format."""


@pytest.mark.parametrize("kind", ONE)
def test_the_filtered_profile_is_exported_in_every_format(client: Client, kind: str) -> None:
    answer = client.ask(f"{where(client)}/export?format={kind}&focus=parse")
    assert answer.status == 200
    end = formats.suffix(kind)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="a{end}"'
    assert selfs(answer.body, f"a{end}") == {"read": 2 * ONE[kind], "parse": ONE[kind]}


def test_the_table_is_exported_as_csv_with_the_search_and_order_it_has(client: Client) -> None:
    answer = client.ask(f"{where(client)}/export?format=csv&sort=cum&q=a")
    rows = list(csv.reader(io.StringIO(answer.body.decode())))
    assert rows[0][:4] == ["function", "file", "line", "self (nanoseconds)"]
    assert [(row[0], row[4]) for row in rows[1:]][:3] == [("main", "40000000"), ("parse", "30000000"), ("read", "20000000")]


def test_a_view_as_text_has_the_table_and_the_tree_as_they_are_filtered(client: Client) -> None:
    answer = client.ask(f"{where(client)}/export?format=text&ignore=idle&sort=cum")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert (
        answer.body.decode()
        == """a: cpu in ms, total 40.000
ignore idle

       self    self%     sum%      cum     cum%  function
      0.000     0.0%     0.0%   40.000   100.0%  main (app.py:1)
     10.000    25.0%    25.0%   30.000    75.0%  parse (app.py:1)
     20.000    50.0%    75.0%   20.000    50.0%  read (app.py:1)
     10.000    25.0%   100.0%   10.000    25.0%  write (app.py:1)

        cum     cum%    self%  calls
     40.000   100.0%     0.0%  main
     30.000    75.0%    25.0%    parse
     20.000    50.0%    50.0%      read
     10.000    25.0%    25.0%    write
"""
    )
    upwards = client.ask(f"{where(client)}/export?format=text&ignore=idle&inverted=1").body.decode()
    assert "cum%  callers\n     20.000    50.0%  read\n     20.000    50.0%    parse\n" in upwards


def test_a_comparison_as_text_has_changes_and_marks_chance(client: Client) -> None:
    base = client.settled("earlier.pb.gz")["id"]
    lines = client.ask(f"{where(client)}/export?format=text&base={base}").body.decode().splitlines()
    assert lines[1].startswith("compared with earlier")
    table, tree = (line for line in lines if "parse" in line)
    assert table.split()[:7] == ["10.000", "20.0%", "60.0%", "30.000", "60.0%", "~-40.0%", "+0.0%"]
    assert tree.split() == ["30.000", "60.0%", "20.0%", "+0.0%", "parse"]


def test_the_text_of_a_dump_has_callers_and_callees_of_each_function(client: Client) -> None:
    text = client.ask(f"{where(client, 'dump.pstats')}/export?format=text&q=parse&sort=cum").body.decode()
    assert (
        text.split("what it calls below:\n")[1]
        == """
        cum     cum%  function
      3.000   100.0%      main (app.py:1)
      3.000   100.0%  parse (app.py:2)
      2.000    66.7%      read (app.py:3)
"""
    )


def test_no_name_in_a_text_begins_a_line_or_steers_a_terminal(client: Client) -> None:
    text = client.ask(f"{where(client, 'steering.pb.gz')}/export?format=text").body.decode()
    assert "\\x1b[31mred\\nline" in text and "\x1b" not in text


def test_a_format_that_is_none_is_refused(client: Client) -> None:
    assert client.ask(f"{where(client)}/export?format=docx").status == 400


def test_a_shared_page_fetches_nothing_and_holds_the_view(client: Client) -> None:
    page = client.ask(f"{where(client)}/share?view=graph&focus=parse").body.decode()
    held = json.loads(re.search(r'id="plopi-offline">(.*?)</script>', page, re.S)[1])  # type: ignore[index]
    assert held["address"] == "/p/saved/graph?focus=parse"
    graph = next(answer["body"] for answer in held["answers"] if answer["path"].endswith("/graph"))
    assert {node["name"] for node in graph["nodes"]} == {"main", "parse", "read"}
    assert not re.search(r'(?:src|href)="(?!#|data:)', page), "no address outside the file"


def test_a_redacted_page_holds_no_name_of_the_program(client: Client) -> None:
    page = client.ask(f"{where(client)}/share?view=graph&redact=1&focus=parse&nodes=9&q=read").body.decode()
    held = re.search(r'id="plopi-offline">(.*?)</script>', page, re.S)[1]  # type: ignore[index]
    assert json.loads(held)["address"] == "/p/saved/graph?nodes=9"
    for text in ("parse", "secret.py", "app.py", "box", "a.pb.gz"):
        assert text not in held, text


def test_a_comparison_is_shared_with_both_sides(client: Client) -> None:
    one, other = (where(client, name) for name in ("a.pb.gz", "evil.pb.gz"))
    base = other.rpartition("/")[2]
    page = client.ask(f"{one}/share?view=graph&base={base}").body.decode()
    held = json.loads(re.search(r'id="plopi-offline">(.*?)</script>', page, re.S)[1])  # type: ignore[index]
    graph = next(answer["body"] for answer in held["answers"] if answer["path"].endswith("/graph"))
    assert graph["base"]["samples"] == 1
    assert client.ask(f"{one}/share?view=graph&redact=1&base={base}").status == 400


def test_names_cannot_end_the_page_that_holds_them(client: Client) -> None:
    page = client.ask(f"{where(client, 'evil.pb.gz')}/share?view=graph").body.decode()
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert page.count("</script>") == 3, "the answers, the map and the start"


def test_redacting_keeps_every_number_and_tells_names_apart() -> None:
    before = formats.read(pprof(*STACKS), "a.pb.gz")
    after = redacted(before)
    numbers = [index(each).weighed(Selection(1)).numbers for each in (before, after)]
    assert (numbers[0].self == numbers[1].self).all()
    assert (numbers[0].edge == numbers[1].edge).all()
    assert len({after.function_name(f) for f in range(len(after.functions))}) == len({"main", "parse", "read", "write", "idle"})


def test_imports_are_followed_and_renamed() -> None:
    files = {
        "js/a.js": 'import { b } from "./b.js";\nexport const later = () => import("../lib/c.js");\n',
        "js/b.js": 'export { a } from "./a.js";\n',
        "lib/c.js": "export const c = 1;\n",
    }
    found = modules("js/a.js", files.__getitem__)
    assert set(found) == set(files)
    assert found["js/a.js"] == 'import { b } from "plopi/js/b.js";\nexport const later = () => import("plopi/lib/c.js");\n'
