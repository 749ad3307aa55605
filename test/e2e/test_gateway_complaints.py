"""Goal: what users of other gateways suffer from does not happen here: each complaint that the
trackers of LiteLLM, Bifrost, Portkey, Envoy AI Gateway, agentgateway and others hold, by its class,
is a test, here or where the table below says.
Method: the real program between plain clients and a provider on loopback (upstream.py); costs are
worked out here from the provider's log.

docs/gateway-complaints.md says which test answers which complaint, here and elsewhere.
"""
import concurrent.futures
import json
import re
import signal
import socket
import threading
import time
from decimal import Decimal
from pathlib import Path

import pytest

from test_budget import reload
from test_gateway import CONFIG, ask, chat, cost, fixture_start, fixture_upstream, spent  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]

CLAIMS = {"x-bursar-workflow": "claims"}
# A call of 100 tokens in and 10 out costs 0.00028 USD at gpt-4.1's price.
CALL, CALL_USD = {"input": 100, "output": 10}, Decimal("0.00028")
ANTHROPIC = "claude-sonnet-4-5"


def leave_after(server, events):
    """Read that many events of a stream, then go."""
    data = json.dumps({"model": "gpt-4.1", "stream": True, "messages": [
        {"role": "user", "content": json.dumps({"chunks": 100, "every": 0.01,
                                                "input": 1000})}]}).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                           b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                           % len(data) + data)
        seen = b""
        while seen.count(b"\n\n") < events:
            seen += connection.recv(65536)


def held_for(start, upstream, wish=(), **more):
    """What the gateway sets aside for a call, from the words of a refusal."""
    server = start('budgets: [{scope: org, period: month, usd: 0.00000001}]')
    _, _, body = chat(server, dict(wish), **more)
    server.stop()
    upstream.log.clear()
    return Decimal(json.loads(body)["error"]["message"].split("may cost up to $")[1].split(". ")[0])


def test_each_complaint_of_the_document_names_tests_there_are():
    text = (ROOT / "docs/gateway-complaints.md").read_text()
    named = re.findall(r"`(test/[\w/]+\.(?:py|c))::(\w+)`", text)
    assert len(named) > 60
    for file, name in named:
        source = (ROOT / file).read_text()
        begin = rf"^def {name}\(" if file.endswith(".py") else rf"^static void {name}\("
        assert re.search(begin, source, re.M), f"{file} has no {name}"
        assert file.endswith(".py") or re.search(rf"TEST\w*\({name}\)", source), name
    assert all(re.search(rf"^\| {letter}\d* \| .*`test/", text, re.M) for letter in "ABCDEFGHI")


def at_once(count, work):
    """Statuses of calls that are made at the same time."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return sorted(pool.map(work, range(count)))


def held_at_once(count, work, upstream):
    """The same; the provider answers none before each is admitted or refused."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        calls = [pool.submit(work, number) for number in range(count)]
        until = time.monotonic() + 60
        while sum(call.done() for call in calls) + len(upstream.log) < count:
            assert time.monotonic() < until, "some are neither admitted nor refused"
            time.sleep(0.005)
        upstream.open("all")
        return sorted(call.result() for call in calls)


# ---- A. More is spent than the budget allows

def test_calls_of_one_case_at_once_do_not_pass_its_cap(home, start, upstream):
    """LiteLLM 34732: a session's budget is passed by concurrent requests."""
    hold = held_for(start, upstream, {**CALL, "gate": "all"}, max_tokens=10, headers={
        **CLAIMS, "x-bursar-case": "c1"})
    server = start(f'budgets: [{{scope: "workflow:claims", period: month, usd: 100, '
                   f"per_case_usd: {3 * hold}}}]")

    def one(_):
        return chat(server, {**CALL, "gate": "all"}, max_tokens=10,
                    headers={**CLAIMS, "x-bursar-case": "c1"})[0]
    assert held_at_once(16, one, upstream) == [200] * 3 + [402] * 13
    assert len(upstream.log) == 3
    assert chat(server, CALL, max_tokens=10, headers={**CLAIMS, "x-bursar-case": "c2"})[0] == 200
    assert spent(home, server) == 4 * CALL_USD


def test_the_first_calls_of_a_user_nobody_knew_keep_to_the_users_budget(start, upstream):
    """LiteLLM 40095: eight first requests at once of an unknown end user pass the budget."""
    hold = held_for(start, upstream, {**CALL, "gate": "all"}, max_tokens=10, user="eve")
    server = start(f'budgets: [{{scope: "user:eve", period: day, usd: {hold}}}]')
    assert held_at_once(8, lambda _: chat(server, {**CALL, "gate": "all"}, max_tokens=10,
                                          user="eve")[0], upstream) == [200] + [402] * 7
    assert chat(server, CALL, max_tokens=10, user="adam")[0] == 200


