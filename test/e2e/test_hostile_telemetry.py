"""Goal: whatever telemetry contains, it is refused or its good part kept, no figure is forged by
what is no figure, others are served meanwhile, and memory stays bounded.
Method: requests that no exporter writes, byte by byte, to the real program, while 200 clients send
a byte now and then."""
import gzip
import json
import threading
import time

import pytest
from conftest import Home
from hostile import (Neighbour, Server, attribute, dial, field, forget_peak, memory_mb, pb_request,
                     pb_span, report_calls, span, statuses, take, varint, wait_readable)
from test_serve import JSON, NS, PROTOBUF, request

MEMORY_MB_MAX = 1500  # of the process, while the worst request of 64 MiB is read
KEPT_MB_MAX = 400  # afterwards
GZIP = {"Content-Encoding": "gzip"}
SLOW = 200  # clients
HEAD_S_MAX = 15  # that a head may take, docs/server.md
NEIGHBOUR_S_MAX = 10  # who waits for a slow client waits longer


class Scene:
    def __init__(self, home):
        self.home = home
        self.server = Server(home)
        self.next = 1_000_000
        self.acknowledged = 0
        self.slow = [dial(self.server) for _ in range(SLOW)]
        self.began = time.monotonic()
        self.slow_ended_s = None
        self.trickle = threading.Thread(target=self.send_slowly)
        self.trickle.start()

    def send_slowly(self):
        """Slowloris: every half second a further byte of a head that never ends."""
        while self.slow_ended_s is None and time.monotonic() - self.began < 4 * HEAD_S_MAX:
            for sock in self.slow:
                try:
                    sock.sendall(b"X")
                except ConnectionError:
                    self.slow_ended_s = time.monotonic() - self.began
                    return
            time.sleep(0.5)


@pytest.fixture(name="scene", scope="module")
def fixture_scene(tmp_path_factory):
    scene = Scene(Home(tmp_path_factory.mktemp("telemetry") / "home"))
    yield scene
    scene.server.stop()


@pytest.fixture(name="attacked")
def fixture_attacked(scene):
    forget_peak(scene.server)
    with Neighbour(scene.server, scene.next) as neighbour:
        yield scene
    scene.next = neighbour.number + 1
    print(f"peak {memory_mb(scene.server, 'VmHWM'):.0f} MB, now {memory_mb(scene.server):.0f} MB, "
          f"neighbour waited {neighbour.slowest_s:.2f} s")
    assert neighbour.refusals == []
    assert neighbour.slowest_s < NEIGHBOUR_S_MAX
    assert memory_mb(scene.server, "VmHWM") < MEMORY_MB_MAX
    until = time.monotonic() + 60  # what waits in the inbox has its memory
    while memory_mb(scene.server) >= KEPT_MB_MAX:
        assert time.monotonic() < until, memory_mb(scene.server)
        time.sleep(0.1)
    scene.acknowledged += len(neighbour.acknowledged)


def nested_value(depth):
    """AnyValue {array_value {values {...}}}, from the inside to the outside."""
    value = field(1, b"x")
    for _ in range(depth):
        value = field(5, field(1, value))
        if len(value) > 30_000_000:
            break
    return value


def nested_kvlist(depth):
    value = field(1, b"x")
    for _ in range(depth):
        value = field(6, field(1, field(1, b"k") + field(2, value)))
    return value


UNDECODABLE = {
    "a truncated varint": b"\x0a\xff\xff",
    "a varint beyond 64 bits": b"\x0a" + b"\xff" * 10 + b"\x01",
    "a varint of eleven bytes in a field of a span": pb_request(b"\x28" + b"\x80" * 10 + b"\x01"),
    "a length of 2^63": b"\x0a" + varint(1 << 63),
    "a length of 2^64 - 1": b"\x0a" + b"\xff" * 9 + b"\x01",
    "a length that ends behind its message": field(1, field(2, b"\x12\x7f")),
    "field number 0": b"\x00\x01",
    "a group": b"\x0b\x0c",
    "wire type 7": b"\x0f",
    "text": b"hello, world",
}


@pytest.mark.parametrize("body", UNDECODABLE.values(), ids=UNDECODABLE.keys())
def test_what_is_no_protobuf_is_refused_as_that(attacked, body):
    status, answer, fields = attacked.server.ask("POST", "/v1/traces", body, PROTOBUF)
    assert status == 400, answer
    assert fields["Content-Type"] == "application/x-protobuf"
    assert answer[:2] == b"\x08\x03"  # google.rpc.Status, INVALID_ARGUMENT


NO_JSON = {
    "cut short": b'{"resourceSpans":[',
    "NaN": b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"x":NaN}]}]}]}',
    "not UTF-8": b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"\xff\xfe"}]}]}]}',
    "a bare NUL": b'{"a":"\x00"}',
    "half a surrogate": b'{"resourceSpans":[{"a":"\\ud800"}]}',
    "a hundred thousand arrays": b"[" * 100_000,
    "ten thousand objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a byte order mark of UTF-16": "{}".encode("utf-16"),
    "two documents": b"{}{}",
}


