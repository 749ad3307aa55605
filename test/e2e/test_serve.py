"""Goal: what the server acknowledges is in the ledger, once, whatever happens; what is wrong is
refused in OTLP's own words; commands and HTTP give the same answers.
Method: the real program on loopback; requests by hand. Killed under load: test_killed.py."""
import gzip
import http.client
import json
import os
import signal
import subprocess
import time

import pytest

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
NS = 1_780_000_000_000_000_000


class Server:
    def __init__(self, home, *args):
        self.home = home
        self.process = subprocess.Popen(
            home.command("serve", "--listen", "127.0.0.1:0", *args), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.said = self.process.stderr.readline()
        while self.process.poll() is None and "listening on" not in self.said:
            self.said = self.process.stderr.readline()  # what it found is told first
        assert "listening on" in self.said, self.said + self.process.stderr.read()
        self.port = int(self.said.split("listening on 127.0.0.1:")[1].split(",")[0])

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def post(self, spans, **headers):
        return self.ask("POST", "/v1/traces", json.dumps(request(spans)), {**JSON, **headers})

    def get(self, path):
        status, body, _ = self.ask("GET", path)
        return status, json.loads(body)

    def metric(self, name):
        _, body, _ = self.ask("GET", "/metrics")
        lines = dict(line.rsplit(" ", 1) for line in body.decode().splitlines()
                     if not line.startswith("#"))
        return float(lines[name])

    def memory(self):
        """Resident bytes of its own: pages of code come and go."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            lines = dict(line.split(":", 1) for line in status)
        return int(lines["RssAnon"].split()[0]) << 10

    def processor_s(self):
        """Seconds of a processor it has taken, whatever else the machine does."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            taken = stat.read().rsplit(")", 1)[1].split()[11:13]  # user, system
        return sum(map(int, taken)) / os.sysconf("SC_CLK_TCK")

    def settle(self):
        """Until everything acknowledged is in the ledger, as long as it gets less:
        where programs beside leave it no processor, one commit may take a minute."""
        left, until = None, time.monotonic() + 180
        while (now := self.metric("bursar_inbox_messages")) > 0:
            if left is None or now < left:
                left, until = now, time.monotonic() + 180
            assert time.monotonic() < until, "the inbox does not empty"
            time.sleep(0.02)

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(300)
        self.process.stderr.close()
        return self.process.returncode


def span(number, case="case-1", workflow="claims", tokens=1000):
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic",
                  "gen_ai.request.model": "claude-sonnet-4-5",
                  "gen_ai.response.id": f"msg_{number:08}", "bursar.workflow": workflow,
                  "bursar.case.id": case}
    usage = {"gen_ai.usage.input_tokens": tokens, "gen_ai.usage.output_tokens": 100}
    return {"traceId": f"{number:032x}", "spanId": f"{number:016x}", "name": "chat", "kind": 3,
            "startTimeUnixNano": str(NS + number * 1000),
            "endTimeUnixNano": str(NS + number * 1000 + 500),
            "attributes": [{"key": key, "value": {"stringValue": value}}
                           for key, value in attributes.items()]
            + [{"key": key, "value": {"intValue": str(value)}} for key, value in usage.items()]}


def request(spans):
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


@pytest.fixture(name="server")
def fixture_server(home):
    server = Server(home)
    yield server
    server.stop()


@pytest.mark.parametrize("method, path, body, headers, status", [
    ("GET", "/v1/traces", None, {}, 405),
    ("POST", "/v1/traces", b"{}", {}, 415),
    ("POST", "/v1/traces", b"{}", {"Content-Type": "text/plain"}, 415),
    ("POST", "/v1/traces", b"{", JSON, 400),
    ("POST", "/v1/traces", b"[]", JSON, 400),
    ("POST", "/v1/traces", b"\x0a\xff", PROTOBUF, 400),
    ("POST", "/v1/traces", b"x", {**JSON, "Content-Encoding": "zstd"}, 415),
    ("POST", "/v1/traces", b"x", {**JSON, "Content-Encoding": "gzip"}, 400),
    ("POST", "/v1/traces", gzip.compress(b'{"resourceSpans":[]}')[:-9],
     {**JSON, "Content-Encoding": "gzip"}, 400),
    ("POST", "/v1/traces", gzip.compress(bytes(65 << 20)), {**JSON, "Content-Encoding": "gzip"}, 413),
    ("POST", "/api/v1/report", b"", {}, 405),
    ("GET", "/api/v1/import", None, {}, 405),
    ("GET", "/api/v1/nothing", None, {}, 404),
    ("GET", "/api/v1/report?workflow=nope", None, {}, 404),
    ("GET", "/api/v1/report?nope=1", None, {}, 400),
    ("GET", "/api/v1/report?workflow=%zz", None, {}, 400),
    ("GET", "/api/v1/report", None, {"Host": "elsewhere.example"}, 403),
    ("POST", "/api/v1/run", b'{"argv":["report"]}', JSON, 401),
    ("POST", "/api/v1/run", b'{"argv":["report"]}', {"Authorization": "Bearer " + "0" * 64}, 401),
    ("GET", "/nothing", None, {}, 404),
    ("DELETE", "/metrics", None, {}, 405),
])
def test_what_is_wrong_is_refused_and_the_server_goes_on(server, method, path, body, headers, status):
    got, answer, fields = server.ask(method, path, body, headers)
    assert got == status, answer
    if path.startswith("/v1/") and headers.get("Content-Type") == "application/x-protobuf":
        assert fields["Content-Type"] == "application/x-protobuf"
    else:
        assert answer
    assert server.post([span(1)])[0] == 200


