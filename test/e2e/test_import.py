"""Goal: what an import takes, how often it counts it, and what it says of the rest.
Method: the real program on session logs made here, once, twice, grown, packed, broken."""
import gzip
import json
import signal
import time

import pytest
import sessions


def summary(home, *args):
    return home.json("import", *args)


def state(home):
    """All that a second import must not change."""
    report = home.json("report")
    cases = [home.json("explain", case) for case in ("alpha", "beta")]
    return report, cases, home.verified()


@pytest.fixture(name="tree")
def fixture_tree(tmp_path):
    sessions.write(tmp_path / "logs/p/alpha.jsonl", sessions.session("alpha", 5))
    sessions.write(tmp_path / "logs/q/beta.jsonl", sessions.session("beta", 3))
    return tmp_path / "logs"


def test_importing_twice_changes_nothing(home, tree):
    first = summary(home, tree)
    assert first["calls"] == 8
    assert first["cases"] == 2
    before = state(home)
    again = summary(home, tree)
    assert again["calls"] == 0
    assert again["files"] == 0
    assert again["files_unchanged"] == 2
    assert state(home) == before


def test_a_table_of_many_groups_is_one_file(home, tmp_path):
    home.ok("simulate", "--cases", "3000", "--out", tmp_path / "company")
    assert summary(home, tmp_path / "company")["steps"] > 50000
    home.verified()
    assert summary(home, tmp_path / "company")["steps"] == 0
    home.verified()


def test_the_same_file_elsewhere_changes_nothing(home, tree, tmp_path):
    summary(home, tree)
    before = state(home)
    copy = sessions.write(tmp_path / "copy/alpha.jsonl", sessions.session("alpha", 5))
    packed = tmp_path / "copy/beta.jsonl.gz"
    packed.write_bytes(gzip.compress(sessions.text(sessions.session("beta", 3))))
    again = summary(home, copy.parent)
    assert again["calls"] == 0
    assert again["steps_known"] > 0
    assert state(home) == before


def test_a_grown_file_is_read_from_where_the_last_import_stopped(home, tree):
    summary(home, tree)
    more = sessions.text(sessions.session("alpha", 2, first=5))
    with open(tree / "p/alpha.jsonl", "ab") as file:
        file.write(more)
    again = summary(home, tree)
    assert again["calls"] == 2
    assert len(more) <= again["bytes"] < 2 * len(more)  # the last answer may still grow
    assert home.json("explain", "alpha")["calls"] == 7
    home.verified()


def test_a_line_still_being_written_waits_for_its_end(home, tmp_path):
    lines = sessions.text(sessions.session("alpha", 3))
    path = tmp_path / "alpha.jsonl"
    path.write_bytes(lines[:-40])
    first = summary(home, path)
    assert first["rejected"] == 0
    path.write_bytes(lines)
    summary(home, path)
    steps = home.json("explain", "alpha")["attempts"][0]["steps"]
    assert [step["error"] for step in steps] == [None] * 6
    assert home.json("explain", "alpha")["calls"] == 3
    home.verified()


def test_a_replaced_file_is_read_from_its_start(home, tree):
    summary(home, tree)
    sessions.write(tree / "p/alpha.jsonl", sessions.session("gamma", 4))
    assert summary(home, tree)["calls"] == 4
    assert home.json("explain", "alpha")["calls"] == 5


def test_usage_repeated_on_several_lines_is_one_call(home, tmp_path):
    line = sessions.call("alpha", 1)
    grown = sessions.call("alpha", 1, usage={"output_tokens": 90})
    path = sessions.write(tmp_path / "alpha.jsonl", [line, line, grown])
    assert summary(home, path)["calls"] == 1
    step = home.json("explain", "alpha")["attempts"][0]["steps"][0]
    assert step["tokens"]["output"] == 90
    assert step["tokens"]["cache_read"] == 20000


def test_a_sub_agent_belongs_to_its_parents_attempt(home, tmp_path):
    folder = tmp_path / "logs/p"
    sessions.write(folder / "alpha.jsonl", sessions.session("alpha", 2))
    helper = [sessions.call("alpha", number, agentId="abc123", seconds=number)
              for number in (10, 11)]
    for line in helper:
        line["isSidechain"] = True
    sessions.write(folder / "alpha/subagents/agent-abc123.jsonl", helper)
    summary(home, tmp_path / "logs")
    answer = home.json("explain", "alpha")
    assert len(answer["attempts"]) == 1
    assert answer["calls"] == 4
    helpers = [step for step in answer["attempts"][0]["steps"] if step["sub_agent"]]
    assert len([step for step in helpers if step["kind"] == "llm"]) == 2


GOOD = sessions.call("alpha", 1)
LAST = sessions.call("alpha", 2)


