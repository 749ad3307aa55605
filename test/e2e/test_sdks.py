"""Goal: what existing programs send arrives as it was: the ledger's tokens and dollars are those of
the provider's own log.
Method: the SDKs of OpenAI and Anthropic call a provider on loopback that keeps a log; OpenLLMetry,
OpenInference or hand-written spans watch them; OpenTelemetry's own exporters, of Python and of
JavaScript, protobuf and JSON, packed and not, send to the real program. The invoice is worked out
here from the log and the providers' published prices."""
import json
import subprocess
import sys
from decimal import Decimal

import pytest

from conftest import ROOT
from test_serve import Server

sys.path.insert(0, str(ROOT / "test/sdks"))
from provider import MODELS, Provider, anthropic_usage, draw, openai_usage  # noqa: E402

PYTHON = ROOT / ".sdks/python/bin/python"
NODE = ROOT / ".sdks/node"

# USD per million tokens on the price lists of OpenAI and Anthropic in November 2026.
PRICES = {"openai": {"input_uncached": "2", "cache_read": "0.5", "cache_write": "0", "output": "8"},
          "anthropic": {"input_uncached": "3", "cache_read": "0.3", "cache_write": "3.75",
                        "output": "15"}}
BUCKETS = ("input_uncached", "cache_read", "cache_write", "output")


def need(path):
    if not path.exists():
        pytest.skip(f"{path.relative_to(ROOT)} is absent: the package registry was not reachable "
                    "when tools/setup ran")


@pytest.fixture(name="server")
def fixture_server(home):
    server = Server(home)
    yield server
    server.stop()


@pytest.fixture(name="provider")
def fixture_provider():
    provider = Provider(seed=20261122)
    yield provider
    provider.stop()


def cost(used):
    prices = PRICES[used["sdk"]]
    return sum(Decimal(prices[bucket]) * used[bucket] for bucket in BUCKETS) / 1_000_000


def run(command, calls):
    done = subprocess.run([str(word) for word in command], input=json.dumps(calls),
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Failed to export" not in done.stderr, done.stderr


def booked(home, cases):
    """Every call in the ledger, in the words of the provider's log."""
    calls = []
    for case in cases:
        for attempt in home.json("explain", case, "--workflow", "claims", "--all")["attempts"]:
            for step in attempt["steps"]:
                if step["kind"] != "llm":
                    continue
                tokens = step["tokens"]
                calls.append({"case": case, "model": step["model"],
                              "input_uncached": tokens["input_uncached"],
                              "cache_read": tokens["cache_read"],
                              "cache_write": tokens["cache_write_5m"] + tokens["cache_write_1h"],
                              "output": tokens["output"], "cost": Decimal(step["cost"])})
    return sorted(calls, key=str)


def invoiced(log, case_of):
    return sorted(({"case": case_of[used["ask"]], "model": used["model"],
                    **{bucket: used[bucket] for bucket in BUCKETS}, "cost": cost(used)}
                   for used in log), key=str)


def check(server, home, log, case_of):
    """The ledger, call by call and in total, against the log."""
    server.settle()
    assert server.metric("bursar_otlp_records_rejected_total") == 0
    report = home.json("report")["workflows"]
    assert [workflow["workflow"] for workflow in report] == ["claims"]
    assert report[0]["calls"] == len(log)
    assert Decimal(report[0]["cost"]["total"]) == sum(map(cost, log))
    assert booked(home, sorted(set(case_of.values()))) == invoiced(log, case_of)
    home.verified()


def asks(instrumentation, count):
    """What is called: both SDKs, with and without streaming, with and without cached tokens. Left
    out is what OpenLLMetry 0.62.4 tells wrong: of a stream of OpenAI not the cached tokens, and of
    one of Anthropic too many: the output tokens of its first event on top of those of its last,
    which has them all (docs/formats.md)."""
    calls = []
    for number in range(count):
        sdk = ("openai", "anthropic")[number % 2]
        stream = (number // 2 % 2 == 1 and instrumentation != "none"
                  and (instrumentation, sdk) != ("openllmetry", "anthropic"))
        cached = number // 4 % 2 == 1 and not (instrumentation == "openllmetry" and stream)
        calls.append({"sdk": sdk, "case": f"claim-{number % 5}", "stream": stream,
                      "ask": f"question {number} {'cached' if cached else 'plain'}"})
    return calls


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("instrumentation", ["openllmetry", "openinference", "none"])
def test_the_ledger_is_the_providers_own_log(server, home, provider, instrumentation, packed):
    need(PYTHON)
    calls = asks(instrumentation, 40)
    run([PYTHON, ROOT / "test/sdks/agent.py", instrumentation, f"http://127.0.0.1:{server.port}",
         provider.url, *(["--gzip"] if packed else [])], calls)
    assert len(provider.log) == len(calls)
    check(server, home, provider.log, {call["ask"]: call["case"] for call in calls})


def conventions(used):
    """Usage as the semantic conventions tell it."""
    if used["sdk"] == "openai":
        usage = openai_usage(used)
        return {"gen_ai.usage.input_tokens": usage["prompt_tokens"],
                "gen_ai.usage.output_tokens": usage["completion_tokens"],
                "gen_ai.usage.cache_read.input_tokens": used["cache_read"]}
    usage = anthropic_usage(used)
    return {"gen_ai.usage.input_tokens": usage["input_tokens"] + used["cache_read"]
            + used["cache_write"],
            "gen_ai.usage.output_tokens": usage["output_tokens"],
            "gen_ai.usage.cache_read.input_tokens": used["cache_read"],
            "gen_ai.usage.cache_creation.input_tokens": used["cache_write"]}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("encoding", ["proto", "http"])
def test_what_javascript_exports_arrives_as_it_was(server, home, provider, encoding, packed):
    need(NODE)
    calls, log, case_of = [], [], {}
    for number in range(700):  # more than one batch of the processor
        sdk = ("openai", "anthropic")[number % 2]
        used = draw(provider.random, sdk, number % 3 > 0)
        used["ask"] = str(number)
        log.append(used)
        case_of[str(number)] = f"claim-{number % 5}"
        calls.append({"case": case_of[str(number)], "id": f"call-{number}", "provider": sdk,
                      "model": MODELS[sdk], "usage": conventions(used)})
    run(["node", ROOT / "test/sdks/agent.mjs", NODE, encoding, f"http://127.0.0.1:{server.port}",
         *(["--gzip"] if packed else [])], calls)
    check(server, home, log, case_of)
