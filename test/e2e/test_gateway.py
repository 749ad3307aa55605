"""Goal: calls through the gateway reach the provider unchanged, come back unchanged, and cost in
the ledger what the provider's own meter says; budgets are kept to the picodollar.
Method: the real program between plain HTTP clients and a provider on loopback (upstream.py)."""
import concurrent.futures
import http.client
import json
import socket
import time
from decimal import Decimal

import pytest

from test_serve import Server
from upstream import Upstream

# USD per million tokens on the price lists of OpenAI and Anthropic in November 2026.
PRICES = {"gpt-4.1": ("2", "0.5", "0", "8"), "gpt-4.1-mini": ("0.4", "0.1", "0", "1.6"),
          "claude-sonnet-4-5": ("3", "0.3", "3.75", "15")}


def cost(entry):
    wish = entry["wish"]
    used = (wish["input"], wish["cached"], wish["written"], wish["output"])
    return sum(Decimal(price) * count
               for price, count in zip(PRICES[entry["model"]], used)) / 1_000_000


CONFIG = """
upstreams:
  openai: {{base_url: "{url}"}}
  anthropic: {{base_url: "{url}"}}
{more}
"""


@pytest.fixture(name="upstream")
def fixture_upstream():
    upstream = Upstream()
    yield upstream
    upstream.stop()


@pytest.fixture(name="start")
def fixture_start(home, upstream):
    """A server whose bursar.yaml says that; started once more, it finds what was there."""
    servers = []

    def start(more="", **options):
        home.path.mkdir(exist_ok=True)
        (home.path / "bursar.yaml").write_text(CONFIG.format(url=upstream.url, more=more))
        servers.append(Server(home, **options))
        return servers[-1]
    yield start
    for server in servers:
        server.stop()


def ask(server, path, wish, model="gpt-4.1", stream=False, headers=(), timeout=60, **more):
    """One request; status, headers and body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    body = {"model": model, "messages": [{"role": "user", "content": json.dumps(wish)}], **more}
    if path.endswith("responses"):
        body["input"] = body.pop("messages")
    if path.endswith("embeddings"):
        body["input"] = json.dumps(wish)
        del body["messages"]
    if stream:
        body["stream"] = True
    connection.request("POST", path, json.dumps(body),
                       {"Content-Type": "application/json", **dict(headers)})
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, data


def chat(server, wish=(), **more):
    return ask(server, "/v1/chat/completions", dict(wish), **more)


def spent(home, server):
    until = time.monotonic() + 60
    while server.metric("bursar_gateway_calls_waiting") > 0:
        assert time.monotonic() < until, "the gateway does not hand its calls over"
        time.sleep(0.02)
    server.settle()
    return Decimal(home.json("report")["total"]["cost"]["total"])


def test_a_path_without_an_upstream_is_refused_in_words(home):
    server = Server(home)
    try:
        status, _, body = ask(server, "/v1/chat/completions", {})
        assert status == 404
        assert "upstreams" in json.loads(body)["error"]["message"]
    finally:
        server.stop()


def test_a_path_that_climbs_is_not_forwarded(start, upstream):
    server = start()
    for path in ("/openai/v1/../admin", "/openai/v1/%2e%2e/admin", "/openai/v1//admin"):
        assert ask(server, path, {})[0] == 404
    assert upstream.log == []


@pytest.mark.parametrize("body, words", [
    (b"{", "JSON"), (b"[]", "object"), (b'{"model":"a","model":"b"}', "twice"),
    (b'{"model":"gpt-4.1","max_tokens":-5}', "max_tokens"),
])
def test_a_body_that_cannot_be_priced_is_not_forwarded(start, upstream, body, words):
    server = start()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    error = json.loads(response.read())["error"]
    assert response.status == 400
    assert words in error["message"]
    assert response.getheader("x-should-retry") == "false"
    assert upstream.log == []


@pytest.mark.parametrize("origin", ["http://attacker.example:{port}", "http://attacker.example",
                                    "null"])
def test_a_page_whose_name_points_here_calls_no_model(start, upstream, origin):
    """Its origin and host agree: both are the attacker's name for this machine."""
    server = start()
    headers = {"Origin": origin.format(port=server.port),
               "Host": f"attacker.example:{server.port}"}
    status, _, body = chat(server, headers=headers)
    assert status == 403
    assert "pages" in json.loads(body)["error"]["message"]
    assert upstream.log == []


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/openai/v1/chat/completions",
                                  "/v1/responses", "/v1/embeddings", "/v1/messages",
                                  "/anthropic/v1/messages"])
