"""Goal: bursar doctor names what would keep the gateway from working, and never shows a secret.
Method: configurations that are wrong in one thing each; an upstream on loopback, and a port where
nobody listens."""
import json
import socket

import pytest

from conftest import ROOT
from test_gateway import fixture_start, fixture_upstream  # noqa: F401

OPENAI = 'upstreams: {openai: {base_url: "https://api.openai.com/v1"}}\n'
BOTH = ('upstreams: {openai: {base_url: "https://api.openai.com/v1"},'
        ' anthropic: {base_url: "https://api.anthropic.com/v1"}}\n')
SECRET = "sk-do-not-show"


def findings(home, text, *args, **options):
    home.path.mkdir(mode=0o700, exist_ok=True)
    (home.path / "bursar.yaml").write_text(text)
    done = home.run("doctor", "--json", *args, **options)
    assert SECRET not in done.stdout + done.stderr
    return {(check["check"], check["state"]): check["found"] + " -> " + str(check["mend"])
            for check in json.loads(done.stdout)["checks"]}


def test_all_well(home, monkeypatch):
    monkeypatch.setenv("SOME_KEY", SECRET)
    found = findings(home, """
upstreams: {anthropic: {base_url: "https://api.anthropic.com/v1", api_key_env: SOME_KEY}}
routes: [{match: {workflow: a}, model: claude-sonnet-4-5, fallback: [claude-haiku-4-5]}]
budgets: [{scope: org, period: month, usd: 5}]
gateway: {notify_url: "https://hooks.example/T/sk-do-not-show"}
""")
    assert "environment" in found[("upstream anthropic", "ok")]
    assert ("routes", "ok") in found and ("budgets", "ok") in found
    assert "hooks.example" in found[("notices", "ok")]


@pytest.mark.parametrize("text, check, state, words", [
    ('upstreams: {openai: {base_url: "https://api.openai.com/v1", api_key_env: NO_SUCH_KEY_1}}',
     "upstream openai", "problem", "NO_SUCH_KEY_1"),
    ('upstreams: {openai: {base_url: "https://api.openai.com/v1", api_key_file: /no/such}}',
     "upstream openai", "problem", "/no/such"),
    ('upstreams: {openai: {base_url: "https://api.openai.com"}}',
     "upstream openai", "problem", "/v1"),
    ('upstreams: {openai: {base_url: "https://api.openai.com/v1?x=1"}}',
     "upstream openai", "problem", "base_url"),
    ('upstreams: {openai: {base_url: "http://models.example/v1"}}',
     "upstream openai", "note", "without TLS"),
    ('upstreams: {corp: {base_url: "https://models.example/v1"}}',
     "upstream corp", "note", "no provider corp"),
    (OPENAI + "routes: [{match: {workflow: a}, model: gpt-4.1, fallback: [nobody-1]}]",
     "routes", "note", "nobody-1"),
    (OPENAI + "routes: [{match: {workflow: a}, model: gpt-4.1, upstream: other}]",
     "routes", "problem", "other"),
    ("routes: [{match: {workflow: a}, model: gpt-4.1}]", "routes", "problem", "no upstream"),
    (BOTH + "routes: [{match: {workflow: a}, model: gpt-4.1}]",
     "routes", "note", "route 1: calls to anthropic pass it over"),
    (BOTH + "routes: [{match: {workflow: a}, model: any-name, upstream: anthropic}]",
     "routes", "note", "calls to openai pass it over"),
    (BOTH + "routes: [{match: {model: gpt-4.1}, model: gpt-4.1, fallback: [claude-haiku-4-5]}]",
     "routes", "note", "claude-haiku-4-5 is never tried"),
    (BOTH + "routes: [{match: {model: gpt-4.1}, model: gpt-4.1-mini}, {match: {workflow: a},"
     " to: people}]", "routes", "ok", "2"),
    (OPENAI + 'budgets: [{scope: "segment:x", period: day, usd: 1}]',
     "budgets", "note", "never binds"),
    (OPENAI + 'budgets: [{scope: "team:x", period: day, usd: 1}]',
     "budgets", "note", "no workflow has that team"),
    (OPENAI + 'workflows: {a: {}}\nbudgets: [{scope: "workflow:b", period: day, usd: 1}]',
     "budgets", "note", "no workflow of that name"),
    ("budgets: [{scope: org, period: day, usd: 1}]", "budgets", "note", "no upstream"),
    (OPENAI + "budgets: [{scope: org, period: day, usd: 0}]", "budgets", "note", "spent to its"),
    (OPENAI + "budgets: [{scope: org, period: day, usd: 9, at: [{share: 0.5, do: notify}]}]",
     "budgets", "note", "ever refuses"),
    (OPENAI + "budgets: [{scope: org, period: day, usd: 9, at: [{share: 0.5, do: notify}]}]",
     "notices", "note", "log only"),
    (OPENAI + 'gateway: {notify_url: "http://hooks.example/sk-do-not-show"}',
     "notices", "note", "without TLS"),
])
def test_what_is_wrong_is_named(home, text, check, state, words):
    found = findings(home, text)
    assert words in found[(check, state)], found


def test_a_key_file_that_others_can_read_is_noted_and_its_key_not_shown(home, tmp_path):
    key = tmp_path / "key"
    key.write_text(SECRET + "\n")
    text = f'upstreams: {{openai: {{base_url: "https://api.openai.com/v1", api_key_file: "{key}"}}}}'
    key.chmod(0o644)
    assert "chmod 600" in findings(home, text)[("upstream openai", "note")]
    key.chmod(0o600)
    assert "owner" in findings(home, text)[("upstream openai", "ok")]
    key.write_text("\n" + SECRET)
    assert "first line" in findings(home, text)[("upstream openai", "problem")]


def test_online_asks_and_without_it_nobody_is_asked(home, upstream):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = (f'upstreams: {{openai: {{base_url: "{upstream.url}"}}, '
            f'openrouter: {{base_url: "http://127.0.0.1:{port}/v1"}}}}')
    assert not any(check.startswith("online") for check, _ in findings(home, text))
    assert upstream.log == []
    found = findings(home, text, "--online")
    assert "without a key" in found[("online openai", "ok")]
    assert f"127.0.0.1:{port}" in found[("online openrouter", "problem")]


def test_the_example_is_whole(home, monkeypatch):
    text = (ROOT / "examples/gateway.yaml").read_text()
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, SECRET)
    found = findings(home, text)
    assert {check for check, state in found if state == "problem"} == set()
    assert {check for check, state in found if state == "ok"} >= {
        "upstream openai", "upstream anthropic", "routes", "budgets"}
    answer = home.json("budget")
    assert [row["scope"] for row in answer["budgets"]] == [
        "org", "team:service", "workflow:claims", "model:claude-opus-4-5"]
    assert {gap["cause"] for gap in answer["overshoot"]["bound"]["not_for"]} == {"input"}


def test_a_ledger_that_the_server_keeps_is_no_problem(home, start):
    start("")
    found = {check["check"]: check for check in json.loads(home.ok("doctor", "--json"))["checks"]}
    assert found["ledger"]["state"] == "ok" and "bursar serve" in found["ledger"]["found"]
