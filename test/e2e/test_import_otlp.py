"""Goal: OTLP requests in files become calls of the right cases, each counted once, whichever way
they are written. Method: the real program on requests as exporters and the collector write them,
plain and packed, twice, and beside a session log of the same work."""
import csv
import gzip
import json

import pytest
import sessions
from conftest import ROOT, SHARED

TRACE = "0af7651916cd43dd8448eb211c80319c"


def attributes(values):
    kinds = {str: "stringValue", int: "intValue", float: "doubleValue"}
    return [{"key": key, "value": {kinds[type(value)]: value}} for key, value in values.items()]


def span(number, parent=0, **values):
    return {"traceId": TRACE, "spanId": f"{number:016x}",
            "parentSpanId": f"{parent:016x}" if parent else "", "name": "s",
            "startTimeUnixNano": str(1763802000000000000 + number),
            "endTimeUnixNano": str(1763802001000000000 + number),
            "attributes": attributes({key.replace("__", "."): value
                                      for key, value in values.items()})}


def request(*spans):
    return {"resourceSpans": [{"resource": {"attributes": attributes({"service.name": "desk"})},
                               "scopeSpans": [{"spans": list(spans)}]}]}


def chat(number, parent=0, **values):
    return span(number, parent, gen_ai__operation__name="chat", gen_ai__request__model="gpt-4o",
                gen_ai__usage__input_tokens=1000, gen_ai__usage__output_tokens=100, **values)


def root(number, **values):
    return span(number, gen_ai__operation__name="invoke_agent", gen_ai__usage__input_tokens=2000,
                **values)


def test_a_file_of_lines_gives_each_call_to_its_case(home, tmp_path):
    lines = [request(chat(2, 1)), request(chat(3, 1)),
             request(root(1, bursar__workflow="refunds", bursar__case__id="T-1",
                          bursar__outcome="resolved"))]
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    (tmp_path / "traces.json").write_bytes(text)
    with gzip.open(tmp_path / "again.jsonl.gz", "wb") as file:
        file.write(text)
    got = home.json("import", tmp_path)
    assert got["calls"] == 2
    assert got["cases"] == 1
    assert got["outcomes"] == 1
    assert home.verified()["steps"] == 3
    # 2 calls of 1,000 input tokens at $2.50 and 100 output tokens at $10 a million
    assert float(home.verified()["cost"]) == pytest.approx(2 * (0.0025 + 0.001))
    assert home.json("import", tmp_path)["calls"] == 0


def claude_event(session, request_id, tokens):
    return {"resourceLogs": [{
        "resource": {"attributes": attributes({"service.name": "claude-code"})},
        "scopeLogs": [{"logRecords": [{
            "timeUnixNano": "1763802001000000000",
            "attributes": attributes({
                "event.name": "api_request", "session.id": session, "request_id": request_id,
                "model": "claude-sonnet-4-5", "input_tokens": tokens, "output_tokens": 10})}]}]}]}


def test_events_of_a_session_belong_to_the_case_of_its_log(home, tmp_path):
    sessions.write(tmp_path / "alpha.jsonl", sessions.session("alpha", 2))
    (tmp_path / "events.jsonl").write_text(json.dumps(claude_event("alpha", "req_z", 5)) + "\n")
    home.ok("import", tmp_path)
    assert home.verified()["cases"] == 1


def test_what_is_no_request_is_told_by_its_line(home, tmp_path):
    path = tmp_path / "traces.jsonl"
    path.write_text(json.dumps(request(chat(1))) + '\n{"resourceSpans": 7}\n')
    got = home.json("import", path)
    assert got["calls"] == 1
    assert got["rejected"] == 1
    assert "traces.jsonl:2: " in got["rejects"][0]
    (tmp_path / "x.bin").write_bytes(b"\x0a\x02no request")
    again = home.json("import", tmp_path / "x.bin", "--format", "otlp")
    assert "neither JSON nor an OTLP request" in again["rejects"][0]


def test_the_known_requests_give_their_calls_in_either_encoding(new_home):
    folder = SHARED / "otlp/derived_from_tau2"
    if not folder.is_dir():
        pytest.skip("the shared data are not here")
    with open(folder / "expected.csv", encoding="utf-8") as file:
        expected = list(csv.DictReader(file))
    for ending in ("pb", "json"):
        home = new_home(ending)
        got = home.json("import", folder)
        assert got["calls"] == sum(int(row["chat_spans"]) for row in expected)
        got = home.json("import", *folder.glob(f"*.{ending}"))
        assert got["calls"] == 0
        totals = home.verified()
        assert totals["steps"] == sum(int(row["spans"]) for row in expected)
        assert totals["cases"] == sum(int(row["traces"]) for row in expected)


def test_the_example_costs_what_its_tokens_do(home):
    got = home.json("import", ROOT / "examples/otlp")
    assert (got["calls"], got["cases"], got["outcomes"]) == (3, 2, 2)
    # uncached, cached and output tokens at $2.50, $1.25 and $10 a million
    calls = [(1200, 0, 80), (248, 1152, 210), (126, 1024, 60)]
    cost = sum(fresh * 2.5 + cached * 1.25 + out * 10 for fresh, cached, out in calls) / 1e6
    assert float(home.verified()["cost"]) == pytest.approx(cost)


def details(number):
    """The event that copies the attributes of chat(number)."""
    copied = chat(number)
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [{
        "timeUnixNano": copied["endTimeUnixNano"], "traceId": TRACE, "spanId": copied["spanId"],
        "eventName": "gen_ai.client.inference.operation.details",
        "attributes": copied["attributes"]}]}]}]}


@pytest.mark.parametrize("order", [("logs", "spans"), ("spans", "logs")])
def test_a_span_and_its_event_are_one_call_in_either_order(home, tmp_path, order):
    (tmp_path / "logs.json").write_text(json.dumps(details(2)))
    (tmp_path / "spans.json").write_text(json.dumps(request(chat(2))))
    for name in order:
        home.ok("import", tmp_path / f"{name}.json", "--workflow", "desk")
    totals = home.verified()
    assert totals["steps"] == 1
    assert float(totals["cost"]) == pytest.approx(0.0035)
