"""Goal: whatever way HTTP is written on either side of the gateway, a call is forwarded once or not
at all, answered once, and every hold ends.
Method: bytes of hostile and of odd clients and providers against the real program."""
import json
import re
import socket
from decimal import Decimal

import pytest

from test_gateway import CONFIG, fixture_start, fixture_upstream, spent  # noqa: F401
from test_gateway_attacks import COST, PIECE, USAGE, fixture_canned  # noqa: F401
from test_gateway_threats import body, raw
from test_serve import Server

DATA = json.dumps(body()).encode()
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
PLAIN = HEAD + b"Content-Length: %d\r\n\r\n" % len(DATA) + DATA
JSON = (b'{"id":"chatcmpl-0123456789abc","choices":[{"message":{"content":"hi"}}],'
        b'"usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500}}')


def send(server, data, until=None):
    """All that comes back until the connection ends, or until that text."""
    answer = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(data)
        while until is None or until not in answer:
            piece = connection.recv(65536)
            if not piece:
                break
            answer += piece
    return answer


def held(home):
    return home.json("budget")["holds"]["open"]


@pytest.mark.parametrize("request_", [
    HEAD + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % len(DATA) + DATA,
    HEAD + b"Content-Length: 5\r\nContent-Length: %d\r\n\r\n" % len(DATA) + DATA,
    HEAD + b"Content-Length: %d, %d\r\n\r\n" % (len(DATA), len(DATA)) + DATA,
    HEAD + b"Content-Length: +%d\r\n\r\n" % len(DATA) + DATA,
    HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    HEAD + b"X-Folded: a\r\n b\r\nContent-Length: %d\r\n\r\n" % len(DATA) + DATA,
    PLAIN.replace(b"\r\n", b"\n", 3),
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\n" % len(DATA) + DATA + b"\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + DATA + b"\r\n0\r\n\r\n",
    PLAIN.replace(b"Host: localhost\r\n", b"Host: a\r\nHost: b\r\n"),
    PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Content-Length",
                                                    b"Transfer-Encoding: chunked\r\nX"),
])
def test_what_is_framed_in_two_ways_is_not_forwarded(start, upstream, request_):
    server = start()
    assert send(server, request_).split(b" ", 2)[1] in (b"400", b"501")
    assert upstream.log == []


def test_requests_in_one_write_are_answered_in_order_and_each_is_paid(home, start, upstream):
    server = start()
    one = json.dumps(body(input=1000, output=0)).encode()
    two = json.dumps(body(status=400)).encode()
    three = json.dumps(body(input=500, output=0)).encode()
    requests = [HEAD + b"Content-Length: %d\r\n\r\n" % len(data) + data for data in (one, two)]
    last = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(three) + three
    answer = send(server, b"".join(requests) + b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" + last)
    at = [answer.index(text) for text in (b'"prompt_tokens": 1000', b"not this time", b"ok\n",
                                          b'"prompt_tokens": 500')]
    assert at == sorted(at)
    assert len(upstream.log) == 3
    assert spent(home, server) == Decimal(1500 * 2) / 1_000_000


def test_a_connection_serves_on_after_a_refusal(home, start, upstream):
    server = start("budgets: [{scope: \"workflow:w\", period: month, usd: 0.000001}]")
    refused = PLAIN.replace(b"\r\n", b"\r\nx-bursar-workflow: w\r\n", 1)
    close = PLAIN.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    answer = send(server, refused + b"POST /openai/v1/../x HTTP/1.1\r\nHost: a\r\n"
                  b"Content-Length: 2\r\n\r\n{}" + close)
    assert re.findall(rb"HTTP/1\.1 (\d+) ", answer) == [b"402", b"404", b"200"]
    assert len(upstream.log) == 1
    assert held(home) == 0


def test_old_and_careful_clients_are_served(home, start, upstream):
    server = start()
    stream = json.dumps({**body(), "stream": True}).encode()
    old = (HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Content-Length: %d\r\n\r\n" % len(stream)
           + stream)
    answer = send(server, old)
    assert b"[DONE]" in answer and b"chunked" not in answer.lower()
    careful = PLAIN.replace(b"\r\n", b"\r\nExpect: 100-continue\r\nConnection: close\r\n", 1)
    answer = send(server, careful)
    assert answer.startswith(b"HTTP/1.1 100 ") and b"HTTP/1.1 200 " in answer
    head = send(server, b"HEAD /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ") and head.endswith(b"\r\n\r\n")
    assert held(home) == 0


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + JSON,
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    b"Trailer: X-Sum\r\n\r\n%x;a=b\r\n" % len(JSON) + JSON + b"\r\n0\r\nX-Sum: 1\r\n\r\n",
    b"HTTP/1.0 200\r\nContent-Type: application/json; charset=utf-8\r\n\r\n" + JSON,
    b"HTTP/1.1 200 OK\r\ncontent-type: Application/JSON\r\n\r\n" + JSON,
    b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream\r\n\r\n" + PIECE + b"\n\n" + USAGE
    + b"\n\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n"
    % (len(PIECE + USAGE) + 4) + PIECE + b"\n\n" + USAGE + b"\n\n",
])
def test_an_odd_but_whole_answer_is_metered(home, canned, answer):
    server, provider = canned(answer)
    got = raw(server, {**body(), "stream": b"event-stream" in answer.lower()})
    assert got.startswith(b"HTTP/1.1 200 ") and b"hi" in got and b"X-Sum" not in got
    assert spent(home, server) * 1_000_000 == COST
    assert len(provider.requests) == 1
    assert held(home) == 0