def test_a_spent_budget_stays_spent_when_the_server_starts_anew(home, start, upstream):
    """LiteLLM 26672, 23714, 11083: keys and users go on after their budget, also on a fresh
    deployment."""
    hold = held_for(start, upstream, CALL, max_tokens=10)
    budget = f"budgets: [{{scope: org, period: total, usd: {hold}}}]"
    server = start(budget)
    while chat(server, CALL, max_tokens=10)[0] == 200:
        pass
    before = len(upstream.log)
    assert chat(server, CALL, max_tokens=10)[0] == 402
    server.stop()
    server = start(budget)
    assert chat(server, CALL, max_tokens=10)[0] == 402
    assert len(upstream.log) == before
    assert spent(home, server) == before * CALL_USD <= hold


@pytest.mark.parametrize("scope, own, other", [
    ("org", {}, None), ("workflow:claims", {}, {"x-bursar-workflow": "letters"}),
    ("user:eve", {}, {"x-bursar-user": "adam"}), ("key:ann", {}, {"x-api-key": "bob"}),
    ("team:red", {}, {"x-api-key": "bob"}), ("model:gpt-4.1", {}, {"model": "gpt-4.1-mini"})])
def test_every_kind_of_budget_stops_its_own_and_nobody_elses(home, start, upstream, scope, own,
                                                             other):
    """LiteLLM 23714, 11083, 26672: keys, users and end users go on beyond their budgets."""
    secrets = {name: home.json("key", "create", "--role", "gateway", "--name", name, "--team",
                               team)["secret"] for name, team in (("ann", "red"), ("bob", "blue"))}
    hold = held_for(start, upstream, CALL, max_tokens=10)
    server = start(f'budgets: [{{scope: "{scope}", period: month, usd: {hold * 2}}}]')

    def one(**more):
        model = more.pop("model", "gpt-4.1")
        named = {"x-bursar-workflow": "claims", "x-bursar-user": "eve", "x-api-key": "ann", **more}
        return chat(server, CALL, max_tokens=10, model=model,
                    headers={**named, "x-api-key": secrets[named["x-api-key"]]})
    paid = 0
    while (got := one(**own))[0] == 200:
        paid += 1
        assert paid < 50
    assert paid * CALL_USD <= hold * 2
    assert got[0] == 402 and got[1]["x-bursar-budget-scope"] == scope
    assert [one(**own)[0] for _ in range(3)] == [402] * 3
    assert len(upstream.log) == paid
    if other is not None:
        assert one(**other)[0] == 200


def test_streams_at_once_are_held_for_whole_before_their_first_byte(home, start, upstream):
    """Envoy AI Gateway 2394: a limit is seen when the stream is over, so that 1,200 of 1,000 tokens
    are streamed."""
    wish = {"chunks": 20, "every": 0.02, "input": 100, "output": 400}
    hold = held_for(start, upstream, wish, stream=True, max_tokens=400)
    server = start(f"budgets: [{{scope: org, period: month, usd: {hold * 3}}}]")

    def one(_):
        status, _, body = chat(server, wish, stream=True, max_tokens=400)
        return status, body.count(b"data: ")
    done = at_once(16, one)
    assert [status for status, _ in done] == [200] * 3 + [402] * 13
    assert all(events > 20 for status, events in done if status == 200)
    assert not any(events for status, events in done if status == 402)
    assert spent(home, server) == sum(map(cost, upstream.answered())) <= hold * 3


@pytest.mark.parametrize("path", ["/openai/v1/completions", "/openai/v1/images/generations",
                                  "/openai/v1/audio/speech", "/anthropic/v1/complete",
                                  "/openai/v1/chat/completions/", "/openai/v1/responses/compact"])
def test_a_path_nobody_knows_is_no_way_around_a_budget(start, upstream, path):
    """Bifrost 2873: pass-through routes circumvent the budgets of virtual keys."""
    server = start("budgets: [{scope: org, period: month, usd: 0.00000001}]")
    assert ask(server, path, {}, max_tokens=10)[0] == 402
    assert upstream.log == []


