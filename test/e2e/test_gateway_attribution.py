"""Goal: a call through the gateway is whose the strongest says it is: key, field, baggage, metadata,
trace; and what the gateway, an instrumentation and the SDK tell of one call is counted once, by the
gateway's figures.
Method: the real program between plain clients, or the SDKs watched by OpenLLMetry or OpenInference,
and a provider on loopback (upstream.py)."""
import json
import os
import subprocess
from decimal import Decimal

import pytest

from conftest import ROOT
from test_gateway import ask, chat, cost, fixture_start, fixture_upstream, spent  # noqa: F401

PYTHON = ROOT / ".sdks/python/bin/python"
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
FIELDS = {"x-bursar-workflow": "by-field", "x-bursar-case": "case-of-field",
          "x-bursar-attempt": "2", "x-bursar-input-key": "task-9", "x-bursar-user": "ulla"}
BAGGAGE = {"baggage": "other=1, bursar.workflow=by%2Dbaggage;secret=x , bursar.case=case%20of%20bag"}
METADATA = {"bursar.workflow": "by-metadata", "bursar.case": "case-of-metadata"}
CALL_USD = Decimal("0.00036")  # 100 tokens in, 20 out, gpt-4.1


def where(home, server):
    """Workflow and case of everything that was spent."""
    spent(home, server)
    total = home.json("report")
    found = [row["workflow"] for row in total["workflows"]
             if Decimal(row["cost"]["total"]) > 0]
    return found or ["unattributed"]


def cost_of(home, case, workflow):
    return Decimal(home.json("explain", case, "--workflow", workflow)["cost"])


def test_a_key_goes_before_everything(home, start, upstream):
    secret = home.json("key", "create", "--role", "gateway", "--workflow", "by-key", "--user",
                       "kim", "--team", "red")["secret"]
    server = start()
    assert chat(server, metadata=METADATA, user="mia", headers={
        **FIELDS, **BAGGAGE, **TRACEPARENT, "authorization": f"Bearer {secret}"})[0] == 200
    assert where(home, server) == ["by-key"]
    assert cost_of(home, "case-of-field", "by-key") == CALL_USD
    fields = upstream.log[0]["fields"]
    assert "authorization" not in fields
    assert secret not in json.dumps([fields, upstream.log[0]["body"].decode()])


@pytest.mark.parametrize("headers, metadata, workflow, case", [
    ({**FIELDS, **BAGGAGE, **TRACEPARENT}, METADATA, "by-field", "case-of-field"),
    ({**BAGGAGE, **TRACEPARENT}, METADATA, "by-baggage", "case of bag"),
    (TRACEPARENT, METADATA, "by-metadata", "case-of-metadata"),
    (TRACEPARENT, {}, "unattributed", TRACE),
    ({"traceparent": f"00-{TRACE.upper()}-b7ad6b7169203331-01"}, METADATA, "by-metadata",
     "case-of-metadata"),
])
def test_the_strongest_name_wins(home, start, upstream, headers, metadata, workflow, case):
    server = start()
    assert chat(server, metadata=metadata, headers=headers)[0] == 200
    assert where(home, server) == [workflow]
    if workflow == "unattributed":
        assert Decimal(home.json("explain", case)["cost"]) == CALL_USD
    else:
        assert cost_of(home, case, workflow) == CALL_USD
    assert not any(name.startswith("x-bursar-") for name in upstream.log[0]["fields"])
    for name in ("traceparent", "baggage"):
        assert upstream.log[0]["fields"].get(name) == headers.get(name)


def test_calls_of_one_trace_are_one_case(home, start, upstream):
    server = start()
    for _ in range(3):
        assert chat(server, headers=TRACEPARENT)[0] == 200
    assert spent(home, server) == 3 * CALL_USD
    assert Decimal(home.json("explain", TRACE)["cost"]) == 3 * CALL_USD
    assert len(upstream.log) == 3


@pytest.mark.parametrize("traceparent", ["00-" + "0" * 32 + "-b7ad6b7169203331-01", "nonsense",
                                         "00-xyz-1-01", ""])
def test_what_is_no_trace_names_no_case(home, start, upstream, traceparent):
    server = start()
    for _ in range(2):
        assert chat(server, headers={"traceparent": traceparent})[0] == 200
    assert spent(home, server) == 2 * CALL_USD
    assert home.run("explain", "0" * 32).returncode != 0
    assert len(upstream.log) == 2


SESSION = "4ead06d6-fdf5-4b46-9323-b40e343158f8"
ACCOUNT = "0d1f2c3b-aaaa-4bbb-8ccc-121212121212"


