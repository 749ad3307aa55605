"""Goal: what the gateway saw and what programs tell of the same calls is counted once, in the case
that anybody knows, whichever came first; sums of a session count for the calls nobody tells.
Method: the real program, a provider on loopback, telemetry written by hand (company.py); cost, cases
and budgets against the provider's own figures, over permutations."""
import json
import time
from decimal import Decimal
from itertools import permutations

import company
import pytest
from shifted import fixture_clock  # noqa: F401
from test_gateway import ask, cost, fixture_start, fixture_upstream, spent  # noqa: F401
from test_serve import JSON

TRACE, ROOT, CHILD = 0x77, 1, 2
BUDGETS = """
budgets:
  - {scope: org, period: total, usd: 50}
  - {scope: "workflow:claims", period: total, usd: 50}
"""


def tell(server, signal, record, resource="{}"):
    body = company.request(signal, [(resource, record)])
    status, said, _ = server.ask("POST", f"/v1/{signal}", json.dumps(body), JSON)
    assert status == 200, said
    server.settle()


def of_this_moment():
    now = time.time_ns()
    return now - 10**9, now


def chat_span(upstream, number):
    """A span of the call that the provider answers as its `number`-th."""
    return company.span(TRACE, CHILD, ROOT, "chat", of_this_moment(), {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4.1", "gen_ai.usage.input_tokens": 1,
        "gen_ai.usage.output_tokens": 1, "gen_ai.response.id": response_id(upstream, number)})


def response_id(upstream, number):
    return f"chatcmpl-{upstream.port}-{number:08}"


def root_span(case="c-1"):
    return company.span(TRACE, ROOT, None, "handle", of_this_moment(), {
        "bursar.workflow": "claims", "bursar.case.id": case, "bursar.attempt": "2"})


@pytest.mark.parametrize("order", list(permutations(["call", "span", "root"])), ids="-".join)
@pytest.mark.parametrize("fields", [{}, {"traceparent": f"00-{TRACE:032x}-{CHILD:016x}-01"}],
                         ids=["same response", "same trace"])
def test_a_call_without_a_name_goes_where_its_span_says_and_the_budgets_stay(
        home, start, upstream, order, fields):
    server = start(BUDGETS)
    for what in order:
        if what == "call":
            status, _, _ = ask(server, "/v1/chat/completions", {"input": 700, "output": 5},
                               max_tokens=10, headers=fields)
            assert status == 200
            spent(home, server)
        elif what == "span":
            if fields:  # nothing but the trace is the same
                continue
            tell(server, "traces", chat_span(upstream, 1))
        else:
            tell(server, "traces", root_span())
    assert upstream.log[0]["id"] == response_id(upstream, 1)
    total = cost(upstream.log[0])
    assert spent(home, server) == total
    row, = home.json("report")["workflows"]
    assert (row["workflow"], row["cases"], row["calls"]) == ("claims", 1, 1)
    case = home.json("explain", "c-1", "--workflow", "claims")
    assert Decimal(case["cost"]) == total
    assert [attempt["attempt"] for attempt in case["attempts"]] == ["2"]
    budgets = {row["scope"]: Decimal(row["spent"]) for row in home.json("budget")["budgets"]}
    assert budgets == {"org": total, "workflow:claims": 0}  # as posted when the call was over
    assert home.verified()["cases"] == 1


@pytest.mark.parametrize("span_first", [False, True])
def test_what_the_call_itself_says_goes_before_its_span(home, start, upstream, span_first):
    """Its workflow; the case, which it does not say, is the span's."""
    server = start(BUDGETS)
    if span_first:
        tell(server, "traces", chat_span(upstream, 1))
        tell(server, "traces", root_span())
    assert ask(server, "/v1/chat/completions", {}, max_tokens=100,
               headers={"x-bursar-workflow": "refunds"})[0] == 200
    spent(home, server)
    if not span_first:
        tell(server, "traces", chat_span(upstream, 1))
        tell(server, "traces", root_span())
    assert spent(home, server) == cost(upstream.log[0])
    row, = home.json("report")["workflows"]
    assert (row["workflow"], row["cases"], row["calls"]) == ("refunds", 1, 1)
    assert Decimal(home.json("explain", "c-1", "--workflow", "refunds")["cost"]) == cost(
        upstream.log[0])
    home.verified()


SESSION = "4ead06d6-fdf5-4b46-9323-b40e343158f8"
USER = json.dumps({"device_id": "d" * 64, "account_uuid": "", "session_id": SESSION},
                  separators=(",", ":"))
CLAUDE = json.dumps({"service.name": "claude-code", "service.instance.id": "i-1"})


