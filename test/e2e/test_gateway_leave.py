"""Goal: when a client leaves, at whatever moment, the provider is told at once or read to its end, as
the route says; the row says which, and what it cost; nothing stays held.
Method: real connections that are closed or reset between two bytes; the provider's own log."""
import asyncio
import json
import socket
import time
from decimal import Decimal

import pytest

from clients import Crowd, body_of, head_of
from test_gateway import PRICES, cost, fixture_start, fixture_upstream, spent  # noqa: F401

PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
TEXTS = {"chat": b'"content": "part ', "responses": b'"delta": "part ',
         "messages": b'"text_delta", "text": "part '}
BEFORE = {"chat": 1, "responses": 4, "messages": 3}  # events of a stream before its first text
BUDGET = "budgets: [{scope: org, period: month, usd: 100}]\n"
FIELDS = [("x-bursar-workflow", "claims"), ("x-bursar-case", "c1")]
CANCELLED = "the client left and the upstream was cancelled"
DRAINED = "the client left and the reply was read to its end"


def policy_of(policy):
    """Of None: where nobody says which."""
    return BUDGET + (f"gateway: {{on_leave: {policy}}}" if policy else "")


def model_of(api):
    return "claude-sonnet-4-5" if api == "messages" else "gpt-4.1"


def request(api, wish, **more):
    bound = "max_output_tokens" if api == "responses" else "max_tokens"
    return body_of(wish, model=model_of(api), api=api, **{bound: 1000, **more})


