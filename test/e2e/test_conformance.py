"""Goal: each thing OTLP/HTTP says a receiver MUST do, and what this product promises beyond it, is
done; a test is named for each.
Method: requests by hand against the real program. Source: opentelemetry-proto,
docs/specification.md after 1.11.0, in the order of its sections."""
import csv
import gzip
import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import SHARED, Home
from test_serve import JSON, NS, PROTOBUF, Server, request, span

SIGNALS = ("traces", "logs", "metrics")
GZIP = {"Content-Encoding": "gzip"}
LIMIT = 64 << 20


@pytest.fixture(name="server", scope="module")
def fixture_server(tmp_path_factory):
    server = Server(Home(tmp_path_factory.mktemp("server") / "home"))
    yield server
    server.stop()


def read_status(body):
    """google.rpc.Status in protobuf -> code, message."""
    assert body[0] == 0x08, body
    assert body[2] == 0x12
    assert body[3] < 128 or body[4] < 128
    return body[1], body[4 if body[3] < 128 else 5:].decode()


def points(name, kind, values, start=NS, end=NS + 60 * 10**9, temporality=1, service="meter"):
    return {"resourceMetrics": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
        "scopeMetrics": [{"metrics": [{"name": name, kind: {
            "aggregationTemporality": temporality, "dataPoints": [{
                "startTimeUnixNano": str(start), "timeUnixNano": str(end), **value,
                "attributes": [{"key": key, "value": {"stringValue": text}}
                               for key, text in labels.items()]} for value, labels in values]}}]}]}]}


@pytest.mark.parametrize("signal", SIGNALS)
def test_each_signal_has_its_path_on_one_port_in_both_encodings(server, signal):
    assert server.ask("POST", f"/v1/{signal}", b"", PROTOBUF)[0] == 200
    assert server.ask("POST", f"/v1/{signal}", b"{}", JSON)[0] == 200


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("body", [b"", b"\xff", b"{}", b"{"])
@pytest.mark.parametrize("headers", [PROTOBUF, JSON])
def test_the_response_is_of_the_request_s_content_type(server, signal, body, headers):
    got = server.ask("POST", f"/v1/{signal}", body, headers)[2]
    assert got["Content-Type"] == headers["Content-Type"]


def test_gzip_and_none_are_supported(server):
    body = json.dumps(request([span(1)])).encode()
    assert server.ask("POST", "/v1/traces", body, JSON)[0] == 200
    assert server.ask("POST", "/v1/traces", gzip.compress(body), {**JSON, **GZIP})[0] == 200


@pytest.mark.parametrize("size, status", [(LIMIT, 200), (LIMIT + 1, 413)])
def test_the_size_limit_holds_after_decompression(server, size, status):
    body = b'{"resourceSpans":[]}'
    packed = gzip.compress(body + b" " * (size - len(body)), 1)
    assert server.ask("POST", "/v1/traces", packed, {**JSON, **GZIP})[0] == status


@pytest.mark.parametrize("headers", [PROTOBUF, JSON])
def test_the_size_limit_holds_before_decompression(server, headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", "/v1/traces")
    connection.putheader("Content-Type", headers["Content-Type"])
    connection.putheader("Content-Length", str(LIMIT + 1))
    connection.endheaders()
    answer = connection.getresponse()  # before any of the body
    assert answer.status == 413
    assert answer.headers["Content-Type"] == headers["Content-Type"]
    said = answer.read()
    assert (json.loads(said)["code"] if headers is JSON else read_status(said)[0]) == 8
    connection.close()


def test_a_response_stays_small_whatever_is_wrong(server):
    bad = [{**span(i), "traceId": "x" * 5000} for i in range(2000)]
    status, body, _ = server.post(bad)
    assert status == 200
    assert len(body) < 4 << 20


@pytest.mark.parametrize("signal", SIGNALS)
def test_full_success_leaves_partial_success_unset(server, signal):
    assert server.ask("POST", f"/v1/{signal}", b"", PROTOBUF)[:2] == (200, b"")
    assert server.ask("POST", f"/v1/{signal}", b"{}", JSON)[:2] == (200, b"{}")


def test_partial_success_counts_what_was_rejected(server):
    bad_point = points("claude_code.token.usage", "sum", [({"asInt": "-5"}, {"type": "input"})])
    for signal, body, name in (
            ("traces", request([span(1), {**span(2), "spanId": ""}]), "rejectedSpans"),
            ("metrics", bad_point, "rejectedDataPoints")):
        status, said, _ = server.ask("POST", f"/v1/{signal}", json.dumps(body), JSON)
        partial = json.loads(said)["partialSuccess"]
        assert (status, partial[name]) == (200, "1")
        assert partial["errorMessage"]


@pytest.mark.parametrize("signal, body", [
    ("traces", b'{"resourceSpans":[{"scopeSpans":[{"spans":[]}]}]}'),
    ("logs", b'{"resourceLogs":[{}]}'),
    ("metrics", b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"x"}]}]}]}')])
