"""Goal: the table of refusals in docs/gateway.md, row by row, in both dialects.
Method: the real program; a provider on loopback that waits or fails; a port where nobody listens."""
import datetime
import json
import socket
import time

import pytest

from test_gateway import ask, chat, fixture_start, fixture_upstream  # noqa: F401
from test_serve import Server

OPENAI = ("/v1/chat/completions", "gpt-4.1")
ANTHROPIC = ("/v1/messages", "claude-sonnet-4-5")
W = {"x-bursar-workflow": "w"}


def refusal(server, dialect, wish=(), path=None, **more):
    """Status, fields, type and code."""
    status, fields, body = ask(server, path or dialect[0], dict(wish), model=dialect[1],
                               **{"max_tokens": 10, **more})
    answer = json.loads(body)
    error = answer["error"]
    assert error["message"]
    if dialect is ANTHROPIC:
        assert answer["type"] == "error" and answer["request_id"] == fields["x-bursar-request-id"]
    else:
        assert error["param"] is None
    assert fields["x-bursar-request-id"].startswith("req_")
    return status, fields, error["type"], error.get("code")


def check(found, status, kinds, retry):
    assert (found[0], found[2], found[3]) == (status, *kinds)
    assert found[1]["x-should-retry"] == retry


@pytest.mark.parametrize("dialect, kinds", [
    (OPENAI, ("insufficient_quota", "budget_exceeded")), (ANTHROPIC, ("billing_error", None))])
def test_no_room(start, upstream, dialect, kinds):
    server = start('budgets: [{scope: "workflow:w", period: day, usd: 0.00001}]')
    found = refusal(server, dialect, headers=W)
    check(found, 402, kinds, "false")
    assert found[1]["x-bursar-budget-scope"] == "workflow:w"
    assert found[1]["x-bursar-budget-remaining-usd"] == "0.00001"
    assert "retry-after" not in found[1] and upstream.log == []


def test_no_room_as_429_says_when_to_come_again(start):
    server = start('gateway: {refusal_status: 429}\nbudgets: [{scope: org, period: day, usd: 0},'
                   ' {scope: "user:u", period: total, usd: 0}]')
    found = refusal(server, OPENAI)
    check(found, 429, ("insufficient_quota", "budget_exceeded"), "false")
    now = datetime.datetime.now(datetime.timezone.utc)
    resets = datetime.datetime.fromisoformat(found[1]["x-bursar-budget-resets"])
    assert abs((resets - now).total_seconds() - int(found[1]["retry-after"])) < 5
    assert (resets.hour, resets.minute) == (0, 0)


def test_what_never_begins_anew_has_no_retry_after(start):
    server = start('gateway: {refusal_status: 429}\n'
                   'budgets: [{scope: "user:u", period: total, usd: 0}]')
    found = refusal(server, OPENAI, headers={"x-bursar-user": "u"})
    assert found[0] == 429 and "retry-after" not in found[1]
    assert "x-bursar-budget-resets" not in found[1]


@pytest.mark.parametrize("dialect, kinds", [
    (OPENAI, ("invalid_request_error", "stays_with_people")), (ANTHROPIC, ("permission_error", None))])
def test_work_that_stays_with_people(start, upstream, dialect, kinds):
    server = start("routes: [{match: {workflow: w}, to: people}]")
    check(refusal(server, dialect, headers=W), 403, kinds, "false")
    assert upstream.log == []


@pytest.mark.parametrize("dialect, kinds", [
    (OPENAI, ("invalid_request_error", "no_upstream")), (ANTHROPIC, ("not_found_error", None))])
def test_a_path_that_climbs(start, upstream, dialect, kinds):
    server = start()
    path = "/anthropic/v1/../x" if dialect is ANTHROPIC else "/openai/v1/../x"
    check(refusal(server, dialect, path=path), 404, kinds, "false")
    assert upstream.log == []


@pytest.mark.parametrize("dialect, kinds", [
    (OPENAI, ("invalid_request_error", "no_upstream")), (ANTHROPIC, ("not_found_error", None))])
def test_no_upstream(home, dialect, kinds):
    server = Server(home)
    try:
        check(refusal(server, dialect), 404, kinds, "false")
    finally:
        server.stop()


@pytest.mark.parametrize("path, words", [
    ("/openai/chat/completions", "base URL"), ("/chat/completions", "base URL"),
    ("/openia/v1/chat/completions", "base URL"), ("/v1/chat/completion", "base URL"),
    ("/anthropic/messages", "base URL"), ("/openai/v1/v1/chat/completions", "/v1 is there twice"),
    ("/anthropic/v1/v1/messages", "ends before it"), ("/nothing", "docs/server.md")])
def test_a_base_url_that_is_not_whole_is_told_how_it_is_mended(start, upstream, path, words):
    server = start()
    status, _, body = ask(server, path, {})
    assert status == 404
    assert words in json.loads(body)["error"]["message"]
    assert upstream.log == []


def test_a_key_of_the_gateway_on_a_path_of_none_is_told_of_the_base_url(home, start):
    server = start("require_keys: true")
    key = home.json("key", "create", "--role", "gateway")["secret"]
    time.sleep(1)
    status, _, body = ask(server, "/chat/completions", {}, headers={"x-api-key": key})
    assert status == 404 and "base URL" in json.loads(body)["error"]["message"]