def until(what, words, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, words
        time.sleep(0.005)


def ended(upstream, at=0):
    until(lambda: len(upstream.log) > at and upstream.log[at]["ended"], "the provider goes on")
    return upstream.log[at]


def steps(home, server):
    """The rows of the case, once nothing is under way; nothing is held any more."""
    until(lambda: server.metric("bursar_gateway_requests_under_way") == 0, "it does not end")
    assert server.metric("bursar_budget_holds") == 0
    assert server.metric("bursar_gateway_clients_left_total") == 1
    total = spent(home, server)
    explained = home.json("explain", "c1", "--workflow", "claims")
    rows = [step for attempt in explained["attempts"] for step in attempt["steps"]]
    assert sum(Decimal(row["cost"] or 0) for row in rows) == total
    return rows


def at_rest(value):
    """What it is once it has been the same for a while."""
    seen, same = value(), 0
    while same < 5:
        time.sleep(0.1)
        same = same + 1 if value() == seen else 0
        seen = value()
    return seen


async def read_texts(client, api, count):
    """That many pieces of text of a stream."""
    seen = b""
    while seen.count(TEXTS[api]) < count:
        seen += await client.chunk()
    return seen


@pytest.mark.parametrize("api", list(PATHS))
@pytest.mark.parametrize("policy", ["cancel", "drain"])
def test_who_leaves_at_chunk_18_of_100_stops_the_provider_within_one(home, start, upstream, api,
                                                                    policy):
    server = start(policy_of(policy))
    crowd = Crowd(server.port, 1)

    async def leave():
        client = crowd.clients[0]
        await client.send(PATHS[api], request(
            api, {"chunks": 100, "halt": 18 + BEFORE[api], "input": 300, "output": 90}, stream=True),
            FIELDS)
        await client.head()
        await read_texts(client, api, 18)
        client.close()
    crowd.run(leave())
    until(lambda: server.metric("bursar_gateway_clients_left_total") == 1, "nobody noticed")
    if policy == "drain":
        upstream.open("halt")
    entry = ended(upstream)
    row, = steps(home, server)
    crowd.stop()
    if policy == "drain":
        assert entry["ended"] == "whole"
        assert (row["status"], DRAINED in row["note"]) == ("ok", True)
        assert Decimal(row["cost"]) == cost(entry)
        return
    assert entry["ended"] == "cancelled"
    assert entry["sent"] == 18 + BEFORE[api]  # it took no further one for the door to be closed
    assert row["status"] == "interrupted"
    assert CANCELLED in row["note"] and "usage estimated" in row["note"]
    price_in, _, _, price_out = (Decimal(price) / 1_000_000 for price in PRICES[model_of(api)])
    tokens = row["tokens"]
    # "part 0 part 1 ": three tokens a piece and one behind the last; Claude's a fifth more.
    factor = Decimal("1.2") if api == "messages" else 1
    assert tokens["output"] == int((3 * 18 + 1) * factor)
    if api == "messages":  # told at the beginning
        assert tokens["input_uncached"] == 300
    assert Decimal(row["cost"]) == tokens["input_uncached"] * price_in + tokens["output"] * price_out


@pytest.mark.parametrize("api", list(PATHS))
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("policy", ["cancel", "drain", None])
def test_who_leaves_before_the_answer_begins_is_noticed_too(home, start, upstream, api, stream,
                                                           policy):
    server = start(policy_of(policy))
    crowd = Crowd(server.port, 1)
    crowd.run(crowd.clients[0].send(
        PATHS[api], request(api, {"gate": "later", "input": 20, "output": 7}, stream=stream),
        FIELDS))
    until(lambda: upstream.log, "nothing was forwarded")
    assert upstream.log[0]["ended"] is None
    crowd.stop()
    until(lambda: server.metric("bursar_gateway_clients_left_total") == 1, "nobody noticed")
    policy = policy or ("cancel" if stream else "drain")
    if policy == "drain":
        upstream.open("later")
    entry = ended(upstream)
    row, = steps(home, server)
    if policy == "drain":
        assert entry["ended"] == "whole"
        assert Decimal(row["cost"]) == cost(entry)
        assert (row["status"], DRAINED in row["note"]) == ("ok", True)
    else:
        assert entry["ended"] == "cancelled"
        assert (row["status"], CANCELLED in row["note"]) == ("interrupted", True)
        if stream:  # it stops at what was seen
            assert row["tokens"]["output"] == 0
            assert 0 < row["tokens"]["input_uncached"] <= len(entry["body"])
        else:  # it may have been written to its end
            assert row["cost"] is None
            assert "its cost is not known, the budget was charged what was held" in row["note"]


@pytest.mark.parametrize("policy", ["cancel", "drain"])
def test_who_leaves_between_two_tries_is_not_tried_for_again(home, start, upstream, policy):
    server = start(BUDGET + f"gateway: {{on_leave: {policy}, retries: 3}}")
    crowd = Crowd(server.port, 1)
    crowd.run(crowd.clients[0].send(PATHS["chat"], request(
        "chat", {"status": 529, "retry_after": 9}), FIELDS))
    until(lambda: server.metric("bursar_gateway_calls_failed_total") == 1, "no try")
    crowd.stop()
    row, = steps(home, server)
    assert row["cost"] is None
    assert len(upstream.log) == 1


@pytest.mark.parametrize("policy", ["cancel", "drain"])
def test_who_leaves_while_an_error_comes_is_not_charged_for_it(home, start, upstream, policy):
    server = start(policy_of(policy))
    crowd = Crowd(server.port, 1)
    crowd.run(crowd.clients[0].send(
        PATHS["chat"], request("chat", {"status": 400, "halt": 0}), FIELDS))
    until(lambda: upstream.log and upstream.log[0]["ended"], "no answer")
    for _ in range(20):  # each by the loops that read the answer's beginning
        server.metric("bursar_gateway_requests_under_way")
    crowd.stop()
    until(lambda: server.metric("bursar_gateway_clients_left_total") == 1, "nobody noticed")
    upstream.open("halt")
    row, = steps(home, server)
    assert row["cost"] is None
    assert upstream.log[0]["ended"] == "error"


@pytest.mark.parametrize("policy", ["cancel", "drain"])
def test_who_leaves_before_anything_was_sent_is_not_charged(home, start, upstream, policy):
    """The provider's machine does not answer: its queue of connections is full."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = []
        for _ in range(3):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(("127.0.0.1", port))
        upstream.url, url = f"http://127.0.0.1:{port}/v1", upstream.url
        server = start(policy_of(policy))
        crowd = Crowd(server.port, 1)
        crowd.run(crowd.clients[0].send(PATHS["chat"], request("chat", {}), FIELDS))
        until(lambda: server.metric("bursar_gateway_calls_total") == 1, "no try")
        crowd.stop()
        until(lambda: server.metric("bursar_gateway_clients_left_total") == 1, "nobody noticed")
        upstream.url = url
        if policy == "drain":
            return  # it goes on until its deadline
        row, = steps(home, server)
        for one in waiting:
            one.close()
    assert row["cost"] is None
    assert CANCELLED in row["note"]


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("policy", ["cancel", "drain"])
def test_who_leaves_while_the_provider_is_held_back_lets_it_go(home, start, upstream, policy, reset):
    """The client reads nothing, so the provider was stopped; then it goes."""
    server = start(policy_of(policy))
    data = request("chat", {"chunks": 3000, "pad": 20000, "input": 50, "output": 800}, stream=True)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", server.port))
    client.sendall(head_of(PATHS["chat"], data, FIELDS))
    until(lambda: upstream.log and upstream.log[0]["sent"] > 5, "nothing comes")
    before = at_rest(lambda: upstream.log[0]["sent"])
    assert before < 2900
    if reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    entry = ended(upstream)
    row, = steps(home, server)
    if policy == "drain":
        assert entry["ended"] == "whole"
        assert Decimal(row["cost"]) == cost(entry)
    else:
        assert entry["ended"] == "cancelled"
        assert entry["sent"] < 2900
        assert row["status"] == "interrupted"


def test_a_drained_call_that_breaks_off_says_so(home, start, upstream):
    server = start(policy_of("drain"))
    crowd = Crowd(server.port, 1)

    async def leave():
        client = crowd.clients[0]
        await client.send(PATHS["chat"], request(
            "chat", {"chunks": 30, "halt": 6, "cut": 20}, stream=True), FIELDS)
        await client.head()
        await read_texts(client, "chat", 3)
        client.close()
    crowd.run(leave())
    until(lambda: server.metric("bursar_gateway_clients_left_total") == 1, "nobody noticed")
    upstream.open("halt")
    assert ended(upstream)["ended"] == "cut"
    row, = steps(home, server)
    crowd.stop()
    assert CANCELLED not in row["note"]
    assert "broke off" in row["note"] and "the client had left" in row["note"]
    assert Decimal(row["cost"]) > 0