def test_empty_envelopes_are_a_success(server, signal, body):
    assert server.ask("POST", f"/v1/{signal}", body, JSON)[:2] == (200, b"{}")


@pytest.mark.parametrize("signal", SIGNALS)
def test_what_cannot_be_decoded_is_400_with_a_status(server, signal):
    status, body, _ = server.ask("POST", f"/v1/{signal}", b"\x0a\xff\xff", PROTOBUF)
    assert status == 400
    code, message = read_status(body)
    assert code == 3
    assert message
    status, body, _ = server.ask("POST", f"/v1/{signal}", b'{"resourceSpans":', JSON)
    assert status == 400
    assert json.loads(body)["message"]


@pytest.mark.parametrize("method, headers", [
    ("GET", JSON), ("PUT", PROTOBUF), ("POST", {"Content-Type": "text/plain"}),
    ("POST", {**PROTOBUF, "Content-Encoding": "zstd"})])
def test_every_refusal_has_a_status_and_is_not_retryable(server, method, headers):
    got, body, fields = server.ask(method, "/v1/traces", b"x", headers)
    assert 400 <= got < 500
    assert got != 429
    if fields["Content-Type"] == "application/json":
        assert json.loads(body)["message"]
    else:
        assert read_status(body)[1]


@pytest.fixture(name="narrow")
def fixture_narrow(home):
    """A server whose inbox holds a mebibyte."""
    home.path.mkdir()
    (home.path / "bursar.yaml").write_text("limits: {queue_mib: 1, journal_mib: 1}\n",
                                           encoding="ascii")
    server = Server(home)
    yield server
    server.stop()


def field(number, value):
    """Bytes in protobuf, behind their size."""
    size, sizes = len(value), b""
    while size >= 128:
        sizes, size = sizes + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + sizes + bytes([size]) + value


def padded(number, size):
    row = span(number)
    row["attributes"].append({"key": "padding", "value": {"stringValue": "x" * size}})
    return row


def large(number, headers):
    """A span larger than the whole inbox of `narrow`."""
    if headers is JSON:
        return json.dumps(request([padded(number, 3 << 19)])).encode()
    key = number.to_bytes(8, "big")  # resource_spans 1, scope_spans 2, spans 2: trace_id 1, span_id 2
    return field(1, field(2, field(2, field(1, key * 2) + field(2, key)
                                   + field(5, b"x" * (3 << 19)))))


@pytest.mark.parametrize("headers", [PROTOBUF, JSON])
def test_a_full_inbox_is_503_with_retry_after_and_takes_nothing(narrow, headers):
    def send(number):
        return narrow.ask("POST", "/v1/traces", large(number, headers), headers)

    with ThreadPoolExecutor(8) as senders:  # each alone would be taken
        told = list(senders.map(send, range(1, 25)))
    refused = [(said, fields) for status, said, fields in told if status == 503]
    taken = [said for status, said, _ in told if status == 200]
    assert refused and taken and len(refused) + len(taken) == len(told)
    for said, fields in refused:
        assert int(fields["Retry-After"]) >= 1
        assert fields["Content-Type"] == headers["Content-Type"]
        code, message = read_status(said) if headers is PROTOBUF else json.loads(said).values()
        assert (code, "try again" in message) == (14, True)
    narrow.settle()
    assert narrow.post([span(99)])[:2] == (200, b"{}")
    narrow.settle()
    assert narrow.metric("bursar_inbox_messages") == 0
    assert (narrow.home.json("report")["workflows"][0]["calls"]
            == 1 + (len(taken) if headers is JSON else 0))