def points(name, values, sums, span_ns):
    return {"name": name, "sum": {"aggregationTemporality": 1, "isMonotonic": True, "dataPoints": [
        {"startTimeUnixNano": str(span_ns[0]), "timeUnixNano": str(span_ns[1]),
         **({"asInt": str(total)} if isinstance(total, int) else {"asDouble": total}),
         "attributes": company.attributes({**values, **kind})} for kind, total in sums]}}


@pytest.mark.parametrize("order", list(permutations(["calls", "tokens", "events"])), ids="-".join)
@pytest.mark.parametrize("fields", [
    {}, {"x-bursar-workflow": "claims", "x-bursar-case": "c-1"},
    {"traceparent": f"00-{TRACE:032x}-{CHILD:016x}-01"}], ids=["plain", "named", "traced"])
def test_sums_of_a_session_count_for_the_calls_the_gateway_did_not_see(home, start, upstream, order,
                                                                       fields):
    """Two calls go through the gateway, one of them is told as an event, too; a third went round
    it and is in the session's sums only."""
    server = start()
    begun = time.time_ns() - 3 * 10**9
    model = "claude-sonnet-4-5"
    used = [(700, 5), (900, 11)]
    missed = (50, 3)
    for what in order:
        if what == "calls":
            for tokens in used:
                assert ask(server, "/v1/messages", {"input": tokens[0], "output": tokens[1]},
                           model=model, max_tokens=20, metadata={"user_id": USER},
                           headers=fields)[0] == 200
            spent(home, server)
        elif what == "tokens":
            total = [sum(column) for column in zip(*used, missed)]
            tell(server, "metrics", points(
                "claude_code.token.usage", {"session.id": SESSION, "model": model},
                [({"type": "input"}, total[0]), ({"type": "output"}, total[1])],
                (begun, time.time_ns() + 30 * 10**9)), CLAUDE)
        else:
            tell(server, "logs", {
                "timeUnixNano": str(time.time_ns()),
                "body": {"stringValue": "claude_code.api_request"},
                "attributes": company.attributes({
                    "event.name": "api_request", "session.id": SESSION, "model": model,
                    "request_id": f"req_x{upstream.port}", "input_tokens": used[0][0],
                    "gen_ai.response.id": f"msg-{upstream.port}-00000001",
                    "output_tokens": used[0][1], "duration_ms": 5})}, CLAUDE)
    assert upstream.log[0]["id"] == f"msg-{upstream.port}-00000001"
    rest = (Decimal(3) * missed[0] + Decimal(15) * missed[1]) / 1_000_000
    assert spent(home, server) == sum(map(cost, upstream.answered())) + rest
    home.verified()


@pytest.mark.parametrize("order", list(permutations(["calls", "events", "metrics"])), ids="-".join)
def test_codex_beside_the_gateway_is_counted_once(home, start, upstream, clock, order):
    """Its events name no response and its metrics no conversation: the first are found by their
    content, and tell whose the second are."""
    server = start()
    thread = "0198c0de-0000-7000-8000-000000000001"
    resource = json.dumps({"service.name": "codex_cli_rs", "service.instance.id": "i-7"})
    used = [(700, 5), (900, 11)]
    moment = time.time_ns()  # of both calls, whatever is told first
    for what in order:
        if what == "calls":
            for tokens in used:
                clock.advance(moment / 1e9 - clock.now())
                assert ask(server, "/v1/responses", {"input": tokens[0], "output": tokens[1]},
                           headers={"User-Agent": "codex_cli_rs/0.50.0 (Linux)",
                                    "session_id": thread})[0] == 200
            spent(home, server)
        elif what == "events":
            for tokens in used:
                tell(server, "logs", {"timeUnixNano": str(moment), "attributes": company.attributes({
                    "event.name": "codex.sse_event", "event.kind": "response.completed",
                    "conversation.id": thread, "model": "gpt-4.1", "duration_ms": 5,
                    "input_token_count": tokens[0], "output_token_count": tokens[1],
                    "cached_token_count": 0, "tool_token_count": sum(tokens)})}, resource)
        else:
            tell(server, "metrics", {"name": "codex.turn.token_usage", "histogram": {
                "aggregationTemporality": 1, "dataPoints": [
                    {"startTimeUnixNano": str(moment - 20 * 10**9),
                     "timeUnixNano": str(moment + 20 * 10**9), "count": "1", "sum": total,
                     "attributes": company.attributes({"model": "gpt-4.1", "token_type": kind})}
                    for kind, total in (("input", 1600), ("output", 16), ("total", 1616))]}},
                 resource)
    assert spent(home, server) == sum(map(cost, upstream.answered()))
    row, = home.json("report")["workflows"]
    assert (row["workflow"], row["cases"], row["calls"]) == ("codex", 1, 2)
    home.verified()
