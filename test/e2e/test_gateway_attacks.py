"""Goal: what a hostile client sends neither stops the gateway, nor gets more than was held for, nor
takes the place of the server's own paths.
Method: requests byte by byte to the real program; what the provider got; how the budget stands.
A provider that says given bytes, where upstream.py is too well-behaved."""
import datetime
import json
import socket
import threading

import pytest

from test_gateway import CONFIG, ask, spent, fixture_start, fixture_upstream  # noqa: F401
from test_gateway_threats import body, raw
from test_serve import Server


def first_line(answer):
    return answer.split(b"\r\n")[0]


@pytest.mark.parametrize("target", ["/openai/v1", "/openai/v1?x=1", "http://a/openai/v1?x=1",
                                    "/openai/v1/?x=1", "/v1/models?limit=1"])
def test_a_base_url_without_a_path_takes_every_target(home, upstream, target):
    home.path.mkdir()
    (home.path / "bursar.yaml").write_text(
        CONFIG.format(url=upstream.url.removesuffix("/v1"), more=""))
    server = Server(home)
    try:
        assert b" 200 " in first_line(raw(server, body(), path=target))
        assert server.ask("GET", "/healthz")[0] == 200
        assert upstream.log[0]["path"].startswith("/")
    finally:
        server.stop()


@pytest.mark.parametrize("route", ['{{model: "{long}"}}', '{{model: gpt-4.1, fallback: ["{long}"]}}',
                                   '{{model: gpt-4.1, under_pressure: "{long}"}}'])
def test_a_route_to_a_model_of_no_possible_name_is_refused_at_the_start(home, upstream, route):
    home.path.mkdir()
    more = "routes: [" + route.format(long="m" * 300) + "]"
    (home.path / "bursar.yaml").write_text(CONFIG.format(url=upstream.url, more=more))
    assert "bursar.yaml: routes[0] names a model" in home.refused("serve", "--listen", "127.0.0.1:0", timeout=60)


class Canned:
    """A provider that answers every request with those bytes, and then closes."""

    def __init__(self, *answers):
        self.answers = answers
        self.requests = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/v1"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                data = b""
                while b"\r\n\r\n" not in data:
                    data += connection.recv(65536)
                head, _, rest = data.partition(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0] or 0)
                while len(rest) < size:
                    rest += connection.recv(65536)
                self.requests.append((head, rest))
                connection.sendall(self.answers[min(len(self.requests), len(self.answers)) - 1])

    def stop(self):
        self.socket.close()


@pytest.fixture(name="canned")
def fixture_canned(home):
    """A server whose provider says those bytes."""
    begun = []

    def begin(*answers, more=""):
        home.path.mkdir()
        begun.append(Canned(*answers))
        (home.path / "bursar.yaml").write_text(CONFIG.format(url=begun[0].url, more=more))
        begun.append(Server(home))
        return begun[::-1]
    yield begin
    for each in begun[::-1]:
        each.stop()


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
PIECE = b'data: {"id":"chatcmpl-0123456789abc","choices":[{"delta":{"content":"hi"}}]}'
USAGE = (b'data: {"id":"chatcmpl-0123456789abc","choices":[],'
         b'"usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500}}')
COST = 1000 * 2 + 500 * 8  # microdollars of gpt-4.1


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n"])
@pytest.mark.parametrize("end_of_line", [b"\n", b"\r", b"\r\n"])
def test_a_stream_that_ends_without_a_blank_line_is_metered_all_the_same(home, canned, ending,
                                                                        end_of_line):
    begin = STREAM + b"\xef\xbb\xbf: a comment" + 2 * end_of_line + PIECE + 2 * end_of_line
    server, provider = canned(begin + USAGE + ending)
    answer = raw(server, {**body(), "stream": True})
    assert b'"hi"' in answer and b"completion_tokens" not in answer
    assert json.loads(provider.requests[0][1])["stream_options"] == {"include_usage": True}
    assert spent(home, server) * 1_000_000 == COST


@pytest.mark.parametrize("usage, told, is_estimated", [
    ('{"prompt_tokens":1000,"completion_tokens":500}', 6000, 0),
    ('{"completion_tokens":500}', 4000, 1), ('{"prompt_tokens":1000}', 2000, 1),
    ('{"prompt_tokens":1e30,"completion_tokens":500}', 4000, 1),
    ('{"prompt_tokens":-1,"completion_tokens":500}', 4000, 1),
    ('{"completion_tokens":500,"total_tokens":1500}', 6000, 0),
    ('{"prompt_tokens":1000,"total_tokens":1500}', 6000, 0)])