@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON.keys())
def test_what_is_no_json_is_refused_as_that(attacked, body):
    status, answer, fields = attacked.server.ask("POST", "/v1/traces", body, JSON)
    assert status in (400, 413), answer
    assert fields["Content-Type"] == "application/json"
    assert json.loads(answer)["message"]


def gzip_cases():
    bomb = gzip.compress(bytes(65 << 20), 9)
    nulls = gzip.compress(b'{"resourceSpans":[' + b" " * (60 << 20) + b"]}", 9)
    return {"64 MiB and more": (bomb, 413), "in many members": (gzip.compress(bytes(1 << 20)) * 65, 413),
            "packed twice": (gzip.compress(bomb), 400), "60 MiB of space": (nulls, 200),
            "empty members": (gzip.compress(b"") * 1_000_000, 200),
            "a damaged one": (bomb[:5000] + b"\x00" + bomb[5001:], 400)}


@pytest.mark.parametrize("name", gzip_cases().keys())
def test_a_bomb_of_gzip_takes_no_more_than_a_large_request(attacked, name):
    body, status = gzip_cases()[name]
    for _ in range(2):
        got, answer, _ = attacked.server.ask("POST", "/v1/traces", body, {**JSON, **GZIP})
        assert got == status, answer


def test_the_largest_request_is_taken_and_one_byte_more_is_not(attacked):
    for size, status in ((64 << 20, 200), ((64 << 20) + 1, 413)):
        body = b'{"resourceSpans":[]' + b" " * (size - 20) + b"}"
        assert len(body) == size
        try:
            assert attacked.server.ask("POST", "/v1/traces", body, JSON)[0] == status
        except ConnectionError:
            assert status == 413  # said before the body was sent, and lost to a client that sends on


LARGE = {
    "spans that are empty": (PROTOBUF, field(1, field(2, b"\x12\x00" * (30 << 20)))),
    "resources that are empty": (PROTOBUF, b"\x0a\x00" * (30 << 20)),
    "numbers": (JSON, b'{"resourceSpans":[],"x":[' + b"0," * (30 << 20) + b"0]}"),
    "objects": (JSON, b'{"resourceSpans":[' + b"{}," * (20 << 20) + b"{}]}"),
    "one text": (JSON, b'{"resourceSpans":[],"x":"' + b"x" * (60 << 20) + b'"}'),
}


@pytest.mark.parametrize("name", LARGE.keys())
def test_sixty_megabytes_of_nothing_take_bounded_memory(attacked, name):
    fields, body = LARGE[name]
    status, answer, _ = attacked.server.ask("POST", "/v1/traces", gzip.compress(body, 1),
                                            {**fields, **GZIP})
    assert status in (200, 413), answer


@pytest.mark.parametrize("value", [nested_value(2000), nested_kvlist(2000), nested_value(9)],
                         ids=["arrays", "kvlists", "one more than is read"])
def test_values_within_values_are_read_to_a_depth_and_no_further(attacked, value):
    body = pb_request(pb_span(attacked.next + 500_000, field(9, attribute(b"deep", value))))
    status, answer, _ = attacked.server.ask("POST", "/v1/traces", body, PROTOBUF)
    assert status in (200, 400), answer


def figures(server, case):
    server.settle()
    status, case = server.get(f"/api/v1/explain?case={case}")
    assert status == 200
    return case


def post_span(scene, number, attributes, **members):
    one = {**span(number, case=f"odd-{number}", workflow="odd"), **members}
    one["attributes"] = [a for a in one["attributes"] if a["key"] not in
                         {b["key"] for b in attributes}] + attributes
    return scene.server.ask("POST", "/v1/traces", json.dumps(request([one])).encode(
        "utf-8", "surrogateescape"), JSON)


def usage(value):
    return {"key": "gen_ai.usage.input_tokens", "value": value}


NO_COUNTS = {
    "negative": {"intValue": "-5"}, "the least": {"intValue": str(-1 << 63)},
    "the most": {"intValue": str((1 << 63) - 1)}, "a fraction": {"doubleValue": 0.5},
    "NaN": {"doubleValue": "NaN"}, "infinite": {"doubleValue": "Infinity"},
    "a word": {"stringValue": "many"}, "hexadecimal": {"stringValue": "0x10"},
    "true": {"boolValue": True}, "a list": {"arrayValue": {"values": [{"intValue": "5"}]}},
    "nothing": {},
}


def test_a_count_that_is_none_adds_nothing_and_is_told(attacked):
    server = attacked.server
    before = server.metric("bursar_otlp_records_accepted_total")
    number = attacked.next + 600_000
    for offset, value in enumerate(NO_COUNTS.values()):
        status, answer, _ = post_span(attacked, number + offset, [usage(value)])
        assert status == 200, answer
    server.settle()
    assert server.metric("bursar_otlp_records_accepted_total") > before
    report = server.get("/api/v1/report?workflow=odd")[1]["workflows"][0]
    assert report["calls"] <= len(NO_COUNTS)
    assert float(report["cost"]["total"]) <= len(NO_COUNTS) * 0.0015 + 1e-9  # the outputs alone
    assert float(report["cost"]["total"]) >= 0


