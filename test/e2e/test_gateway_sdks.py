"""Goal: the official SDKs of OpenAI and Anthropic, of Python and of Node, work through the gateway
as they are: what they hand to a program, answers and exceptions, is what they hand to it without
the gateway, and the ledger has what the provider's own meter says.
Method: the same calls are made twice, at a provider on loopback (upstream.py) and through the real
program at another one; the objects of the SDKs are compared whole. Only an environment variable
tells the SDKs where to call."""
import json
import os
import re
import subprocess
import time
from decimal import Decimal

import pytest

from conftest import ROOT
from test_gateway import CONFIG, cost, fixture_start, fixture_upstream, spent  # noqa: F401
from upstream import Upstream

PYTHON = ROOT / ".sdks/python/bin/python"
NODE = ROOT / ".sdks/node"
NEEDED = {"python": PYTHON, "python-async": PYTHON,
          "node": NODE / "node_modules/@anthropic-ai/sdk"}
# USD per million tokens of input on OpenAI's price list in November 2026.
EMBEDDING = Decimal("0.02")

TOOL = {"name": "add", "description": "adds", "parameters": {"type": "object", "properties": {
    "a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}}
TOOLS = {"chat": [{"type": "function", "function": TOOL}],
         "responses": [{"type": "function", "strict": True, **TOOL}],
         "messages": [{"name": "add", "description": "adds",
                       "input_schema": TOOL["parameters"]}]}


@pytest.fixture(name="language", params=["python", "python-async", "node"])
def fixture_language(request):
    needed = NEEDED[request.param]
    if not needed.exists():
        pytest.skip(f"{needed.relative_to(ROOT)} is absent: the package registry was not reachable "
                    "when tools/setup test ran")
    return request.param


# Where asynchronous clients share the code of the others.
of_each_language = pytest.mark.parametrize("language", ["python", "node"], indirect=True)


def sdk(language, openai, anthropic, calls, parallel=1, **more):
    """What the SDKs of that language hand to a program."""
    command = (["node", ROOT / "test/sdks/client.mjs", NODE] if language == "node"
               else [PYTHON, ROOT / "test/sdks/client.py"])
    command += ["--parallel", str(parallel)]
    if language == "python-async":
        command.append("--async")
    done = subprocess.run(
        [str(word) for word in command], input=json.dumps(calls), capture_output=True, text=True,
        timeout=300, check=False,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "OPENAI_API_KEY": "sk-none",
             "ANTHROPIC_API_KEY": "sk-ant-none", "OPENAI_BASE_URL": openai,
             "ANTHROPIC_BASE_URL": anthropic, **more})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def through(language, server, calls, parallel=1, **more):
    origin = f"http://127.0.0.1:{server.port}"
    return sdk(language, origin + "/openai/v1", origin + "/anthropic", calls, parallel, **more)


def direct(language, calls):
    """The same without the gateway."""
    provider = Upstream()
    try:
        return sdk(language, provider.url, provider.url.removesuffix("/v1"), calls)
    finally:
        provider.stop()


def without_null_usage(given):
    """OpenAI puts "usage": null into every chunk once it is asked for usage; so does what its SDK
    makes of them."""
    if isinstance(given, dict):
        return {name: without_null_usage(value) for name, value in given.items()
                if (name, value) != ("usage", None)}
    return [without_null_usage(value) for value in given] if isinstance(given, list) else given


def timeless(answers):
    """Answers without what differs from call to call: ids, and how long it took."""
    for answer in answers:
        answer.pop("seconds")
    text = re.sub(r"(chatcmpl|resp|msg|emb)-\d+-\d{8}", r"\1-ID", json.dumps(answers))
    return without_null_usage(json.loads(text))


def call(api, wish=(), how="whole", tool=False, **more):
    """A call of an SDK that wishes for that answer."""
    wish = {**dict(wish), **({"tool": "add"} if tool else {})}
    text = json.dumps(wish)
    body = {"messages": {"model": "claude-sonnet-4-5", "max_tokens": 200,
                         "messages": [{"role": "user", "content": text}]},
            "count_tokens": {"model": "claude-sonnet-4-5",
                             "messages": [{"role": "user", "content": text}]},
            "responses": {"model": "gpt-4.1", "input": text, "max_output_tokens": 200},
            "embeddings": {"model": "text-embedding-3-small", "input": text},
            "chat": {"model": "gpt-4.1", "max_completion_tokens": 200,
                     "messages": [{"role": "user", "content": text}]},
            "model": {"model": "gpt-4.1"}}.get(api, {})
    if tool and api in TOOLS:
        body["tools"] = TOOLS[api]
    if wish.get("thinking"):
        body["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        body["max_tokens"] = 2048
    return {"api": api, "body": body, "how": how, **more}


def price(entry):
    if entry["model"].startswith("text-embedding"):
        return EMBEDDING * entry["wish"]["input"] / 1_000_000
    return cost(entry)


EVERY = [call(api, {"input": 1234, "cached": 50, "output": 77}, how, tool)
         for api in ("chat", "responses", "messages") for how in ("whole", "stream", "helper")
         for tool in (False, True)]
EVERY += [call("messages", {"thinking": True, "written": 700}, how, tool)
          for how in ("whole", "stream", "helper") for tool in (False, True)]
EVERY += [call("embeddings", {"input": 1000}), call("models"), call("anthropic_models"),
          call("model"), call("count_tokens")]


def test_every_call_gives_what_it_gives_without_the_gateway(language, home, start, upstream):
    server = start()
    answers = through(language, server, EVERY)
    assert not any("error" in answer for answer in answers), answers
    assert timeless(answers) == timeless(direct(language, EVERY))
    answered = upstream.answered()
    assert len(answered) == len([one for one in EVERY if one["api"] in (
        "chat", "responses", "messages", "embeddings")])
    assert spent(home, server) == sum(map(price, answered))
    assert home.json("report")["total"]["unattributed"]["calls"] == len(answered)


@of_each_language
def test_tools_are_called_and_their_results_sent_back(language, home, start, upstream):
    server = start()
    first = through(language, server, [call("chat", tool=True), call("messages", tool=True)])
    message = first[0]["given"][0]["choices"][0]["message"]
    content = first[1]["given"][0]["content"]
    used = [block for block in content if block["type"] == "tool_use"][0]
    assert message["tool_calls"][0]["function"]["arguments"] == '{"a":1}'
    assert used["input"] == {"a": 1}
    chat, messages = call("chat", tool=True), call("messages", tool=True)
    chat["body"]["messages"] += [message, {
        "role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "42"}]
    messages["body"]["messages"] += [{"role": "assistant", "content": content}, {
        "role": "user", "content": [{"type": "tool_result", "tool_use_id": used["id"],
                                     "content": "42"}]}]
    last = through(language, server, [chat, messages])
    assert last[0]["given"][0]["choices"][0]["message"]["content"] == "Done."
    assert last[1]["given"][0]["content"][-1]["text"] == "Done."
    assert spent(home, server) == sum(map(cost, upstream.answered()))


ERRORS = [call(api, {"status": status, **more}, how, options={"max_retries": 0})
          for api in ("chat", "responses", "messages") for how in ("whole", "stream")
          for status, more in ((400, {}), (401, {}), (404, {}), (413, {}), (429, {}), (500, {}),
                               (503, {}), (529, {}), (402, {}),
                               (400, {"type": "enforced_spend_limit_reached"}),
                               (429, {"retry_after": 3600}))]


@of_each_language
def test_a_providers_error_is_the_sdks_own_exception(language, home, start, upstream):
    calls = []
    for number, one in enumerate(ERRORS):
        calls.append(one)
        if number % 3 == 2:  # a circuit opens after five failures one after the other
            calls += [call("chat"), call("messages")]
    server = start()
    expected = timeless(direct(language, calls))
    assert sum("error" in answer for answer in expected) == len(ERRORS)
    assert timeless(through(language, server, calls)) == expected
    assert spent(home, server) == sum(map(cost, upstream.answered()))


@of_each_language
def test_an_error_within_a_stream_is_the_sdks_own_exception(language, home, start, upstream):
    calls = [call(api, {"error_after": 4}, "stream", options={"max_retries": 0})
             for api in ("chat", "responses", "messages")]
    server = start()
    answers = through(language, server, calls)
    assert timeless(answers) == timeless(direct(language, calls))
    assert "error" in answers[0] and "error" in answers[2]
    assert spent(home, server) > 0


@of_each_language
@pytest.mark.parametrize("status", [402, 429])
def test_a_refusal_of_a_budget_is_not_tried_again(language, start, upstream, status):
    server = start('budgets: [{scope: "workflow:claims", period: day, usd: 0.000001}]\n'
                   f"gateway: {{refusal_status: {status}}}")
    headers = {"x-bursar-workflow": "claims"}
    calls = [call(api, how=how, headers=headers, options={"max_retries": 5})
             for api in ("chat", "responses", "messages") for how in ("whole", "stream")]
    answers = through(language, server, calls)
    assert server.metric("bursar_gateway_requests_total") == len(calls)
    assert upstream.log == []
    for one, answer in zip(calls, answers):
        assert answer["status"] == status
        words = json.dumps(answer["body"])
        assert "workflow:claims" in answer["message"], answer
        if one["api"] == "messages":
            assert "billing_error" in words
        else:
            assert "insufficient_quota" in words and "budget_exceeded" in words
        if status == 429:
            assert answer["error"] == "RateLimitError"
        else:
            assert answer["error"] in ("APIStatusError", "APIError", "PaymentRequiredError")
            assert "APIError" in answer["bases"]


def test_an_sdk_tries_again_what_the_provider_could_not_do(language, home, start, upstream):
    calls = [call(api, {"input": number, "status": 503, "fails": 2, "retry_after": 0},
                  options={"max_retries": 3}) for number, api in enumerate(("chat", "messages"))]
    server = start()
    answers = through(language, server, calls)
    assert not any("error" in answer for answer in answers), answers
    assert server.metric("bursar_gateway_requests_total") == 6
    assert spent(home, server) == sum(map(cost, upstream.answered()))
    assert len(upstream.answered()) == 2


def leave(language, server):
    """Two calls that an SDK gives up before the provider answers."""
    calls = [call(api, {"gate": "later"}, options={"timeout": 1, "max_retries": 0})
             for api in ("chat", "messages")]
    for answer in through(language, server, calls):
        assert answer["error"] in ("APITimeoutError", "APIConnectionTimeoutError")
        assert answer["seconds"] < 30


def test_what_an_sdk_does_not_wait_for_is_cancelled_and_its_row_says_so(language, home, start,
                                                                       upstream):
    server = start("gateway: {on_leave: cancel}")
    leave(language, server)
    assert spent(home, server) == 0  # nobody saw what they cost: no row makes one up
    assert server.metric("bursar_gateway_requests_under_way") == 0
    assert server.metric("bursar_gateway_charged_as_held_usd_total") > 0
    assert home.verified()["unpriced_calls"] == 2
    assert home.json("report")["total"]["unattributed"]["calls"] == 2
    assert upstream.answered() == []


def test_what_an_sdk_does_not_wait_for_costs_what_the_provider_metered(language, home, start,
                                                                      upstream):
    server = start()
    leave(language, server)
    upstream.open("later")
    end = time.monotonic() + 60
    while server.metric("bursar_gateway_requests_under_way") > 0:
        assert time.monotonic() < end, "what nobody waits for does not end"
        time.sleep(0.05)
    assert spent(home, server) == sum(map(cost, upstream.answered())) > 0
    assert len(upstream.answered()) == 2


def mixed(number):
    """One of a thousand calls, no two of a kind next to each other."""
    api = ("chat", "messages", "responses", "chat", "messages", "embeddings")[number % 6]
    wish = {"input": 1 + number * 7 % 5000, "output": 1 + number % 199}
    how = ("whole", "stream", "helper")[number // 6 % 3]
    if api == "embeddings":
        return call(api, wish)
    wish.update(cached=number % 3 * 100, chunks=1 + number % 5)
    if api == "messages":
        wish.update(written=number % 7 * 10, thinking=number % 5 == 0)
    return call(api, wish, how, tool=number % 4 == 0)


def test_a_thousand_mixed_calls_of_both_languages_cost_what_the_provider_metered(
        home, start, upstream):
    for path in NEEDED.values():
        if not path.exists():
            pytest.skip(f"{path.relative_to(ROOT)} is absent: the package registry was not "
                        "reachable when tools/setup test ran")
    server = start()
    calls = [mixed(number) for number in range(1000)]
    for first, language in enumerate(("python", "python-async", "node")):
        answers = through(language, server, calls[first::3], parallel=16)
        assert not any("error" in answer for answer in answers), answers
    answered = upstream.answered()
    assert len(answered) == 1000
    assert spent(home, server) == sum(map(price, answered))
    total = home.json("report")["total"]
    assert total["unattributed"]["calls"] == 1000
    server.stop()
    assert home.verified()["unpriced_calls"] == 0