def test_half_a_usage_is_estimated_for_the_other_half_and_not_taken_for_nothing(
        home, canned, usage, told, is_estimated):
    answer = (b'{"id":"chatcmpl-0123456789abc","choices":[{"message":{"content":"hello there"}}],'
              b'"usage":' + usage.encode() + b"}")
    server, _ = canned(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + answer)
    assert b"200 OK" in raw(server, body())
    paid = spent(home, server) * 1_000_000
    assert server.metric("bursar_gateway_calls_estimated_total") == is_estimated
    assert told < paid < told + 60 if is_estimated else paid == told


def test_an_event_too_large_to_be_read_reaches_the_client_whole(canned):
    large = b'data: {"choices":[{"delta":{"content":"' + b"x" * (17 << 20) + b'"}}]}\n\n'
    server, _ = canned(STREAM + PIECE + b"\n\n" + large + b"data: [DONE]\n\n")
    answer = raw(server, {**body(), "stream": True})
    assert answer.count(b"x") >= 17 << 20
    assert b"data: [DONE]" in answer


@pytest.mark.parametrize("extra", [
    '"stream":true,"stream_options":{"include_usage":false,"include_usage":false}',
    '"stream":true,"stream_options":{"include_usage":true,"include_usage":false}',
    '"stream":true,"stream_options":{"include_usage":"false"}',
    '"stream":true,"stream_options":{"include\\u005fusage":true,"include_usage":false}',
    '"stream":"true"', '"stream":1', '"stream":true,"\\u0073tream":false',
    '"\\u006dodel":"gpt-4.1"', '"max_tokens":1e1,"max_\\u0074okens":100000'])
def test_what_servers_take_differently_is_not_forwarded(start, upstream, extra):
    server = start("budgets: [{scope: org, period: month, usd: 1}]")
    data = ('{"model":"gpt-4.1","messages":[{"role":"user","content":"{}"}],' + extra + '}').encode()
    status, answer, _ = server.ask("POST", "/v1/chat/completions", data,
                                   {"Content-Type": "application/json"})
    assert status == 400, answer
    assert upstream.log == []


@pytest.mark.parametrize("method", ["PUT", "PATCH", "post", "FOO", "GET", "DELETE"])
def test_a_route_and_a_bound_hold_for_every_method(start, upstream, method):
    server = start("""
gateway: {shrink: true, output_ceiling: 50}
routes: [{match: {}, model: gpt-4.1-mini}]""")
    server.ask(method, "/v1/chat/completions", json.dumps(body("gpt-4.1")),
               {"Content-Type": "application/json"})
    sent = json.loads(upstream.log[0]["body"])
    assert sent["model"] == "gpt-4.1-mini" and sent["max_completion_tokens"] == 50


def test_a_get_with_a_body_is_no_way_around_a_budget(start, upstream):
    server = start("budgets: [{scope: org, period: month, usd: 0.000001}]")
    status, _, _ = server.ask("GET", "/v1/chat/completions", json.dumps(body()),
                              {"X-HTTP-Method-Override": "POST"})
    assert status == 402
    assert upstream.log == []


@pytest.mark.parametrize("path", ["/openai/v1/./chat/completions", "/openai/v1/chat/completions/.",
                                  "/openai/v1/chat/./completions"])
def test_a_path_with_dots_is_not_forwarded(start, upstream, path):
    server = start()
    assert b" 404 " in first_line(raw(server, body(), path=path))
    assert upstream.log == []


@pytest.mark.parametrize("field", ["api-key: {}", "x-goog-api-key: {}", "Authorization: {}",
                                   "Authorization: Token {}", "x-api-key: Bearer {}"])
def test_a_key_of_ours_goes_to_no_provider(home, start, upstream, field):
    server = start()
    key = home.json("key", "create", "--role", "gateway")["secret"]
    raw(server, body(), field.format(key))
    assert all(key not in str(entry["fields"]) for entry in upstream.log)


@pytest.mark.parametrize("path", ["/openai/v1/chat/completions?key={}",
                                  "/v1/chat/completions?a=b&api_key={}",
                                  "http://localhost/openai/v1/models?key={}"])
def test_a_key_of_ours_in_a_query_goes_to_no_provider(home, start, upstream, path):
    server = start()
    key = home.json("key", "create", "--role", "gateway")["secret"]
    answer = raw(server, body(), path=path.format(key))
    assert b" 400 " in first_line(answer) and b"in the query" in answer and key.encode() not in answer
    assert upstream.log == []


TEAMS = """budgets: [{scope: "workflow:claims", period: day, usd: 5}]
workflows:
  claims: {owner: {team: operations}}
  search: {owner: {team: platform}, callers: [sales]}
"""


@pytest.mark.parametrize("path, model", [("/v1/chat/completions", "gpt-4.1"),
                                         ("/v1/messages", "claude-sonnet-4-5")])
@pytest.mark.parametrize("named", [{"headers": {"x-bursar-workflow": "claims"}},
                                   {"headers": {"baggage": "bursar.workflow=clai%6ds"}},
                                   {"metadata": {"bursar.workflow": "claims"}}])