def test_an_empty_request_is_taken(server):
    assert server.ask("POST", "/v1/traces", b"", PROTOBUF)[0] == 200
    assert server.ask("POST", "/v1/logs", b"{}", JSON)[:2] == (200, b"{}")
    assert server.ask("POST", "/v1/metrics", b"", PROTOBUF)[0] == 200


def test_an_acknowledged_span_is_in_the_report_once_the_inbox_is_empty(server):
    assert server.post([span(1), span(2)])[0] == 200
    server.settle()
    status, report = server.get("/api/v1/report?workflow=claims")
    assert status == 200
    assert report["workflows"][0]["calls"] == 2
    assert report["workflows"][0]["cost"]["total"] == "0.009"


def test_the_same_spans_again_are_counted_once(server, home):
    spans = [span(number, case=f"case-{number % 7}") for number in range(1, 101)]
    body = json.dumps(request(spans)).encode()
    for _ in range(3):
        assert server.ask("POST", "/v1/traces", body, JSON)[0] == 200
    packed = {**JSON, "Content-Encoding": "gzip"}
    assert server.ask("POST", "/v1/traces", gzip.compress(body), packed)[0] == 200
    server.settle()
    assert home.json("report")["workflows"][0]["calls"] == 100
    assert home.verified()["steps"] == 100


def test_a_bad_record_is_told_of_and_the_good_ones_are_kept(server):
    bad = {**span(2), "traceId": "nonsense"}
    status, body, _ = server.post([span(1), bad, span(3)])
    assert status == 200
    partial = json.loads(body)["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert partial["errorMessage"]
    server.settle()
    assert server.get("/api/v1/report")[1]["workflows"][0]["calls"] == 2


def test_commands_ask_the_server_and_print_the_same(server, home):
    server.post([span(number, case=f"case-{number}") for number in range(1, 30)])
    server.settle()
    served = {words: home.ok(*words) for words in (
        ("report",), ("report", "claims"), ("report", "--json"), ("explain", "case-3"),
        ("return",), ("verify",))}
    refused = home.refused("report", "nope")
    usage = home.refused("report", "--nope", status=2)
    assert server.get("/api/v1/report")[1] == json.loads(served["report", "--json"])
    assert server.stop() == 0
    for words, out in served.items():
        assert home.ok(*words) == out, words
    assert home.refused("report", "nope") == refused
    assert home.refused("report", "--nope", status=2) == usage


def test_a_second_server_is_refused(server, home):
    assert "in use" in home.refused("serve", "--listen", "127.0.0.1:0")


def test_a_card_left_by_a_server_that_was_killed_hinders_nobody(server, home):
    server.post([span(1)])
    server.settle()
    server.stop(signal.SIGKILL)
    assert (home.path / "serve.json").exists()
    assert home.json("report")["workflows"][0]["calls"] == 1


def test_an_address_other_machines_reach_is_refused(home):
    assert "keys" in home.refused("serve", "--listen", "0.0.0.0:0")
    for wrong in ("nonsense", "127.0.0.1", "127.0.0.1:x", ":4318", "127.0.0.1:99999"):
        home.refused("serve", "--listen", wrong, status=2)


def test_the_card_is_for_its_owner_only(server, home):
    assert os.stat(home.path / "serve.json").st_mode & 0o077 == 0
    assert server.stop() == 0
    assert not (home.path / "serve.json").exists()


def test_health_says_alive_and_ready(server):
    assert server.ask("GET", "/healthz")[:2] == (200, b"ok\n")
    assert server.ask("GET", "/readyz")[:2] == (200, b"ready\n")
    assert server.ask("HEAD", "/readyz")[:2] == (200, b"")
    body = server.ask("GET", "/metrics")[1].decode()
    assert body.endswith("# EOF\n")


def test_a_polite_stop_answers_what_it_owes_and_empties_the_inbox(home):
    server = Server(home)
    for number in range(1, 200):
        assert server.post([span(number)])[0] == 200
    assert server.stop() == 0
    assert home.json("report")["workflows"][0]["calls"] == 199
    home.verified()