@pytest.mark.parametrize("stream", [False, True])
def test_every_api_is_metered_and_its_cost_stands_before_the_answer(home, start, upstream, path,
                                                                   stream):
    if stream and path.endswith("embeddings"):
        pytest.skip("embeddings are not streamed")
    server = start()
    model = "claude-sonnet-4-5" if "messages" in path else "gpt-4.1"
    wish = {"input": 1234, "cached": 50, "output": 77}
    if path.endswith("embeddings"):
        wish, more, model = {"input": 1000}, {}, "text-embedding-3-small"
    else:
        more = {"max_tokens": 200}
    status, headers, body = ask(server, path, wish, model=model, stream=stream,
                                headers={"x-bursar-workflow": "claims", "x-bursar-case": "c1"},
                                **more)
    assert status == 200, body
    assert headers["x-bursar-request-id"]
    entry = upstream.answered()[0]
    expected = (Decimal("0.02") * 1000 / 1_000_000 if path.endswith("embeddings")
                else cost(entry))
    if not stream:
        assert Decimal(headers["x-bursar-cost-usd"]) == expected
    assert spent(home, server) == expected
    explained = home.json("explain", "c1", "--workflow", "claims")
    assert Decimal(explained["cost"]) == expected
    server.stop()
    home.verified()


def test_bytes_pass_as_they_are(start, upstream):
    server = start()
    body = b'{ "model" : "gpt-4.1",\n "max_tokens":9, "messages":[{"role":"user","content":"\\u00e9 \xc3\xa9"}] }'
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", "/v1/chat/completions?x=1", body,
                       {"Content-Type": "application/json", "X-Other": "kept",
                        "Authorization": "Bearer sk-client"})
    connection.getresponse().read()
    entry = upstream.log[0]
    assert entry["body"] == body
    assert entry["fields"]["x-other"] == "kept"
    assert entry["fields"]["authorization"] == "Bearer sk-client"
    assert not any(name.startswith("x-bursar-") for name in entry["fields"])


def test_usage_is_asked_for_and_hidden_from_a_client_that_did_not_ask(home, start, upstream):
    server = start()
    _, _, hidden = chat(server, {"input": 500, "chunks": 3}, stream=True)
    _, _, asked = chat(server, {"input": 500, "chunks": 3}, stream=True,
                       stream_options={"include_usage": True})
    _, _, refused = chat(server, {"input": 500, "chunks": 3}, stream=True,
                         stream_options={"include_usage": False, "x": 1})
    assert all(entry["asked_usage"] for entry in upstream.log)
    assert upstream.log[2]["request"]["stream_options"]["x"] == 1
    assert b'"prompt_tokens"' not in hidden
    assert b'"prompt_tokens"' not in refused
    assert b'"prompt_tokens"' in asked
    assert hidden.endswith(b"data: [DONE]\n\n")
    assert spent(home, server) == sum(map(cost, upstream.answered()))


