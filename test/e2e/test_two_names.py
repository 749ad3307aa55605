"""Goal: a call of Claude Code that its session log and its telemetry both tell is counted once.
Method: the real program on a small log and the OTLP events of the same calls, made up here, in
either order, in one import, and through the receiver; tokens and cost against the log alone."""
import datetime
import http.client
import json
import subprocess

import pytest
import sessions

CALLS = 3
USAGE = {"input_tokens": 3, "output_tokens": 50, "cache_read_tokens": 20000,
         "cache_creation_tokens": 1000}
# $3, $15, $0.30 and $3.75 a million tokens of input, output, cache read and cache write
COST = CALLS * (3 * 3 + 50 * 15 + 20000 * 0.3 + 1000 * 3.75) / 1e6


def attributes(values):
    return [{"key": key, "value": {"intValue" if isinstance(value, int) else "stringValue": value}}
            for key, value in values.items()]


def event(session, number, request=None):
    at = datetime.datetime.fromisoformat(sessions.stamp(number).replace("Z", "+00:00"))
    return {"timeUnixNano": str(int(at.timestamp()) * 10**9),
            "body": {"stringValue": "claude_code.api_request"},
            "attributes": attributes({
                "event.name": "api_request", "session.id": session, "model": sessions.MODEL,
                "request_id": request or f"req_{session}_{number}", **USAGE})}


def events(*records):
    return {"resourceLogs": [{
        "resource": {"attributes": attributes({"service.name": "claude-code"})},
        "scopeLogs": [{"scope": {"name": "com.anthropic.claude_code.events"},
                       "logRecords": list(records)}]}]}


@pytest.fixture(name="work")
def fixture_work(tmp_path):
    """The log and the events of one session."""
    folder = tmp_path / "work"
    sessions.write(folder / "log/alpha.jsonl", sessions.session("alpha", CALLS))
    (folder / "otlp").mkdir()
    (folder / "otlp/events.json").write_text(
        json.dumps(events(*(event("alpha", number) for number in range(CALLS)))))
    return folder


def assert_counted_once(home):
    totals = home.verified()
    assert totals["steps"] == 2 * CALLS  # a call and its tool
    assert totals["cases"] == 1
    assert float(totals["cost"]) == pytest.approx(COST)


def test_an_event_of_another_request_is_another_call(home, work):
    other = work / "other.json"
    other.write_text(json.dumps(events(event("alpha", 1, "req_other"))))
    assert home.json("import", work / "log")["calls"] == CALLS
    assert home.json("import", other)["calls"] == 1
    assert float(home.verified()["cost"]) == pytest.approx(COST * (CALLS + 1) / CALLS)


@pytest.mark.parametrize("order", [("log", "otlp"), ("otlp", "log"), ("",)])
def test_each_call_is_counted_once_in_any_order_and_again(home, work, order):
    added = sum(home.json("import", work / name)["calls"] for name in order)
    assert added == CALLS
    assert_counted_once(home)
    (work / "log/alpha.jsonl").rename(work / "log/moved.jsonl")  # read anew, known already
    (work / "otlp/events.json").rename(work / "otlp/moved.json")
    for name in order:
        again = home.json("import", work / name)
        assert (again["calls"], float(again["cost"])) == (0, 0)
    assert_counted_once(home)


@pytest.mark.parametrize("order", ["log first", "events first"])
def test_the_receiver_counts_each_call_once(home, work, order):
    if order == "log first":
        home.ok("import", work / "log")
    with subprocess.Popen(home.command("serve", "--listen", "127.0.0.1:0"), text=True,
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as server:
        port = int(server.stderr.readline().split("listening on 127.0.0.1:")[1].split(",")[0])
        for number in list(range(CALLS)) + [0]:  # each a request of its own, one sent twice
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("POST", "/v1/logs", json.dumps(events(event("alpha", number))),
                               {"Content-Type": "application/json"})
            assert connection.getresponse().status == 200
            connection.close()
        server.terminate()
        server.stderr.read()
    assert server.returncode == 0
    if order != "log first":
        home.ok("import", work / "log")
    assert_counted_once(home)