def test_a_key_of_a_team_spends_from_no_other_teams_workflow(home, start, upstream, path, model,
                                                             named):
    secrets = {team: home.json("key", "create", "--role", "gateway", "--name", f"of-{team}",
                               "--team", team)["secret"] for team in ("sales", "operations")}
    server = start(TEAMS)

    def call(team, **more):
        headers = {"x-api-key": secrets[team], "x-bursar-case": "c-1", **more.pop("headers", {})}
        return ask(server, path, {}, model=model, max_tokens=5, headers=headers, **more)
    status, fields, answer = call("sales", **named)
    error = json.loads(answer)["error"]
    assert status == 403 and fields["x-should-retry"] == "false" and upstream.log == []
    assert error["type"] == ("permission_error" if model.startswith("claude")
                             else "invalid_request_error")
    assert 'Workflow "claims" is not of team "sales"' in error["message"]
    assert server.metric("bursar_gateway_refused_total") == 1
    assert call("operations", **named)[0] == 200
    assert call("sales", headers={"x-bursar-workflow": "search"})[0] == 200
    assert call("sales", headers={"x-bursar-workflow": "not-configured"})[0] == 200
    assert ask(server, path, {}, model=model, max_tokens=5, **named)[0] == 200  # bound to nothing
    spent(home, server)
    steps = home.json("explain", "c-1", "--workflow", "claims")["attempts"][0]["steps"]
    assert len(steps) == 1  # its owner's call; nobody else makes cases there
    report = home.json("report")
    assert report["total"]["refused"]["calls"] == 1
    shared = f"refused {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}"
    kept = home.ok("explain", shared, "--json")
    assert "team of workflow:claims, key of-sales" in kept and '"sales"' in kept


@pytest.mark.parametrize("path", ["batches", "fine_tuning/jobs", "threads/t/runs"])
def test_work_that_is_done_later_is_refused_where_a_limit_is_hard(start, upstream, path):
    server = start("budgets: [{scope: org, period: month, usd: 1000}]")
    status, _, data = ask(server, f"/openai/v1/{path}", {}, max_tokens=1)
    assert status == 402 and b"done later" in data
    assert upstream.log == []


@pytest.mark.parametrize("path", ["files", "uploads/u/parts", "conversations"])
def test_what_is_only_kept_at_the_provider_passes_an_empty_budget(home, start, upstream, path):
    """No model works for it; calls that read it pay for that."""
    server = start("budgets: [{scope: org, period: month, usd: 0.00000001}]")
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\0\xff\r\n--x--\r\n'
    status, _, _ = server.ask("POST", f"/openai/v1/{path}", part,
                              {"Content-Type": "multipart/form-data; boundary=x"})
    assert status == 200
    assert upstream.log[0]["body"] == part
    server.stop()
    assert home.json("report")["total"]["unattributed"]["calls"] == 0


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_page_whose_name_points_here_reads_nothing_of_the_provider(start, upstream, method):
    server = start()
    assert server.ask(method, "/openai/v1/files/f/content", headers={"Host": "evil.example"})[0] == 403
    assert upstream.log == []
    assert server.ask(method, "/openai/v1/files/f/content")[0] == 200
    assert server.ask("POST", "/v1/chat/completions", json.dumps(body()),
                      {"Host": "models.example"})[0] == 200  # a page would say where it is from


@pytest.mark.parametrize("limit", ["claude-sonnet-4-5", "claude-sonnet-4-5-20250929",
                                   "anthropic/claude-sonnet-4-5"])
@pytest.mark.parametrize("asked", ["claude-sonnet-4-5", "claude-sonnet-4-5-20250929",
                                   "claude-sonnet-4-5-latest", "Claude-Sonnet-4-5"])
def test_a_limit_of_a_model_holds_for_its_other_names(start, upstream, limit, asked):
    server = start(f'budgets: [{{scope: "model:{limit}", period: month, usd: 0.000001}}, '
                   f'{{scope: "model:{limit}", period: day, usd: 1}}]')
    status, fields, _ = ask(server, "/v1/messages", {}, model=asked, max_tokens=5)
    assert status == 402 and fields["x-bursar-budget-scope"] == f"model:{limit}"
    assert ask(server, "/v1/messages", {}, model="claude-haiku-4-5", max_tokens=5)[0] == 200
    assert len(upstream.log) == 1


def test_a_model_with_limits_under_too_many_names_is_refused_at_the_start(home, upstream):
    home.path.mkdir()
    names = [f"claude-sonnet-4-5-2025010{day}" for day in range(1, 10)]
    more = "budgets: [" + ", ".join(
        f'{{scope: "model:{name}", period: month, usd: 1}}' for name in names) + "]"
    (home.path / "bursar.yaml").write_text(CONFIG.format(url=upstream.url, more=more))
    assert "more than 8 names" in home.refused("serve", "--listen", "127.0.0.1:0", timeout=60)