@pytest.mark.parametrize("headers", [PROTOBUF, JSON])
def test_what_is_larger_than_the_inbox_is_taken_when_nothing_waits(narrow, headers):
    for number in (1, 2):
        status, said, _ = narrow.ask("POST", "/v1/traces", large(number, headers), headers)
        assert status == 200, said
        narrow.settle()


def test_who_sends_again_after_503_as_long_as_it_comes_loses_nothing(narrow):
    refused = []

    def send(number):
        while True:
            status, said, fields = narrow.post([padded(number, 600_000)])
            if status == 200:
                return
            assert (status, int(fields["Retry-After"])) == (503, 1), said
            refused.append(number)
            time.sleep(0.02)

    with ThreadPoolExecutor(12) as senders:
        list(senders.map(send, range(1, 49)))
    narrow.settle()
    assert refused  # 12 x 600 kB at once do not fit
    assert narrow.home.json("report")["workflows"][0]["calls"] == 48


def test_ids_in_json_are_hexadecimal_of_either_case(home):
    server = Server(home)
    lower = {**span(1), "traceId": "ab" * 16, "spanId": "cd" * 8}
    upper = {**lower, "traceId": "AB" * 16, "spanId": "CD" * 8}
    assert server.post([lower])[0] == 200
    assert server.post([upper])[0] == 200
    status, body, _ = server.post([{**span(2), "traceId": "q83vq83vq83vq83vq83vqw=="}])  # base64
    assert (status, json.loads(body)["partialSuccess"]["rejectedSpans"]) == (200, "1")
    assert server.stop() == 0
    assert home.verified()["steps"] == 1


def test_enums_are_integers_and_unknown_fields_are_ignored(home):
    server = Server(home)
    row = {**span(1), "kind": 3, "status": {"code": 2}, "flags": 257, "future": {"a": [1]}}
    body = {**request([row]), "another": 1}
    assert server.ask("POST", "/v1/traces", json.dumps(body), JSON)[:2] == (200, b"{}")
    assert server.stop() == 0
    assert home.verified()["steps"] == 1


def test_names_of_enums_and_snake_case_which_senders_must_not_use_change_no_sum(home):
    """Left out they would be spend that is lost, or a running total counted at each of its points;
    a name that is none is an unknown field, and the proper name goes before the other."""
    server = Server(home)
    names = {"traceId": "trace_id", "spanId": "span_id", "startTimeUnixNano": "start_time_unix_nano",
             "endTimeUnixNano": "end_time_unix_nano", "attributes": "attributes", "name": "name"}
    row = {names[key]: value for key, value in span(1).items() if key in names}
    row = {**row, "kind": "SPAN_KIND_CLIENT", "status": {"code": "STATUS_CODE_OK"}}
    both = {**span(2), "trace_id": "f" * 32, "span_id": "f" * 16, "kind": "NO_SUCH_KIND",
            "status": {"code": "NO_SUCH_CODE"}}
    body = {"resource_spans": [{"scope_spans": [{"spans": [row]}]}]}
    for each in (body, body, request([both]), request([span(1), span(2)])):
        assert server.ask("POST", "/v1/traces", json.dumps(each), JSON)[:2] == (200, b"{}")
    labels = {"gen_ai.token.type": "input", "gen_ai.request.model": "gpt-5"}
    for total, end in ((5, 1), (12, 2)):
        meter = points("gen_ai.client.token.usage", "sum", [({"asInt": str(total)}, labels)], NS,
                       NS + end * 60 * 10**9, "AGGREGATION_TEMPORALITY_CUMULATIVE")
        assert server.ask("POST", "/v1/metrics", json.dumps(meter), JSON)[:2] == (200, b"{}")
    assert server.stop() == 0
    totals = home.verified()
    assert totals["steps"] == 4  # two calls, and what each reading adds
    assert totals["cost"] == "0.009015"  # 2 x 1,000 in and 100 out, and 12 tokens


def test_64_bit_integers_are_numbers_or_texts(home):
    server = Server(home)
    text, number = span(1), span(2)
    for attribute in number["attributes"]:
        if "intValue" in attribute["value"]:
            attribute["value"]["intValue"] = int(attribute["value"]["intValue"])
    number["startTimeUnixNano"] = int(number["startTimeUnixNano"])
    assert server.post([text, number])[:2] == (200, b"{}")
    assert server.stop() == 0
    assert home.json("report")["workflows"][0]["tokens"]["input_uncached"] == 2000