def test_a_misspelt_budget_is_refused_and_not_ignored(home):
    """Bifrost 5673: "budget" in place of "budgets" is accepted and no budget is kept."""
    home.path.mkdir()
    for text in ("budget: {scope: org, period: month, usd: 1}",
                 "budgets: [{scope: org, period: month, limit: 1}]",
                 "budgets: [{scope: orga, period: month, usd: 1}]"):
        (home.path / "bursar.yaml").write_text(text + "\n")
        done = home.run("serve", "--listen", "127.0.0.1:0", timeout=60)
        assert done.returncode != 0
        assert "bursar.yaml:1" in done.stderr


def test_a_cheaper_model_is_used_from_its_share_on_and_not_before(start, upstream):
    """Bifrost 5770: a rule for "99 % used" fires after 3 %."""
    hold = held_for(start, upstream, CALL, max_tokens=10)
    server = start(f"budgets: [{{scope: org, period: month, usd: {hold * 10}, at: ["
                   "{share: 0.5, do: shape}, {share: 1.0, do: refuse}]}]\n"
                   "routes: [{match: {model: gpt-4.1}, model: gpt-4.1, "
                   "under_pressure: gpt-4.1-mini}]")
    half = hold * 5
    used = Decimal(0)
    for _ in range(60):
        before = used
        status, headers, _ = chat(server, CALL, max_tokens=10)
        if status != 200:
            break
        used += Decimal(headers["x-bursar-cost-usd"])
        if headers["x-bursar-model"] == "gpt-4.1":
            assert before + hold <= half, "the dearer model was used past its share"
        else:
            assert before + hold > half, "the cheaper model was used before its share"
            assert "save" in headers["x-bursar-reason"]
    assert {entry["model"] for entry in upstream.log} == {"gpt-4.1", "gpt-4.1-mini"}
    assert used <= hold * 10


def test_what_remains_falls_by_what_each_call_cost(start, upstream):
    """Envoy AI Gateway 1754, 2394: the remaining budget never decreases."""
    server = start("budgets: [{scope: org, period: month, usd: 1}]")
    remaining = Decimal(1)
    for number in range(5):
        _, headers, _ = chat(server, {"input": 1000 * number, "output": 10}, max_tokens=10)
        remaining -= cost(upstream.log[-1])
        assert Decimal(headers["x-bursar-budget-remaining-usd"]) == remaining
        assert remaining < 1


def test_a_spent_budget_does_not_fill_up_with_time(start, upstream):
    """wso2 api-platform 2936: a budget made as a rate that refills is never reached."""
    hold = held_for(start, upstream, CALL, max_tokens=10)
    server = start(f"budgets: [{{scope: org, period: total, usd: {hold}}}]")
    while chat(server, CALL, max_tokens=10)[0] == 200:
        pass
    for _ in range(5):
        time.sleep(0.4)
        assert chat(server, CALL, max_tokens=10)[0] == 402


# ---- B. Calls are refused though there is money

def test_nothing_stays_held_after_errors_timeouts_and_clients_that_leave(home, start, upstream):
    """LiteLLM 27639, 28283, 36926, 40050: counters run ahead of the real spend, until calls are
    refused with half of the budget unspent."""
    config = "budgets: [{scope: org, period: month, usd: 5}]\ngateway: {retries: 1}"
    server = start(config.replace("retries", "first_byte_seconds: 1, retries"))
    assert chat(server, {"gate": "never", "input": 50}, max_tokens=50)[0] == 504
    reload(server, home, upstream, config)
    for wish in ({"status": 400}, {"status": 500}, {"status": 429}, {"reset": True}):
        assert chat(server, {**wish, "input": 50}, max_tokens=50)[0] >= 400
        assert chat(server, CALL, max_tokens=50)[0] == 200
    for wish in ({"cut": 2}, {"error_after": 2}):
        try:
            chat(server, wish, stream=True, max_tokens=50)
        except Exception:  # noqa: BLE001 - however the stream breaks off
            pass
    leave_after(server, 3)
    assert at_once(32, lambda _: chat(server, CALL, max_tokens=50)[0]) == [200] * 32
    until = time.monotonic() + 60
    while server.metric("bursar_gateway_requests_under_way") > 0:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert server.metric("bursar_budget_holds") == 0
    total = spent(home, server)
    # What nobody saw may have cost what was held: that is said, and is in no row's cost.
    as_held = Decimal(str(server.metric("bursar_gateway_charged_as_held_usd_total")))
    assert server.metric("bursar_gateway_calls_unmetered_total") == 4
    assert 4 * Decimal("0.0004") < as_held < 4 * Decimal("0.004")  # 50 tokens of output, and input
    _, headers, _ = chat(server, CALL, max_tokens=50)
    assert abs(Decimal(headers["x-bursar-budget-remaining-usd"]) - (5 - total - CALL_USD - as_held)
               ) < Decimal("1e-9")