@pytest.mark.parametrize("told, user", [
    (json.dumps({"device_id": "d" * 64, "account_uuid": ACCOUNT, "session_id": SESSION},
                separators=(",", ":")), ACCOUNT),
    (json.dumps({"device_id": "d" * 64, "account_uuid": "", "session_id": SESSION},
                separators=(",", ":")), "d" * 64),
    (f"user_{'e' * 64}_account_{ACCOUNT}_session_{SESSION}", ACCOUNT),
    (f"user_{'e' * 64}_account__session_{SESSION}", "e" * 64),
])
def test_a_session_of_claude_code_is_a_case_and_its_account_a_user(home, start, upstream, told,
                                                                  user):
    """Both forms of metadata.user_id; test_gateway_claude_code.py has the program itself."""
    server = start(f'budgets: [{{scope: "user:{user}", period: day, usd: 0.0006}}]')
    more = {"model": "claude-sonnet-4-5", "max_tokens": 10, "metadata": {"user_id": told}}
    statuses = [ask(server, "/v1/messages", {"input": 1, "output": 1}, **more) for _ in range(20)]
    refused = [fields for status, fields, _ in statuses if status == 402]
    if not refused:  # the hold of a call is larger than the budget, or smaller than its cost
        pytest.fail("the user's budget did not bind")
    assert refused[0]["x-bursar-budget-scope"] == f"user:{user}"
    if upstream.answered():
        spent(home, server)
        assert cost_of(home, SESSION, "claude-code") == sum(map(cost, upstream.answered()))


def test_a_key_bound_to_a_workflow_goes_before_claude_codes_own(home, start, upstream):
    secret = home.json("key", "create", "--role", "gateway", "--workflow", "reviews")["secret"]
    server = start()
    told = json.dumps({"device_id": "d", "account_uuid": "", "session_id": SESSION})
    assert ask(server, "/v1/messages", {}, model="claude-sonnet-4-5", max_tokens=10,
               metadata={"user_id": told}, headers={"x-api-key": secret})[0] == 200
    assert where(home, server) == ["reviews"]
    assert len(upstream.log) == 1


CALLS = [{"sdk": ("openai", "anthropic")[number % 2], "case": f"claim-{number % 5}",
          "stream": number // 2 % 2 == 1,
          "ask": json.dumps({"input": 100 + number * 37, "cached": number % 3 * 50,
                             "output": 5 + number})} for number in range(40)]


def watched(server, instrumentation, calls, *args):
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON.relative_to(ROOT)} is absent: the package registry was not reachable "
                    "when tools/setup test ran")
    origin = f"http://127.0.0.1:{server.port}"
    done = subprocess.run(
        [str(word) for word in (PYTHON, ROOT / "test/sdks/watched.py", instrumentation, origin,
                                *args)],
        input=json.dumps(calls), capture_output=True, text=True, timeout=120, check=False,
        env={"PATH": os.environ["PATH"], "OPENAI_API_KEY": "sk-none",
             "ANTHROPIC_API_KEY": "sk-ant-none", "OPENAI_BASE_URL": origin + "/openai/v1",
             "ANTHROPIC_BASE_URL": origin + "/anthropic"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Failed to export" not in done.stderr, done.stderr


def steps_of(home, case):
    found = home.json("explain", case, "--workflow", "claims", "--all")
    return [step for attempt in found["attempts"] for step in attempt["steps"]
            if step["kind"] == "llm"]


@pytest.mark.parametrize("named", ["fields", "baggage"])
@pytest.mark.parametrize("instrumentation", ["openllmetry", "openinference"])
def test_a_call_that_gateway_and_instrumentation_tell_is_counted_once_by_the_gateways_figures(
        home, start, upstream, instrumentation, named):
    server = start()
    calls = CALLS
    if named == "fields":
        calls = [{**call, "headers": {"x-bursar-workflow": "claims", "x-bursar-case": call["case"]}}
                 for call in CALLS]
    watched(server, instrumentation, calls, *(["--propagate"] if named == "baggage" else []))
    answered = upstream.answered()
    assert len(answered) == len(CALLS)
    assert spent(home, server) == sum(map(cost, answered))
    report = home.json("report")
    assert [row["workflow"] for row in report["workflows"]] == ["claims"]
    assert report["workflows"][0]["calls"] == len(CALLS)
    for case in sorted({call["case"] for call in CALLS}):
        mine = sorted(cost(entry) for entry, call in zip(answered, CALLS) if call["case"] == case)
        assert sorted(Decimal(step["cost"]) for step in steps_of(home, case)) == mine
    server.stop()
    home.verified()


@pytest.mark.parametrize("instrumentation", ["openllmetry", "openinference"])
def test_a_call_that_only_its_spans_attribute_is_counted_once(home, start, upstream,
                                                             instrumentation):
    """The gateway is told nothing; the spans come afterwards."""
    server = start()
    watched(server, instrumentation, CALLS)
    answered = upstream.answered()
    assert spent(home, server) == sum(map(cost, answered))
    report = home.json("report")
    told = sum(row["calls"] for row in report["workflows"])
    assert told + report["total"]["unattributed"]["calls"] == len(CALLS)
    server.stop()
    home.verified()