def test_what_a_budget_refuses_is_said_in_the_clients_dialect(start, upstream):
    server = start('budgets: [{scope: "workflow:claims", period: day, usd: 0.000001}]')
    headers = {"x-bursar-workflow": "claims"}
    status, fields, body = chat(server, headers=headers, max_tokens=10)
    error = json.loads(body)["error"]
    assert status == 402
    assert fields["x-should-retry"] == "false"
    assert fields["x-bursar-budget-scope"] == "workflow:claims"
    assert (error["type"], error["code"]) == ("insufficient_quota", "budget_exceeded")
    assert "workflow:claims" in error["message"] and "0.000001" in error["message"]
    status, _, body = ask(server, "/v1/messages", {}, model="claude-sonnet-4-5", headers=headers,
                          max_tokens=10)
    assert status == 402
    assert json.loads(body)["type"] == "error"
    assert json.loads(body)["error"]["type"] == "billing_error"
    assert chat(server, max_tokens=10)[0] == 200
    assert len(upstream.log) == 1


def test_a_model_without_a_price_is_refused_where_a_limit_is_hard(start, upstream):
    server = start("budgets: [{scope: org, period: month, usd: 100}]")
    status, _, body = chat(server, model="nobody-knows-1", max_tokens=10)
    assert status == 402
    assert "allow_unpriced" in json.loads(body)["error"]["message"]
    assert upstream.log == []


def test_a_fallback_serves_when_the_first_model_does_not(home, start, upstream):
    server = start("routes: [{match: {model: gpt-4.1}, model: gpt-4.1, fallback: [gpt-4.1-mini]}]")
    status, headers, _ = chat(server, {"status": 529}, max_tokens=10)
    assert status == 529
    assert [entry["model"] for entry in upstream.log] == ["gpt-4.1", "gpt-4.1-mini"]
    assert "fallback" in headers["x-bursar-reason"]
    assert "529" in headers["x-bursar-reason"]
    assert spent(home, server) == 0


def test_a_route_gives_another_model_and_says_why(home, start, upstream):
    server = start("routes: [{match: {workflow: claims}, model: gpt-4.1-mini}]")
    status, headers, _ = chat(server, {"input": 10}, headers={"x-bursar-workflow": "claims"})
    assert status == 200
    assert upstream.log[0]["model"] == "gpt-4.1-mini"
    assert headers["x-bursar-model"] == "gpt-4.1-mini"
    assert headers["x-bursar-reason"] == "route 1 in place of gpt-4.1"
    assert spent(home, server) == cost(upstream.answered()[0])


def test_work_that_stays_with_people_is_refused(start, upstream):
    server = start("routes: [{match: {workflow: claims}, to: people}]")
    status, _, body = chat(server, headers={"x-bursar-workflow": "claims"})
    assert status == 403
    assert "stays with people" in json.loads(body)["error"]["message"]
    assert upstream.log == []


def test_an_upstream_that_cannot_be_reached_is_said(home):
    home.path.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (home.path / "bursar.yaml").write_text(
        f'upstreams: {{openai: {{base_url: "http://127.0.0.1:{port}/v1"}}}}\n')
    server = Server(home)
    try:
        status, _, body = chat(server)
        assert status == 502
        assert f"127.0.0.1:{port}" in json.loads(body)["error"]["message"]
    finally:
        server.stop()


def test_a_mixed_thousand_calls_cost_what_the_providers_meter_says(home, start, upstream):
    server = start()

    def one(number):
        wish = {"input": 1 + number * 7 % 5000, "cached": number % 3 * 100, "output": 1 + number,
                "chunks": number % 5}
        stream = number % 2 == 1
        if number % 3 == 0:
            return ask(server, "/v1/messages", {**wish, "written": number % 7 * 10},
                       model="claude-sonnet-4-5", stream=stream, max_tokens=5000)[0]
        path = "/v1/chat/completions" if number % 3 == 1 else "/v1/responses"
        return ask(server, path, wish, stream=stream,
                   model=("gpt-4.1", "gpt-4.1-mini")[number % 2])[0]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert set(pool.map(one, range(1000))) == {200}
    assert len(upstream.answered()) == 1000
    assert spent(home, server) == sum(map(cost, upstream.answered()))
    assert home.json("report")["total"]["unattributed"]["calls"] == 1000
    server.stop()
    home.verified()