@pytest.mark.parametrize("name, bad", [
    ("negative", sessions.call("alpha", 3, usage={"output_tokens": -5})),
    ("huge", sessions.call("alpha", 3, usage={"output_tokens": 10**17})),
    ("beyond 64 bits", sessions.call("alpha", 3, usage={"output_tokens": 10**30})),
    ("not a number", json.dumps(sessions.call("alpha", 3)).replace("20000", "NaN")),
    ("not UTF-8", json.dumps(sessions.call("alpha", 3)).encode().replace(b"a.txt", b"\xff\xfe")
     .replace(b"srv", b"\xc3\x28")),
    ("depth 10,000", "[" * 10000 + "]" * 10000),
    ("depth 10,000 inside", json.dumps(sessions.call("alpha", 3))
     .replace('{"command": "ls"}', '{"a":' * 10000 + "1" + "}" * 10000)),
    ("cut off", json.dumps(sessions.call("alpha", 3))[:-30]),
    ("no JSON", "hello"),
    ("a bare zero byte", b"\x00\x00\x00"),
])
def test_a_bad_line_is_named_and_the_good_ones_are_kept(home, tmp_path, name, bad):
    path = sessions.write(tmp_path / "alpha.jsonl", [GOOD, bad, LAST])
    done = summary(home, path)
    assert done["calls"] == 2, name
    assert done["rejected"] == 1, name
    assert f"{path}:2: " in done["rejects"][0]
    home.verified()


def test_a_line_of_100_mb_is_named_and_the_good_ones_are_kept(home, tmp_path):
    path = tmp_path / "alpha.jsonl"
    with open(path, "wb") as file:
        file.write(sessions.text([GOOD]))
        file.write(b'{"type":"assistant","message":{"content":"')
        for _ in range(100):
            file.write(b"x" * (1 << 20))
        file.write(b'"}}\n')
        file.write(sessions.text([LAST]))
    done = summary(home, path)
    assert done["calls"] == 2
    assert done["rejected"] == 1
    assert f"{path}:2: " in done["rejects"][0]
    home.verified()


def test_a_gzip_cut_short_is_named_and_its_whole_lines_are_kept(home, tmp_path):
    packed = gzip.compress(sessions.text(sessions.session("alpha", 400)))
    path = tmp_path / "alpha.jsonl.gz"
    path.write_bytes(packed[:len(packed) // 2])
    done = summary(home, path)
    assert 0 < done["calls"] < 400
    assert done["rejected"] in (1, 2)  # that it ends too early, and the line it was cut in
    assert all(str(path) in reject for reject in done["rejects"])
    totals = home.verified()
    path.write_bytes(packed)
    summary(home, path)
    assert home.json("explain", "alpha")["calls"] == 400
    assert home.verified()["steps"] > totals["steps"]


def test_a_clock_that_jumps_loses_nothing(home, tmp_path):
    times = ["2026-03-02T05:00:00Z", "2026-03-02T04:00:00Z", "2011-01-01T00:00:00Z",
             "2060-01-01T00:00:00Z"]
    lines = [{**sessions.call("alpha", number), "timestamp": time}
             for number, time in enumerate(times)]
    summary(home, sessions.write(tmp_path / "alpha.jsonl", lines))
    answer = home.json("explain", "alpha")
    assert [step["at"] for step in answer["attempts"][0]["steps"]
            if step["kind"] == "llm"] == sorted(times)
    home.verified()


@pytest.mark.parametrize("time", ["0000-00-00T00:00:00Z", "1066-10-14T00:00:00Z", "soon",
                                  "9999-12-31T23:59:59Z", 1e300, None])
def test_a_time_that_is_none_is_unknown_and_its_call_unpriced(home, tmp_path, time):
    lines = [sessions.call("alpha", 1), {**sessions.call("alpha", 2), "timestamp": time}]
    done = summary(home, sessions.write(tmp_path / "alpha.jsonl", lines))
    answer = home.json("explain", "alpha")
    assert done["calls"] + done["rejected"] == 2
    assert answer["unpriced_calls"] == done["calls"] - 1
    home.verified()


def test_a_file_of_no_known_format_is_refused_with_what_to_do(home, tmp_path):
    path = sessions.write(tmp_path / "notes.jsonl", [{"a": 1}, {"a": 2}])
    assert "--map" in home.refused("import", path)
    assert "no such file" in home.refused("import", tmp_path / "absent").lower()


def is_locked(path):
    """Whether a process holds it. Source: proc_locks(5)."""
    with open("/proc/locks", encoding="ascii") as locks:
        return path.exists() and any(line.split()[5].endswith(f":{path.stat().st_ino}")
                                     for line in locks if line.split()[1] == "POSIX")


def test_a_second_process_gets_one_clear_sentence(home, tmp_path):
    sessions.write_tree(tmp_path / "logs", 40, 400)
    importing = home.start("import", tmp_path / "logs")
    ledger = home.path / "ledger.duckdb"
    try:
        deadline = time.monotonic() + 60
        while not is_locked(ledger):
            assert time.monotonic() < deadline and importing.poll() is None
            time.sleep(0.001)
        importing.send_signal(signal.SIGSTOP)
        assert importing.poll() is None
        said = home.refused("verify")
        assert "ledger.duckdb is in use by" in said
        assert "bursar" in said
        assert str(importing.pid) in said
        assert "in use by" in home.refused("outcome", "add", "w", "c", "resolved")
    finally:
        importing.send_signal(signal.SIGCONT)
        _, errors = importing.communicate(timeout=60)
    assert importing.returncode == 0, errors
    assert home.verified()["cases"] == 40
