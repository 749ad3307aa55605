"""Goal: Claude Code works through the gateway as it is; a session is a case; what the gateway, its
telemetry and its session log tell of the same calls is counted once, by the gateway's figures.
Method: its own program, as npm has it, with a home of its own and a key that is none, between the
real program and a provider on loopback (upstream.py). `tools/setup clients` brings it."""
import json
import os
import subprocess
from decimal import Decimal

import pytest

from conftest import ROOT
from test_gateway import cost, fixture_start, fixture_upstream, spent  # noqa: F401

CLAUDE = os.environ.get("CLAUDE_CODE", str(ROOT / ".deps/claude-code-2.1.330/claude"))
# Nothing but the gateway is to be reached.
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture(name="claude")
def fixture_claude(tmp_path):
    """Runs `claude -p` in a folder of its own; gives what it prints."""
    if not os.access(CLAUDE, os.X_OK):
        pytest.skip("Claude Code is absent: tools/setup clients brings it (380 MB), or CLAUDE_CODE "
                    "names its program")
    home = tmp_path / "claude"
    work = home / "work"
    work.mkdir(parents=True)

    def run(server, prompt, *args, **more):
        done = subprocess.run(
            [CLAUDE, "-p", prompt, "--model", "claude-sonnet-4-5", "--output-format", "json", *args],
            cwd=work, capture_output=True, text=True, timeout=180, stdin=subprocess.DEVNULL,
            check=False, env={
                "PATH": "/usr/bin:/bin", "HOME": str(home), "ANTHROPIC_API_KEY": "sk-ant-none",
                "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.port}/anthropic",
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "http_proxy": NOWHERE,
                "https_proxy": NOWHERE, "HTTPS_PROXY": NOWHERE, "NO_PROXY": "127.0.0.1", **more})
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)
    run.logs = home / ".claude/projects"
    return run


def calls_of(home, session):
    """Steps that are calls of a model, in the session's case."""
    found = home.json("explain", session, "--all")
    return Decimal(found["cost"]), [step for attempt in found["attempts"]
                                    for step in attempt["steps"] if step["kind"] == "llm"]


def test_a_session_is_a_case_and_its_log_and_telemetry_add_nothing(home, start, upstream, claude):
    server = start()
    origin = f"http://127.0.0.1:{server.port}"
    telemetry = {"CLAUDE_CODE_ENABLE_TELEMETRY": "1", "OTEL_LOGS_EXPORTER": "otlp",
                 "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
                 "OTEL_EXPORTER_OTLP_ENDPOINT": origin, "OTEL_LOGS_EXPORT_INTERVAL": "200"}
    prompt = {"tool": "Glob", "arguments": {"pattern": "*"}, "input": 1234, "cached": 700,
              "written": 90, "output": 55}
    printed = claude(server, json.dumps(prompt), "--allowedTools", "Glob", **telemetry)
    assert printed["is_error"] is False
    assert printed["result"].startswith("part 0")
    answered = upstream.answered()
    assert len(answered) >= 2, "the tool's result was not sent back"
    expected = sum(map(cost, answered))
    assert spent(home, server) == expected
    total, steps = calls_of(home, printed["session_id"])
    assert total == expected
    assert len(steps) == len(answered)

    server.stop()
    home.ok("import", claude.logs)
    assert Decimal(home.json("report")["total"]["cost"]["total"]) == expected
    total, steps = calls_of(home, printed["session_id"])
    assert total == expected
    assert len(steps) == len(answered)
    assert sorted(Decimal(step["cost"]) for step in steps) == sorted(map(cost, answered))
    home.verified()


def test_a_session_that_goes_on_is_the_same_case(home, start, upstream, claude):
    server = start()
    first = claude(server, "Say done.")
    second = claude(server, "Once more.", "--resume", first["session_id"])
    assert second["session_id"] == first["session_id"]
    expected = sum(map(cost, upstream.answered()))
    assert spent(home, server) == expected
    assert calls_of(home, first["session_id"])[0] == expected


def test_a_refused_session_says_which_budget_and_asks_once(start, upstream, claude):
    server = start('budgets: [{scope: org, period: day, usd: 0.000001}]')
    with pytest.raises(AssertionError) as refused:
        claude(server, "Say done.")
    assert "The budget of org for the day has no room" in str(refused.value)
    assert upstream.log == []
    assert server.metric("bursar_gateway_requests_total") <= 2


def test_its_calls_are_of_the_workflow_that_both_channels_are_told(home, start, upstream, claude):
    server = start()
    printed = claude(server, "Say done.", ANTHROPIC_CUSTOM_HEADERS="x-bursar-workflow: reviews",
                     CLAUDE_CODE_ENABLE_TELEMETRY="1", OTEL_LOGS_EXPORTER="otlp",
                     OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
                     OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.port}",
                     OTEL_RESOURCE_ATTRIBUTES="bursar.workflow=reviews")
    expected = sum(map(cost, upstream.answered()))
    assert spent(home, server) == expected
    rows = home.json("report")["workflows"]
    assert [(row["workflow"], Decimal(row["cost"]["total"])) for row in rows] == [
        ("reviews", expected)]
    assert calls_of(home, printed["session_id"])[0] == expected
    assert not any(name.startswith("x-bursar") for name in upstream.log[0]["fields"])