def test_without_a_budget_nothing_is_refused(start, upstream):
    """LiteLLM 22726, 20615: blocked with no budget set, or after one call with a wrong price."""
    server = start('budgets: [{scope: "team:others", period: day, usd: 0.000001}]')
    assert chat(server, {"input": 900_000_000, "output": 900_000_000})[0] == 200
    assert chat(server, model="nobody-knows-1")[0] == 200
    assert at_once(16, lambda _: chat(server)[0]) == [200] * 16
    assert len(upstream.log) == 18


def test_an_absurd_bound_of_output_is_refused_itself_and_starves_nobody(start, upstream):
    """LiteLLM PR 38647: a $25 budget is held up by one max_tokens; agenta 6341: 64k tokens
    reserved, 402 forever."""
    server = start("budgets: [{scope: org, period: month, usd: 1}]")
    status, _, body = chat(server, max_tokens=500_000_000)
    assert status == 402
    assert "may cost up to" in json.loads(body)["error"]["message"]
    assert chat(server, CALL, max_tokens=50)[0] == 200
    assert len(upstream.log) == 1


def test_an_absurd_bound_of_output_is_cut_to_the_ceiling_where_that_is_wished(start, upstream):
    """agenta 6341, LiteLLM PR 38647."""
    server = start("budgets: [{scope: org, period: month, usd: 1}]\n"
                   "gateway: {output_ceiling: 1000, shrink: true}")
    assert chat(server, CALL, max_tokens=500_000_000)[0] == 200
    assert chat(server, CALL)[0] == 200
    assert [entry["request"].get("max_tokens") or entry["request"]["max_completion_tokens"]
            for entry in upstream.log] == [1000, 1000]


# ---- C. What streams cost

@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
@pytest.mark.parametrize("stream", [False, True])
def test_usage_of_zero_is_zero_and_not_estimated(home, start, upstream, path, stream):
    """LiteLLM 37992: an explicit usage of zero is replaced by an estimate, and billed."""
    server = start()
    model = ANTHROPIC if "messages" in path else "gpt-4.1"
    assert ask(server, path, {"input": 0, "output": 0}, model=model, stream=stream,
               max_tokens=10)[0] == 200
    assert spent(home, server) == 0
    assert server.metric("bursar_gateway_calls_estimated_total") == 0


def test_an_aborted_stream_is_paid_for_what_the_provider_had_told(home, start, upstream):
    """Bifrost 3357: a quarter of Anthropic's bill is missing: streams that were left. LiteLLM
    33736, 37734."""
    server = start()
    wish = {"chunks": 100, "halt": 23, "input": 5000, "cached": 300, "written": 70, "pad": 400}
    data = json.dumps({"model": ANTHROPIC, "stream": True, "max_tokens": 9000, "messages": [
        {"role": "user", "content": json.dumps(wish)}]}).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n"
                           b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                           % len(data) + data)
        seen = b""
        while seen.count(b"content_block_delta\n") < 20:
            seen += connection.recv(65536)
    until = time.monotonic() + 60
    while server.metric("bursar_gateway_requests_under_way") > 0:
        assert time.monotonic() < until
        time.sleep(0.02)
    told = (Decimal(3) * 5000 + Decimal("0.3") * 300 + Decimal("3.75") * 70) / 1_000_000
    written = Decimal(15) * 55 * Decimal("1.2") / 1_000_000  # a piece; Claude's a fifth more
    assert told + 20 * written <= spent(home, server) <= told + 21 * written
    assert server.metric("bursar_gateway_calls_estimated_total") == 1


