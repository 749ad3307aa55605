"""Goal: bursar budget says what the gateway's hold ledger knows, to the picodollar, whether a server
runs or not; budgets tell, save and refuse as they are written, also when they change at run time.
Method: the real program between plain HTTP clients and a provider on loopback (upstream.py)."""
import concurrent.futures
import http.server
import json
import signal
import threading
import time
from decimal import Decimal

import pytest

from test_gateway import ask, chat, cost, fixture_start, fixture_upstream, spent  # noqa: F401
from test_serve import Server

CLAIMS = {"x-bursar-workflow": "claims"}


def budget(home, scope, period="total"):
    answer = home.json("budget", scope)
    assert answer["schema"] == "bursar.budget/1"
    return next(row for row in answer["budgets"] if row["period"] == period)


def adds_up(row):
    parts = Decimal(row["spent"]) + Decimal(row["held"]) + Decimal(row["free"])
    assert parts == Decimal(row["limit"]), row


def wait_until(found, what, seconds=15):
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def reload(server, home, upstream, more):
    """Another bursar.yaml for the running server."""
    from test_gateway import CONFIG
    (home.path / "bursar.yaml").write_text(CONFIG.format(url=upstream.url, more=more))
    server.process.send_signal(signal.SIGHUP)
    line = server.process.stderr.readline()
    while "reload" not in line:
        line = server.process.stderr.readline()
    assert "read anew" in line, line


def test_a_scope_without_a_budget_is_named_with_those_there_are(home):
    home.path.mkdir()
    assert "no budget is set" in home.refused("budget", "org")
    (home.path / "bursar.yaml").write_text(
        'budgets: [{scope: org, period: month, usd: 5}, {scope: "team:a", period: day, usd: 1}]')
    said = home.refused("budget", "team:b")
    assert '"team:b"' in said and "org" in said and "team:a" in said
    home.refused("budget", "org", "team:a", status=2)


def test_looking_neither_makes_nor_changes_a_file(home):
    home.path.mkdir()
    (home.path / "bursar.yaml").write_text("budgets: [{scope: org, period: month, usd: 5}]")
    row = home.json("budget")["budgets"][0]
    assert (row["spent"], row["held"], row["free"], row["limit"]) == ("0", "0", "5", "5")
    assert [path.name for path in home.path.iterdir()] == ["bursar.yaml"]


def test_what_is_spent_and_held_adds_up_while_calls_run_and_when_the_server_has_gone(
        home, start, upstream):
    server = start("budgets: [{scope: org, period: total, usd: 5},"
                   ' {scope: "workflow:claims", period: total, usd: 1}]')
    assert chat(server, {"input": 1000, "output": 50}, headers=CLAIMS, max_tokens=50)[0] == 200
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        slow = [pool.submit(chat, server, {"wait": 4}, max_tokens=100,
                            headers={**CLAIMS, "x-bursar-case": f"c{number}"})
                for number in range(2)]
        wait_until(lambda: home.json("budget")["holds"]["open"] == 2, "two calls under way")
        answer = home.json("budget", "workflow:claims")
        row, detail = answer["budgets"][0], answer["scope"]
        assert answer["source"] == "server"
        adds_up(row)
        assert Decimal(row["spent"]) == cost(upstream.answered()[0])
        assert Decimal(row["held"]) > 0 and row["open_holds"] == 2
        assert (detail["open_holds"], detail["cases_under_way"]) == (2, 2)
        assert detail["held"] == row["held"] and detail["oldest_hold"] is not None
        status, served = server.get("/api/v1/budget?scope=workflow:claims")
        assert status == 200 and served["budgets"][0]["held"] == row["held"]
        text = home.ok("budget", "workflow:claims")
        assert "2 calls of workflow:claims in 2 named cases" in text
        assert all(call.result()[0] == 200 for call in slow)
    before = home.json("budget")
    server.stop()
    after = home.json("budget")
    assert after["source"] == "log"
    for left, right in zip(before["budgets"], after["budgets"]):
        adds_up(right)
        assert (left["spent"], right["spent"], right["held"]) == (left["spent"], left["spent"], "0")
    total = sum(map(cost, upstream.answered()))
    assert [Decimal(row["spent"]) for row in after["budgets"]] == [total, total]
    assert after["overshoot"]["calls"] == 0


def test_what_a_crash_left_is_told_as_unknown(home, start, upstream):
    server = start("budgets: [{scope: org, period: total, usd: 5}]")
    threading.Thread(target=lambda: pytest.raises(Exception, chat, server, {"wait": 20},
                                                  max_tokens=100), daemon=True).start()
    wait_until(lambda: home.json("budget")["holds"]["open"] == 1, "a call under way")
    server.stop(signal.SIGKILL)
    (home.path / "serve.json").unlink()
    answer = home.json("budget")
    assert answer["source"] == "log"
    assert answer["holds"]["unknown"]["count"] == 1
    assert answer["holds"]["unknown"]["held"] == answer["budgets"][0]["held"] != "0"
    adds_up(answer["budgets"][0])
    assert "when a server ended" in home.ok("budget")
    again = Server(home)
    try:
        live = home.json("budget")
        assert live["source"] == "server" and live["holds"]["unknown"]["count"] == 1
        assert live["holds"]["unknown"]["calls"][0]["until"] is not None
        assert live["budgets"][0]["held"] == answer["budgets"][0]["held"]
    finally:
        again.stop()


def test_overshoot_is_told_by_cause_and_where_it_can_come_from(home, start, upstream):
    server = start("budgets: [{scope: org, period: total, usd: 5}]\n"
                   "gateway: {output_ceiling: 10}")
    assert chat(server, {"input": 10, "output": 5000})[0] == 200
    answer = home.json("budget")
    beyond = answer["overshoot"]
    assert beyond["calls"] == beyond["by_cause"]["output"]["calls"] == 1
    assert Decimal(beyond["usd"]) > 0
    assert beyond["by_cause"]["output"]["usd"] == beyond["usd"] == answer["budgets"][0]["overshoot"]
    gaps = {gap["cause"]: gap for gap in beyond["bound"]["not_for"]}
    assert set(gaps) == {"output", "input"} and "10 tokens" in gaps["output"]["why"]
    assert "output without a bound" in home.ok("budget")
    reload(server, home, upstream, "budgets: [{scope: org, period: total, usd: 5}]\n"
           "gateway: {output_ceiling: 10, shrink: true, allow_unpriced: true}")
    gaps = {gap["cause"] for gap in home.json("budget")["overshoot"]["bound"]["not_for"]}
    assert gaps == {"unpriced", "input"}
    assert chat(server, {"input": 10, "output": 10})[0] == 200
    assert upstream.log[-1]["request"]["max_completion_tokens"] == 10
    server.stop()
    assert home.json("budget")["overshoot"]["by_cause"]["output"] == beyond["by_cause"]["output"]