def test_who_shows_no_key_learns_which_to_make(start):
    server = start("require_keys: true")
    for path, role in (("/v1/chat/completions", "gateway"), ("/api/v1/outcomes", "ingest")):
        status, _, body = ask(server, path, {})
        assert status == 401
        assert f"bursar key create --role {role}" in json.loads(body)["error"]["message"]


@pytest.mark.parametrize("text, words", [
    ("upstreams: {openai: {base_url: 'https://a b'}}",
     "bursar.yaml: upstreams.openai.base_url: \"https://a b\" is no URL of a server; write it as "),
    ("upstreams: {openai: {base_url: 'http://a:99999/v1'}}",
     "bursar.yaml: upstreams.openai.base_url: \"http://a:99999/v1\" "),
    ("upstreams: {openai: {base_url: 'http://a', api_key_env: NO_SUCH_KEY}}",
     "bursar.yaml: upstreams.openai.api_key_env: the environment has no NO_SUCH_KEY"),
    ("upstreams: {openai: {base_url: 'http://a', api_key_file: no.key}}",
     "bursar.yaml: upstreams.openai.api_key_file: "),
    ("upstreams: {openai: {base_url: 'http://a'}}\nroutes: [{model: a, upstream: b}]",
     "bursar.yaml: routes[0].upstream: upstreams has no \"b\"")])
def test_what_is_wrong_in_the_file_is_said_with_its_key(home, text, words):
    home.path.mkdir()
    (home.path / "bursar.yaml").write_text(text)
    assert words in home.refused("serve", "--listen", "127.0.0.1:0", timeout=20)


def test_a_key_file_is_looked_for_beside_the_configuration(home, upstream, tmp_path, monkeypatch):
    home.path.mkdir()
    (home.path / "bursar.yaml").write_text(
        f"upstreams: {{openai: {{base_url: '{upstream.url}', api_key_file: own.key}}}}")
    (home.path / "own.key").write_text("sk-of-the-file\n")
    monkeypatch.chdir(tmp_path)
    server = Server(home)
    try:
        assert chat(server)[0] == 200
        assert upstream.log[0]["fields"]["authorization"] == "Bearer sk-of-the-file"
    finally:
        server.stop()


def test_the_server_says_where_calls_go(start):
    server = start("budgets: [{scope: org, period: day, usd: 1}]")
    while "calls of models" not in (said := server.process.stderr.readline()):
        assert said.startswith("bursar: only ")  # files may be few here
    assert said == "bursar: calls of models go to openai, anthropic; 1 budget, 0 routes\n"


def test_a_body_too_large(start, upstream):
    server = start()
    found = refusal(server, OPENAI, padding="x" * (33 << 20))
    check(found, 413, ("invalid_request_error", "request_too_large"), "false")
    assert upstream.log == []


def test_a_compressed_body(start, upstream):
    server = start()
    found = refusal(server, OPENAI, headers={"Content-Encoding": "gzip"})
    check(found, 400, ("invalid_request_error", "bursar_request"), "false")
    assert upstream.log == []


def test_an_upstream_that_is_not_there_then_given_up_then_tried_again(start):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = start(f'  openrouter: {{base_url: "http://127.0.0.1:{port}/v1"}}\n')
    for _ in range(5):
        found = refusal(server, OPENAI, path="/openrouter/v1/chat/completions")
        check(found, 502, ("server_error", "upstream_failed"), "true")
    until = time.monotonic() + 60
    while (found := refusal(server, OPENAI, path="/openrouter/v1/chat/completions"))[0] == 502:
        assert time.monotonic() < until  # one a second is tried
    check(found, 503, ("server_error", "upstream_down"), "true")
    assert found[1]["retry-after"] == "1"
    assert chat(server, {}, max_tokens=5)[0] == 200  # others are not touched


@pytest.mark.parametrize("dialect, kinds", [
    (OPENAI, ("server_error", "upstream_timeout")), (ANTHROPIC, ("timeout_error", None))])
def test_an_upstream_that_does_not_answer_in_time(start, dialect, kinds):
    server = start("gateway: {first_byte_seconds: 1}")
    check(refusal(server, dialect, {"wait": 3}), 504, kinds, "true")


def test_a_retry_and_the_reason_on_the_answer(start, upstream):
    server = start("gateway: {retries: 2}\n"
                   "routes: [{match: {model: gpt-4.1}, model: gpt-4.1, fallback: [gpt-4.1-mini]}]")
    status, fields, _ = chat(server, {"status": 503}, max_tokens=5)
    assert status == 503
    assert [entry["model"] for entry in upstream.log] == ["gpt-4.1"] * 3 + ["gpt-4.1-mini"]
    assert fields["x-bursar-reason"] == ("fallback: gpt-4.1 answered 503; "
                                         "route 1 in place of gpt-4.1")


def test_what_is_free_is_held_for_nothing(home, start, upstream):
    server = start("budgets: [{scope: org, period: total, usd: 0}]")
    assert ask(server, "/v1/messages/count_tokens", {}, model="claude-sonnet-4-5")[0] == 200
    assert server.ask("GET", "/v1/models")[0] == 200
    assert home.json("budget")["holds"]["reserved"] == 0
    assert chat(server, {}, max_tokens=5)[0] == 402