def test_tokens_as_texts_and_doubles_count_as_what_they_say(attacked):
    number = attacked.next + 700_000
    for offset, value in enumerate(({"stringValue": "1000"}, {"doubleValue": 1000.0},
                                    {"intValue": 1000})):
        case = f"kind-{offset}"
        one = span(number + offset, case=case, workflow="kinds")
        one["attributes"] = [a for a in one["attributes"]
                             if a["key"] != "gen_ai.usage.input_tokens"] + [usage(value)]
        assert attacked.server.post([one])[0] == 200
    attacked.server.settle()
    report = attacked.server.get("/api/v1/report?workflow=kinds")[1]["workflows"][0]
    assert report["cost"]["total"] == "0.0135"  # 3 x (1,000 at $3 + 100 at $15 a million)


def test_the_same_key_twice_counts_once(attacked):
    number = attacked.next + 710_000
    one = span(number, case="twice", workflow="twice")
    one["attributes"] += [usage({"intValue": "1000"})] * 50
    assert attacked.server.post([one])[0] == 200
    attacked.server.settle()
    report = attacked.server.get("/api/v1/report?workflow=twice")[1]["workflows"][0]
    assert (report["calls"], report["cost"]["total"]) == (1, "0.0045")


TIMES = {"ends before it starts": (NS + 1000, NS), "no times": (0, 0), "the latest": (2**64 - 1,) * 2,
         "in ten years": (NS + 10 * 365 * 86400 * 10**9,) * 2, "in 1970": (1, 2),
         "no numbers": ("x", "y"), "negative": (-1, -1)}


def test_times_that_cannot_be_are_told_of_or_taken_as_they_are(attacked):
    number = attacked.next + 720_000
    for offset, (start, end) in enumerate(TIMES.values()):
        status, answer, _ = post_span(attacked, number + offset, [], startTimeUnixNano=str(start),
                                      endTimeUnixNano=str(end))
        assert status in (200, 400), answer
    attacked.server.settle()
    assert attacked.server.get("/api/v1/report")[0] == 200


TEXTS = {"not UTF-8": b"\xff\xfe\xc0\x80", "NUL": b"a\x00b", "overlong": b"\xc0\xaf" * 100,
         "a surrogate": b"\xed\xa0\x80", "control characters": bytes(range(1, 32)),
         "turned text": "abc\u202egpj.exe".encode(), "a megabyte": b"n" * (1 << 20)}


@pytest.mark.parametrize("key", ["bursar.workflow", "bursar.case.id", "gen_ai.request.model",
                                 "gen_ai.response.id", "customer"])
def test_texts_of_any_bytes_are_kept_or_refused_and_the_report_is_json(attacked, key):
    number = attacked.next + 730_000
    for offset, text in enumerate(TEXTS.values()):
        body = pb_request(pb_span(number + offset,
                                  field(9, attribute(key.encode(), field(1, text)))))
        status, answer, _ = attacked.server.ask("POST", "/v1/traces", body, PROTOBUF)
        assert status in (200, 400), answer
    attacked.server.settle()
    assert attacked.server.get("/api/v1/report")[0] == 200


def bytes_of_home(scene):
    """Of the ledger and what is on its way there, without the journal's emptied pages."""
    return sum(path.stat().st_size for path in scene.home.path.rglob("*")
               if path.is_file() and not path.name.startswith("inbox"))


def test_a_million_names_of_attributes_make_nothing_grow(attacked):
    """2,000 spans of 500 attributes, each of another name, with a value that differs."""
    server, first = attacked.server, attacked.next + 800_000
    before = memory_mb(server)
    ledger = bytes_of_home(attacked)
    for batch in range(100):
        spans = [pb_span(first + batch * 20 + i, b"".join(
            field(9, attribute(b"name.%d.%d.%d" % (batch, i, j), field(1, b"v%d" % j)))
            for j in range(500))) for i in range(20)]
        assert server.ask("POST", "/v1/traces", pb_request(*spans), PROTOBUF)[0] == 200
    server.settle()
    grown = bytes_of_home(attacked) - ledger
    print(f"a million names: {memory_mb(server) - before:.0f} MB of memory, {grown / 1e6:.1f} MB of ledger")
    assert memory_mb(server) - before < 200
    assert grown < 50e6


def test_slow_clients_are_told_and_ended(scene):
    """The head has its time in all, whatever comes meanwhile."""
    scene.trickle.join()
    assert HEAD_S_MAX - 1 < scene.slow_ended_s < 4 * HEAD_S_MAX
    assert wait_readable(scene.slow, SLOW, 60) == SLOW
    assert any(statuses(take(sock)) == [408] for sock in scene.slow)
    for sock in scene.slow:
        sock.close()


def test_after_all_of_it_the_ledger_is_whole(scene):
    scene.server.settle()
    assert scene.server.metric("bursar_inbox_messages_unreadable_total") == 0
    assert report_calls(scene.server, "claims") == scene.acknowledged
    assert scene.server.stop() == 0
    scene.home.verified()