def test_a_stream_that_is_left_after_megabytes_keeps_nobody_waiting(start, upstream):
    """LiteLLM 36429: tokens of 5 MiB are counted on the event loop when a stream is left."""
    server = start()
    body = json.dumps({"model": "gpt-4.1", "stream": True, "messages": [
        {"role": "user", "content": "tell more " * 500_000},
        {"role": "user", "content": json.dumps({"chunks": 400, "pad": 20_000})}]}).encode()
    before = server.processor_s()
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
            connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                               b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                               % len(body) + body)
            seen = 0
            while seen < 1_000_000:
                seen += len(connection.recv(1 << 20))
        for _ in range(10):
            assert chat(server, CALL, max_tokens=10)[0] == 200
    print(f"{server.processor_s() - before:.2f} s of a processor")
    assert server.processor_s() - before < 3


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
def test_a_stream_that_asks_for_usage_comes_byte_for_byte(start, upstream, path):
    """LiteLLM 38348: the cost is injected into streams unasked."""
    server = start()
    model = ANTHROPIC if "messages" in path else "gpt-4.1"
    more = {"stream_options": {"include_usage": True}} if "chat" in path else {}
    _, _, through = ask(server, path, CALL, model=model, stream=True, max_tokens=10, **more)

    class Provider:
        port = upstream.port
    _, _, direct = ask(Provider, path, CALL, model=model, stream=True, max_tokens=10, **more)
    first, second = (entry["id"].encode() for entry in upstream.log)
    assert through.replace(first, b"ID") == direct.replace(second, b"ID")
    assert upstream.log[0]["body"] == upstream.log[1]["body"]


# ---- D. Caches, reasoning, tiers, regions

@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path, model, wish, micro_usd", [
    # LiteLLM 9812, 11364: cache writes are charged twice.
    ("/v1/messages", ANTHROPIC, {"input": 10, "written": 1000, "output": 100}, "5280"),
    # LiteLLM 8514, 12313; Bifrost 3451: reads and writes count as fresh input beside.
    ("/v1/messages", ANTHROPIC, {"input": 10, "cached": 9000, "written": 1000, "output": 100},
     "7980"),
    # An hour's write costs twice the input.
    ("/v1/messages", ANTHROPIC, {"input": 10, "written": 1000, "hour": 2000, "output": 100},
     "17280"),
    # Bifrost 904: cached tokens are charged as input.
    ("/v1/chat/completions", "gpt-4.1", {"input": 1000, "cached": 9000, "output": 100}, "7300"),
    ("/v1/responses", "gpt-4.1", {"input": 1000, "cached": 9000, "output": 100}, "7300"),
    # knostic OpenAnt 211: reasoning is missing, or added to the output that holds it.
    ("/v1/chat/completions", "gpt-4.1", {"input": 1000, "output": 700, "reasoning": 600}, "7600"),
    ("/v1/responses", "gpt-4.1", {"input": 1000, "output": 700, "reasoning": 600}, "7600"),
    # LiteLLM 13810, 27588: flex is priced as standard; here by what the provider says it was.
    ("/v1/chat/completions", "gpt-4.1", {"input": 1000, "output": 100, "tier": "flex"}, "1400"),
    ("/v1/responses", "gpt-4.1", {"input": 1000, "output": 100, "tier": "flex"}, "1400"),
    # Bifrost PR 5088: the price of a region is missing (5 and 25 USD, and a tenth more).
    ("/v1/messages", "claude-opus-4-6", {"input": 1000, "output": 100, "geo": "us"}, "8250"),
    ("/v1/messages", "claude-opus-4-6", {"input": 1000, "output": 100, "geo": "global"}, "7500"),
    # LiteLLM PR 39861: a long context has another price, for all of it (6, 0.60, 22.50).
    ("/v1/messages", ANTHROPIC, {"input": 150_000, "cached": 100_000, "output": 1000}, "982500"),
])
def test_every_class_of_tokens_has_its_price_once(home, start, upstream, stream, path, model, wish,
                                                 micro_usd):
    """LiteLLM 9812, 11364, 8514, 12313, 13810, 27588, PR 39861; Bifrost 904, 3451, 5354, PR 5088;
    knostic OpenAnt 211."""
    server = start("prices: [{provider: openai, model: gpt-4.1, tier: flex, input: 1, "
                   "cache_read: 0.25, output: 4}]")
    status, headers, _ = ask(server, path, wish, model=model, stream=stream, max_tokens=1000)
    assert status == 200
    expected = Decimal(micro_usd) / 1_000_000
    if not stream:
        assert Decimal(headers["x-bursar-cost-usd"]) == expected
    assert spent(home, server) == expected
    assert len(upstream.log) == 1


def test_a_batch_is_counted_as_unmetered_and_refused_where_a_limit_is_hard(start, upstream):
    """LiteLLM 35358, 36640, 19925: a batch writes no row and costs nothing; here it cannot be
    overlooked."""
    def create(server):
        status, _, _ = server.ask("POST", "/openai/v1/batches", json.dumps({
            "input_file_id": "file-1", "endpoint": "/v1/chat/completions",
            "completion_window": "24h"}), {"Content-Type": "application/json"})
        return status
    server = start()
    assert create(server) == 200
    assert server.metric("bursar_gateway_calls_unmetered_total") + server.metric(
        "bursar_gateway_calls_estimated_total") == 1
    server.stop()
    assert create(start("budgets: [{scope: org, period: month, usd: 100}]")) == 402
    assert len(upstream.log) == 1


