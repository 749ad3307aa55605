"""Goal: no way of writing a request lets it cost more than was held for it, or pass unmetered.
Method: what readers of JSON and of HTTP take differently, sent to the real program in front of a
budget that has room for a small call and not for a large one; what the provider got."""
import json

import pytest

from test_gateway import ask, fixture_start, fixture_upstream  # noqa: F401

# A call of 10 tokens at gpt-4.1's price fits; one of 9,000 does not.
SMALL = "budgets: [{scope: org, period: month, usd: 0.01}]"
JSON = {"Content-Type": "application/json"}
FRONT = '{"model":"gpt-4.1","messages":[{"role":"user","content":"{}"}],'


def send(server, data, path="/v1/chat/completions", method="POST", **fields):
    status, answer, _ = server.ask(method, path, data.encode(), {**JSON, **fields})
    return status, answer.decode()


def test_the_call_that_all_of_these_pretend_to_be_is_served(start, upstream):
    server = start(SMALL)
    assert send(server, FRONT + '"max_tokens":10}')[0] == 200
    assert send(server, FRONT + '"max_tokens":9000}')[0] == 402
    assert len(upstream.log) == 1


@pytest.mark.parametrize("more", [
    '"max_tokens":10,"MAX_TOKENS":9000}', '"Max_Tokens":9000}',
    '"max_tokens":10,"max_to\\u212aens":9000}', '"max_tokens":10,"max_token\u017f":9000}',
    '"max_tokens":10,"Model":"gpt-5-pro"}', '"max_tokens":10,"N":100}',
    '"max_tokens":10,"stream":false,"Stream":true}',
    '"max_tokens":10,"stream":true,"stream_options":{"include_usage":true,"INCLUDE_USAGE":false}}'])
def test_a_member_that_only_some_servers_know_by_that_name_is_refused(start, upstream, more):
    """Servers in Go take no notice of case, and of two spellings the last."""
    server = start(SMALL)
    status, answer = send(server, FRONT + more)
    assert status == 400
    assert "in small letters" in answer
    assert upstream.log == []


@pytest.mark.parametrize("more", ['"max_tokens":0}', '"max_tokens":10,"max_completion_tokens":0}'])
def test_a_bound_of_nothing_is_held_for_as_none(start, upstream, more):
    """vLLM and others go on as if it was not there."""
    server = start(SMALL)
    assert send(server, FRONT + more)[0] == 402
    assert upstream.log == []
    server.stop()
    server = start(SMALL + "\ngateway: {shrink: true, output_ceiling: 10}")
    assert send(server, FRONT + more)[0] == 200
    sent = json.loads(upstream.log[0]["body"])
    assert {sent[name] for name in sent if name.startswith("max_")} == {10}


@pytest.mark.parametrize("number", ["-1", "10.5", '"10"', "1e400", "1000000001", "NaN", "0x10",
                                    "[10]", "true", "9" * 40])
def test_a_bound_that_is_no_count_is_not_forwarded(start, upstream, number):
    server = start(SMALL)
    assert send(server, FRONT + f'"max_tokens":{number}}}')[0] == 400
    assert upstream.log == []


@pytest.mark.parametrize("tool", [
    '{"type":"web_search_20250305","name":"web_search","max_uses":0,"max_uses":50}',
    '{"type":"custom","name":"web_search","type":"web_search_20250305"}',
    '{"type":"custom","name":"web_search","Type":"web_search_20250305"}'])
def test_a_tool_that_is_two_things_is_not_forwarded(start, upstream, tool):
    server = start("budgets: [{scope: org, period: month, usd: 1}]")
    status, _ = send(server, '{"model":"claude-haiku-4-5","max_tokens":5,"messages":[],"tools":['
                     + tool + "]}", "/v1/messages")
    assert status == 400
    assert upstream.log == []


def test_searches_are_held_for_where_nobody_goes_by_their_bound(start, upstream):
    """max_uses is Anthropic's: OpenAI searches as often as it likes."""
    server = start("budgets: [{scope: org, period: month, usd: 0.05}]")
    status, _ = send(server, '{"model":"gpt-4.1","max_output_tokens":20,"input":"{}",'
                     '"tools":[{"type":"web_search","max_uses":0}]}', "/v1/responses")
    assert status == 402
    assert upstream.log == []


@pytest.mark.parametrize("method, fields", [
    ("GET", {"X-HTTP-Method-Override": "POST"}), ("PUT", {}), ("PATCH", {})])
def test_a_model_that_is_asked_for_by_another_method_is_a_call(start, upstream, method, fields):
    """Google's servers heed the override."""
    server = start("budgets: [{scope: org, period: month, usd: 0.01}]")
    status, _ = send(server, '{"model":"gpt-4.1","contents":[{"parts":[{"text":"hi"}]}]}',
                     "/openai/v1/models/gpt-4.1:generateContent", method, **fields)
    assert status == 402
    assert upstream.log == []


@pytest.mark.parametrize("path", [
    "/openai/v1/chat/%63ompletions", "/openai/v1/chat/completions;a=b",
    "/openai/v1/chat/completions%20", "/openai/v1/chat/completions%00", "/openai/v1/CHAT/Completions",
    "/openai/v1/files/%5c../chat/completions", "/openai/v1/files%2F..%2Fchat/completions",
    "/openai/v1/files/..;/chat/completions", "/openai/v1/models/../chat/completions",
    "/OpenAI/v1/chat/completions", "/openai/V1/chat/completions", "/%6fpenai/v1/chat/completions",
    "/openai/v1/messages/count_tokens/../../chat/completions"])
def test_a_path_written_otherwise_is_held_for_or_not_forwarded(start, upstream, path):
    server = start(SMALL)
    assert send(server, FRONT + '"max_tokens":9000}', path)[0] in (402, 404)
    assert upstream.log == []


@pytest.mark.parametrize("model", ["gpt\u20114.1", "\uff47pt-4.1", "gpt-4.1-nano\\u0000",
                                   "gpt-4.1-nano-or-gpt-5-pro", "ft:gpt-4.1:acme::1", ""])
def test_a_model_that_only_looks_like_one_has_no_price(start, upstream, model):
    server = start("budgets: [{scope: org, period: month, usd: 100}]")
    status, answer = send(server, f'{{"model":"{model}","messages":[],"max_tokens":5}}')
    assert status == 402
    assert "is not known" in answer
    assert upstream.log == []


@pytest.mark.parametrize("data", [
    json.dumps({"model": "gpt-4.1"}).encode("utf-16"), json.dumps({"model": "gpt-4.1"}).encode("utf-16-le"),
    b'{"model":"gpt-4.1"}\0', b'{"model":"gpt-4.1"}{"model":"gpt-5-pro"}', b'/**/{"model":"gpt-4.1"}',
    b'model=gpt-4.1&max_tokens=5', b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n',
    b'{"model":"gpt-4.1","x":\xff}', b"[" * 3000, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b" "])
def test_a_body_that_is_no_json_object_is_not_forwarded(start, upstream, data):
    server = start(SMALL)
    assert server.ask("POST", "/v1/chat/completions", data, JSON)[0] == 400
    assert upstream.log == []


def test_choices_and_drafts_are_each_held_for(start, upstream):
    server = start(SMALL)
    for path, more in (("/v1/chat/completions", '"max_tokens":100,"n":12}'),
                       ("/v1/completions", '"prompt":["a","b","c"],"max_tokens":50,"best_of":9}'),
                       ("/openai/v1/images/generations", '"max_tokens":10,"n":10}')):
        assert send(server, FRONT + more, path)[0] == 402
    assert upstream.log == []