@pytest.mark.parametrize("again", [1, 3])
def test_duplicates_of_spans_records_and_points_are_counted_once(home, again):
    server = Server(home)
    record = {"timeUnixNano": str(NS), "body": {"stringValue": "claude_code.api_request"},
              "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in {
                  "event.name": "api_request", "session.id": "s", "model": "claude-haiku-4-5",
                  "input_tokens": "7", "output_tokens": "1"}.items()]}
    meter = points("gen_ai.client.token.usage", "histogram",
                   [({"sum": 11.0, "count": "1"}, {"gen_ai.token.type": "input",
                                                  "gen_ai.request.model": "gpt-5"})])
    for _ in range(again):
        assert server.post([span(1)])[0] == 200
        logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
        assert server.ask("POST", "/v1/logs", json.dumps(logs), JSON)[0] == 200
        assert server.ask("POST", "/v1/metrics", json.dumps(meter), JSON)[0] == 200
    assert server.stop() == 0
    assert home.verified()["steps"] == 3


@pytest.mark.parametrize("kind", ["sum", "histogram", "exponentialHistogram"])
@pytest.mark.parametrize("temporality", [1, 2])
def test_delta_and_cumulative_points_give_the_same_in_any_order_across_a_restart(
        home, kind, temporality):
    minute = 60 * 10**9
    windows = [(0, 0, 1, 5), (0, 1, 2, 7), (0, 2, 3, 0), (4, 4, 5, 9)]  # process start, from, to, of it
    posts, total = [], {}
    for start, begin, end, tokens in windows:
        total[start] = total.get(start, 0) + tokens
        value = total[start] if temporality == 2 else tokens
        labels = {"gen_ai.token.type": "input", "gen_ai.request.model": "gpt-5"}
        value = {"asInt": str(value)} if kind == "sum" else {"sum": value, "count": "1"}
        posts.append(points("gen_ai.client.token.usage", kind, [(value, labels)],
                            NS + (start if temporality == 2 else begin) * minute,
                            NS + end * minute, temporality))
    server = Server(home)
    for body in [posts[i] for i in (2, 0, 3, 1, 0)]:
        assert server.ask("POST", "/v1/metrics", json.dumps(body), JSON)[0] == 200
        server.settle()
    assert server.stop() == 0
    assert home.verified()["cost"] == "0.00002625"  # 21 tokens at $1.25 a million


def test_the_known_requests_give_their_calls_through_the_server(home):
    folder = SHARED / "otlp/derived_from_tau2"
    if not folder.is_dir():
        pytest.skip("the shared data are not here")
    with open(folder / "expected.csv", encoding="utf-8") as file:
        expected = list(csv.DictReader(file))
    server = Server(home)
    for path in sorted(folder.glob("*.pb")) * 2:
        assert server.ask("POST", "/v1/traces", path.read_bytes(), PROTOBUF)[:2] == (200, b"")
    for path in sorted(folder.glob("*.json")):
        assert server.ask("POST", "/v1/traces", path.read_bytes(), JSON)[:2] == (200, b"{}")
    assert server.stop() == 0
    totals = home.verified()
    assert totals["steps"] == sum(int(row["spans"]) for row in expected)
    assert totals["cases"] == sum(int(row["traces"]) for row in expected)


def test_files_of_requests_behind_their_sizes_are_read(home, tmp_path):
    folder = SHARED / "otlp/derived_from_tau2"
    if not folder.is_dir():
        pytest.skip("the shared data are not here")
    requests = [path.read_bytes() for path in sorted(folder.glob("*.pb"))]
    sized = b"".join(len(body).to_bytes(4, "big") + body for body in requests)
    (tmp_path / "traces.data").write_bytes(sized)
    got = home.json("import", tmp_path / "traces.data")
    with open(folder / "expected.csv", encoding="utf-8") as file:
        assert got["calls"] == sum(int(row["chat_spans"]) for row in csv.DictReader(file))
    (tmp_path / "cut.data").write_bytes(sized[:-7])
    cut = home.json("import", tmp_path / "cut.data", "--format", "otlp")
    assert (cut["calls"], cut["rejected"]) == (0, 1)
    assert "ends within a request" in cut["rejects"][0]
    home.verified()