# ---- E. Rows that are lost

def test_what_was_answered_is_in_the_ledger_though_the_server_is_stopped_at_once(home, start,
                                                                                upstream):
    """LiteLLM 38157, 34805: rows that wait in memory are gone after SIGTERM."""
    server = start()
    assert at_once(16, lambda _: [chat(server, CALL)[0] for _ in range(20)]) == [[200] * 20] * 16
    assert server.stop() == 0
    server = start()
    assert spent(home, server) == 320 * CALL_USD
    assert home.json("report")["total"]["unattributed"]["calls"] == 320
    assert len(upstream.log) == 320


def test_many_workflows_at_once_all_have_their_rows(home, start, upstream):
    """LiteLLM 29292: of one flush only the first hundred keys of daily spend are kept."""
    server = start()

    def one(number):
        return chat(server, {"input": number, "output": 1},
                    headers={"x-bursar-workflow": f"w{number:03}"})[0]
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        assert set(pool.map(one, range(300))) == {200}
    spent(home, server)
    rows = {row["workflow"]: Decimal(row["cost"]["total"])
            for row in home.json("report")["workflows"]}
    assert rows == {f"w{number:03}": (2 * Decimal(number) + 8) / 1_000_000 for number in range(300)}
    assert len(upstream.log) == 300


def test_every_try_at_the_provider_has_a_row_of_its_own(home, start, upstream):
    """LiteLLM 13280: eight rows for nine requests at the provider; Bifrost PR 4575: rows that are
    taken for each other by the request's id alone."""
    server = start("gateway: {retries: 2}")
    headers = {**CLAIMS, "x-bursar-case": "c1"}
    assert chat(server, {**CALL, "status": 503, "fails": 2}, headers=headers)[0] == 200
    assert chat(server, CALL, headers=headers)[0] == 200
    assert spent(home, server) == 2 * CALL_USD
    steps = [step for attempt in home.json("explain", "c1", "--workflow", "claims",
                                           "--all")["attempts"] for step in attempt["steps"]]
    assert len(steps) == len(upstream.log) == 4
    assert sum(Decimal(step["cost"] or 0) for step in steps) == 2 * CALL_USD


# ---- F. Memory, and what is needed to start

def test_memory_does_not_grow_with_calls(home, start, upstream):
    """LiteLLM 12685, 27954, 38193, 15128: gigabytes within a day."""
    server = start("budgets: [{scope: org, period: month, usd: 1000}]")

    def some(count):
        def one(number):
            return chat(server, {"input": number, "pad": 1000, "chunks": 20},
                        stream=number % 2 == 0, max_tokens=100, filler="x" * 60_000)[0]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            assert set(pool.map(one, range(count))) == {200}
        spent(home, server)
        upstream.log.clear()
    some(800)
    before = server.memory()
    some(1600)
    assert server.memory() - before < 24 << 20  # the ledger's own cache is in it


def test_it_starts_and_serves_without_a_way_out(home, start, upstream, monkeypatch):
    """LiteLLM 33167: engines are downloaded at the start, so that it dies without egress."""
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    began = time.monotonic()
    server = start()
    assert time.monotonic() - began < 30
    assert chat(server, CALL)[0] == 200
    assert len(upstream.log) == 1
    assert home.path.exists()


# ---- G. Whose it is

def test_two_keys_of_a_team_share_its_budget(home, start, upstream):
    """agentgateway 3302, 2171: budgets for groups of keys."""
    hold = held_for(start, upstream, CALL, max_tokens=10)
    secrets = [home.json("key", "create", "--role", "gateway", "--name", name, "--team",
                         team)["secret"]
               for name, team in (("ann", "red"), ("bob", "red"), ("cyd", "blue"))]
    server = start(f'budgets: [{{scope: "team:red", period: month, usd: {hold}}}]')

    def one(secret):
        return chat(server, CALL, max_tokens=10, headers={"authorization": f"Bearer {secret}"})
    assert one(secrets[0])[0] == 200
    refused = [one(secrets[1]) for _ in range(2)][-1]
    while refused[0] == 200:
        refused = one(secrets[1])
    assert refused[0] == 402
    assert refused[1]["x-bursar-budget-scope"] == "team:red"
    assert one(secrets[2])[0] == 200
    assert "authorization" not in upstream.log[0]["fields"]