@pytest.mark.parametrize("answer", [
    b"",
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n" + JSON[:99],
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 103 Early Hints\r\n\r\n" * 200,
    b"SSH-2.0-OpenSSH\r\n\r\n",
], ids=lambda answer: repr(answer[:40]))
def test_an_answer_that_is_none_ends_the_call_once(home, canned, answer):
    server, provider = canned(answer)
    got = raw(server, body())
    assert got == b"" or got.split(b" ", 2)[1] in (b"502", b"200")
    assert len(provider.requests) == 1
    spent(home, server)
    assert held(home) == 0
    kinds = [server.metric(f"bursar_gateway_calls_{kind}_total") for kind in ("estimated", "unmetered")]
    assert sum(kinds) == 1  # by how much of an answer there was
    assert (server.metric("bursar_gateway_charged_as_held_usd_total") > 0) == (kinds[1] == 1)


def test_an_upgrade_is_no_way_around_a_budget(start, upstream):
    """Of a realtime session nothing could be metered: what asks for one is a plain request."""
    server = start("budgets: [{scope: org, period: month, usd: 0.000001}]")
    raw(server, body(), "Upgrade: websocket", path="/openai/v1/realtime?model=gpt-realtime")
    assert upstream.log == []
    send(server, b"GET /openai/v1/realtime?model=gpt-realtime HTTP/1.1\r\nHost: localhost\r\n"
         b"Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n")
    assert all("upgrade" not in entry["fields"] for entry in upstream.log)


@pytest.mark.parametrize("first", [
    b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n",
    b"POST /v1/chat/completions HTTP/1.0\r\nContent-Length: %d\r\n" % len(DATA)])
@pytest.mark.parametrize("count", [97, 98, 99, 100])
def test_as_many_fields_as_a_request_may_have_are_forwarded(home, upstream, monkeypatch, first,
                                                           count):
    """With those that the gateway adds they are more than a request may have."""
    monkeypatch.setenv("SOME_UPSTREAM_KEY", "sk-x")
    home.path.mkdir()
    (home.path / "bursar.yaml").write_text(CONFIG.format(url=upstream.url, more="").replace(
        'openai: {', 'openai: {api_key_env: SOME_UPSTREAM_KEY, '))
    server = Server(home)
    try:
        fields = "".join(f"x-{number}: {number}\r\n" for number in range(count)).encode()
        answer = send(server, first + fields + b"\r\n" + DATA * first.startswith(b"POST"),
                      until=b"\r\n\r\n")
        assert answer.split(b" ", 2)[1] == (b"200" if count < 100 else b"431")
        assert server.ask("GET", "/healthz")[0] == 200
        assert count == 100 or f"x-{count - 1}" in upstream.log[0]["fields"]
    finally:
        server.stop()


@pytest.mark.parametrize("sent", ["", "11111111-2222-3333-4444-555555555555"])
def test_a_request_id_that_comes_again_merges_no_calls(home, canned, sent):
    """Proxies give back the X-Request-Id that they are sent, or one of their own for ever."""
    head = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"x-request-id: 11111111-2222-3333-4444-555555555555\r\n\r\n")
    server, _ = canned(*(head + JSON.replace(b"9abc", b"9ab%d" % number) for number in range(4)))
    for number in range(3):
        assert raw(server, body(), f"x-bursar-case: c{number}", f"X-Request-Id: {sent}"
                   ).startswith(b"HTTP/1.1 200 ")
    assert spent(home, server) * 1_000_000 == 3 * COST
    server.stop()
    again = Server(home)
    try:
        raw(again, body(), "x-bursar-case: c4", f"X-Request-Id: {sent}")
        assert not sent or spent(home, again) * 1_000_000 == 4 * COST
    finally:
        again.stop()


def test_an_id_of_a_response_that_comes_again_merges_no_calls(home, canned):
    """vLLM makes the id of its response of the X-Request-Id that it is sent."""
    server, provider = canned(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + JSON)
    for number in range(3):
        assert raw(server, body(), f"x-bursar-case: c{number}").startswith(b"HTTP/1.1 200 ")
    assert len(provider.requests) == 3
    assert spent(home, server) * 1_000_000 == 3 * COST


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429, 500, 529])
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_with_an_error_costs_nothing(home, start, upstream, status, stream):
    server = start("budgets: [{scope: org, period: month, usd: 1}]")
    got = raw(server, {**body(status=status), "stream": stream})
    assert got.split(b" ", 2)[1] == b"%d" % status
    assert len(upstream.log) == 1
    assert spent(home, server) == 0
    stands = home.json("budget")["budgets"][0]
    assert (stands["spent"], stands["held"]) == ("0", "0")