def test_no_key_is_free_of_budgets(home, start, upstream):
    """strelov1 freehire 1386, JiRaska open-bank-oss 3284: everybody is on the master key, which no
    budget binds."""
    secrets = {role: home.json("key", "create", "--role", role)["secret"]
               for role in ("admin", "gateway", "viewer")}
    server = start("budgets: [{scope: org, period: month, usd: 0.00000001}]")
    for role, status in (("admin", 403), ("viewer", 403), ("gateway", 402)):
        assert chat(server, max_tokens=10,
                    headers={"authorization": f"Bearer {secrets[role]}"})[0] == status
    assert chat(server, max_tokens=10)[0] == 402
    assert upstream.log == []


def test_work_is_named_by_metadata_without_a_header(home, start, upstream):
    """Portkey 1152, LiteLLM 14390, Inebrio Routerly 95: cost by tags of the request, without an
    enterprise licence; the names go to the provider as they were."""
    server = start()
    metadata = {"bursar.workflow": "claims", "bursar.case": "c7", "customer": "acme"}
    assert chat(server, CALL, metadata=metadata)[0] == 200
    assert spent(home, server) == CALL_USD
    assert Decimal(home.json("explain", "c7", "--workflow", "claims")["cost"]) == CALL_USD
    assert upstream.log[0]["request"]["metadata"] == metadata


def test_a_refusal_says_which_budget_in_a_field_for_programs(start, upstream):
    """Firefox-AI MLPA 262: programs must match words to tell a user's budget from the global one;
    LiteLLM 14144: which of the budgets was it?"""
    hold = held_for(start, upstream, CALL, max_tokens=10)
    server = start(f"budgets: [{{scope: org, period: month, usd: {hold * 100}}}, "
                   f'{{scope: "user:eve", period: day, usd: {hold / 2}}}, '
                   f'{{scope: "model:gpt-4.1-mini", period: hour, usd: 0.00000001}}]')
    _, user, _ = chat(server, CALL, max_tokens=10, user="eve")
    _, model, _ = chat(server, CALL, max_tokens=10, model="gpt-4.1-mini")
    _, org, _ = chat(server, CALL, max_tokens=200_000)
    assert user["x-bursar-budget-scope"] == "user:eve"
    assert model["x-bursar-budget-scope"] == "model:gpt-4.1-mini"
    assert org["x-bursar-budget-scope"] == "org"
    for fields in (user, model, org):
        assert Decimal(fields["x-bursar-budget-remaining-usd"]) > 0
        assert fields["x-bursar-budget-resets"].endswith("Z")
        assert fields["x-bursar-request-id"]


# ---- H. What came of it

def test_calls_of_failed_work_are_in_the_cost_of_what_succeeded(home, start, upstream):
    """Intense-Visions harness-engineering 1522, 1542; hurttlocker o8 1791; aashaukatc Ananas 34;
    greynewell matchspec 66: cost of a resolved task, tasks that produced nothing included."""
    server = start()
    for case, calls in (("won", 1), ("lost", 3)):
        for _ in range(calls):
            assert chat(server, CALL, headers={**CLAIMS, "x-bursar-case": case})[0] == 200
    spent(home, server)
    for case, status in (("won", "resolved"), ("lost", "failed")):
        body = json.dumps({"workflow": "claims", "case": case, "status": status})
        assert server.ask("POST", "/api/v1/outcomes", body,
                          {"Content-Type": "application/json"})[0] == 200
    server.settle()
    row = home.json("report", "claims")["workflows"][0]
    assert row["resolved"] == 1
    assert Decimal(row["cost"]["total"]) == 4 * CALL_USD
    assert Decimal(str(row["cost_per_outcome"]["value"])) == 4 * CALL_USD
    assert len(upstream.log) == 4


def test_a_cheaper_try_that_failed_is_no_saving(home, start, upstream):
    """hurttlocker o8 1791: "a cheaper failed run does not count as savings"."""
    server = start()
    for attempt, model in (("1", "gpt-4.1-mini"), ("2", "gpt-4.1")):
        assert chat(server, CALL, model=model, headers={**CLAIMS, "x-bursar-case": "c1",
                                                        "x-bursar-attempt": attempt})[0] == 200
    spent(home, server)
    body = json.dumps({"workflow": "claims", "case": "c1", "status": "resolved"})
    assert server.ask("POST", "/api/v1/outcomes", body,
                      {"Content-Type": "application/json"})[0] == 200
    server.settle()
    row = home.json("report", "claims")["workflows"][0]
    failed, resolved = (cost(entry) for entry in upstream.log)
    assert Decimal(row["cost"]["base"]) == resolved
    assert Decimal(row["cost"]["retry_tail"]) == failed > 0
    assert Decimal(str(row["cost_per_outcome"]["value"])) == failed + resolved


def test_no_return_is_made_up_where_nothing_came_of_the_calls(home, start):
    """pnp Microsoft365-Analytics-Insights 551: a return that no outcome stands behind."""
    server = start("workflows: {claims: {value_per_outcome: 12, baseline: "
                   "{bpo: {price: 4.5, success_rate: 0.94}}}}")
    assert chat(server, CALL, headers=CLAIMS)[0] == 200
    spent(home, server)
    returns = home.json("return")["returns"]
    assert returns and all(row["rot"]["value"] is None for row in returns)
    assert home.json("report", "claims")["workflows"][0]["cost_per_outcome"]["value"] is None


# ---- I. Prices

def test_the_price_of_the_day_of_the_call_holds(home, start, upstream):
    """any-llm 994: prices from a day on, in the gateway; CPA-Manager-Plus 848, maxx PR 575."""
    server = start("prices: [{provider: openai, model: gpt-4.1, until: 2020-01-01, input: 9}, "
                   "{provider: openai, model: gpt-4.1, from: 2026-01-01, input: 1, output: 1}, "
                   "{provider: openai, model: gpt-4.1, from: 2099-01-01, input: 7, output: 7}]")
    _, headers, _ = chat(server, {"input": 100, "output": 10})
    assert Decimal(headers["x-bursar-cost-usd"]) == Decimal("0.00011")
    assert spent(home, server) == Decimal("0.00011")
    assert len(upstream.log) == 1


def test_a_price_cut_leaves_what_was_paid_and_each_row_its_price(home, start, upstream):
    """ccusage 1636: the same tokens cost $2,472.81, and $1,923.92 after a price cut; awsl-project
    maxx PR 575, kenn-io agentsview 1540: which price was it?"""
    prices = "prices: [{provider: openai, model: gpt-4.1, input: PRICE, output: 8}]"
    server = start(prices.replace("PRICE", "4"))
    named = {**CLAIMS, "x-bursar-case": "c1"}
    assert chat(server, {"input": 1000, "output": 0}, headers=named)[0] == 200
    before = spent(home, server)
    (home.path / "bursar.yaml").write_text(
        CONFIG.format(url=upstream.url, more=prices.replace("PRICE", "1")))
    server.process.send_signal(signal.SIGHUP)
    until = time.monotonic() + 10
    while chat(server, {"input": 1000, "output": 0}, headers=named)[1]["x-bursar-cost-usd"] != "0.001":
        assert time.monotonic() < until
    total = spent(home, server)
    steps = [step for attempt in home.json("explain", "c1", "--all")["attempts"]
             for step in attempt["steps"]]
    assert Decimal(steps[0]["cost"]) == before == Decimal("0.004")
    assert Decimal(steps[-1]["cost"]) == Decimal("0.001")
    assert steps[0]["price_id"] != steps[-1]["price_id"]
    assert sum(Decimal(step["cost"]) for step in steps) == total


def test_the_ledger_and_the_providers_meter_differ_by_nothing(home, start, upstream):
    """LiteLLM PR 25622 (a guide to discrepancies of up to 10 %), preflight 59, conductai 478,
    Bike4Mind 1520: streams, errors, retries and clients that leave, model by model."""
    server = start("gateway: {retries: 1, on_leave: drain}")
    gone = threading.Thread(target=leave_after, args=(server, 5))
    gone.start()
    for number in range(60):
        model = ("gpt-4.1", "gpt-4.1-mini", ANTHROPIC)[number % 3]
        path = "/v1/messages" if model == ANTHROPIC else "/v1/chat/completions"
        wish = {"input": number * 13, "output": number, "cached": number % 2 * 64}
        if number % 10 == 0:
            wish.update(status=(400, 503)[number % 20 // 10], fails=1)
        ask(server, path, wish, model=model, stream=number % 4 == 0, max_tokens=100)
    gone.join()
    until = time.monotonic() + 60
    while server.metric("bursar_gateway_requests_under_way") > 0:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert spent(home, server) == sum(map(cost, upstream.answered()))
    server.stop()
    home.verified()
