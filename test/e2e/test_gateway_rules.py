"""Goal: the gateway's rules where a provider, a route or a budget says something beyond yes and no:
when to come again, who is told what, what was refused and why.
Method: the real program; a provider on loopback that fails as it is told."""
import concurrent.futures
import json
import threading
import time
from decimal import Decimal

import pytest

from test_budget import reload
from test_gateway_complaints import at_once
from test_gateway import ask, chat, fixture_start, fixture_upstream, spent  # noqa: F401

FALLBACK = "routes: [{match: {model: gpt-4.1}, model: gpt-4.1, fallback: [gpt-4.1-mini]}]"


def timed(*arguments, **more):
    began = time.monotonic()
    status, fields, _ = chat(*arguments, max_tokens=5, **more)
    return status, fields, time.monotonic() - began


# ---- when to come again

def test_a_retry_waits_as_long_as_the_provider_says(start, upstream):
    server = start("gateway: {retries: 1}")
    status, _, seconds = timed(server, {"status": 429, "fails": 1, "retry_after": 2})
    assert status == 200 and len(upstream.log) == 2
    assert 2 <= seconds < 20


def test_a_wait_that_is_too_long_goes_to_the_fallback_at_once(start, upstream):
    server = start("gateway: {retries: 3}\n" + FALLBACK)
    status, fields, seconds = timed(server, {"status": 429, "fails": 1, "retry_after": 30})
    assert status == 200 and seconds < 25
    assert [entry["model"] for entry in upstream.log] == ["gpt-4.1", "gpt-4.1-mini"]
    assert fields["x-bursar-reason"] == ("fallback: gpt-4.1 answered 429; "
                                         "route 1 in place of gpt-4.1")


def test_a_wait_that_is_too_long_is_the_clients_where_there_is_no_fallback(start, upstream):
    server = start("gateway: {retries: 3}")
    status, fields, seconds = timed(server, {"status": 429, "retry_after": 30})
    assert status == 429 and seconds < 25 and len(upstream.log) == 1
    assert fields["retry-after"] == "30"


def test_the_longest_wait_can_be_set(start, upstream):
    server = start("gateway: {retries: 1, retry_wait_seconds: 1}")
    status, fields, _ = timed(server, {"status": 429, "fails": 1, "retry_after": 2})
    assert status == 429 and fields["retry-after"] == "2" and len(upstream.log) == 1


# ---- whose budget it is

@pytest.mark.parametrize("path, model", [("/v1/chat/completions", "nobody-knows-1"),
                                         ("/v1/messages", "nobody-knows-1")])
def test_who_is_refused_for_want_of_a_price_is_told_whose_budget_it_is(start, upstream, path,
                                                                       model):
    server = start('budgets: [{scope: org, period: total, usd: 9}, {scope: "workflow:w", period:'
                   ' day, usd: 5}, {scope: "user:u", period: day, usd: 1}]')
    status, fields, body = ask(server, path, {}, model=model, max_tokens=5,
                               headers={"x-bursar-workflow": "w"})
    message = json.loads(body)["error"]["message"]
    assert status == 402 and upstream.log == [] and fields["x-should-retry"] == "false"
    assert fields["x-bursar-budget-scope"] == "workflow:w"
    assert fields["x-bursar-budget-limit-usd"] == "5"
    assert fields["x-bursar-budget-remaining-usd"] == "5"
    assert fields["x-bursar-budget-resets"].endswith("T00:00:00Z")
    assert "nobody-knows-1" in message and "workflow:w for the day ($5)" in message
    assert server.metric("bursar_budget_holds") == 0


def test_of_a_case_without_room_for_what_nobody_knows_the_case_is_named(start):
    server = start("budgets: [{scope: org, period: day, usd: 5, per_case_usd: 0.5}]")
    named = {"x-bursar-workflow": "w", "x-bursar-case": "c"}
    status, fields, body = chat(server, model="nobody-knows-1", headers=named)
    assert status == 402 and fields["x-bursar-budget-limit-usd"] == "0.5"
    assert "one case of org for all time" in json.loads(body)["error"]["message"]
    assert "x-bursar-budget-resets" not in fields


def test_without_a_hard_limit_what_nobody_knows_passes(start):
    server = start("budgets: [{scope: org, period: day, usd: 1, at: [{share: 0.5, do: notify}]}]")
    assert chat(server, model="nobody-knows-1")[0] == 200


# ---- who is not to know the amounts

AMOUNTS = "budgets: [{scope: org, period: day, usd: 0.01}]\n"


def amounts_in(fields, body):
    told = [name for name in fields if name.startswith("x-bursar-budget") and name.endswith("usd")]
    return told, "$" in body.decode()


@pytest.mark.parametrize("model", ["gpt-4.1", "nobody-knows-1"])
def test_amounts_are_left_out_where_that_is_wished(start, model):
    server = start(AMOUNTS + "gateway: {refusal_amounts: false}")
    status, fields, body = chat(server, model=model, max_tokens=5000)
    assert status == 402 and amounts_in(fields, body) == ([], False)
    assert fields["x-bursar-budget-scope"] == "org" and "x-bursar-budget-resets" in fields
    assert "org" in json.loads(body)["error"]["message"]
    status, fields, _ = chat(server, max_tokens=5)
    assert status == 200 and amounts_in(fields, b"")[0] == []


def test_amounts_are_left_out_for_the_keys_that_are_named(home, start):
    secrets = [home.json("key", "create", "--role", "gateway", "--name", name)["secret"]
               for name in ("contractor", "own")]
    server = start(AMOUNTS + "gateway: {amounts_hidden_from: [contractor]}")
    answers = [chat(server, max_tokens=5000, headers={"Authorization": f"Bearer {secret}"})
               for secret in secrets]
    assert [answer[0] for answer in answers] == [402, 402]
    assert amounts_in(*answers[0][1:]) == ([], False)
    told, says = amounts_in(*answers[1][1:])
    assert says and sorted(told) == ["x-bursar-budget-limit-usd", "x-bursar-budget-remaining-usd"]


# ---- whom a route is for

@pytest.mark.parametrize("route", ["{match: {workflow: w}, model: gpt-4.1-mini}",
                                   "{match: {workflow: w}, model: any-name, upstream: openai}"])
def test_a_route_that_a_client_cannot_be_served_by_is_passed_over_and_says_so(home, start, upstream,
                                                                             route):
    server = start(f"routes: [{route}]")
    named = {"x-bursar-workflow": "w", "x-bursar-case": "c-1"}
    status, fields, _ = ask(server, "/v1/messages", {}, model="claude-sonnet-4-5", max_tokens=5,
                            headers=named)
    assert status == 200 and [entry["model"] for entry in upstream.log] == ["claude-sonnet-4-5"]
    why = "as asked; route 1 passed over: anthropic cannot serve its model"
    assert fields["x-bursar-reason"] == why
    spent(home, server)
    steps = home.json("explain", "c-1")["attempts"][0]["steps"]
    assert [step["note"].split("; held $")[0] for step in steps] == [why]


def test_a_route_behind_one_that_is_passed_over_counts(start, upstream):
    server = start("routes: [{match: {workflow: w}, model: gpt-4.1-mini},"
                   " {match: {workflow: w}, model: claude-haiku-4-5}]")
    for path, model in (("/v1/messages", "claude-sonnet-4-5"), ("/v1/chat/completions", "gpt-4.1")):
        assert ask(server, path, {}, model=model, max_tokens=5,
                   headers={"x-bursar-workflow": "w"})[0] == 200
    assert [entry["model"] for entry in upstream.log] == ["claude-haiku-4-5", "gpt-4.1-mini"]


# ---- what was refused is on record

def decisions(home, case):
    return home.json("explain", case)["decisions"]


def test_a_refusal_for_want_of_room_is_on_record_with_its_case(home, start):
    server = start('budgets: [{scope: "workflow:w", period: day, usd: 0.001}]')
    named = {"x-bursar-workflow": "w", "x-bursar-case": "c-1"}
    status, fields, body = chat(server, max_tokens=5000, headers=named)
    assert status == 402
    spent(home, server)
    (found,) = decisions(home, "c-1")
    assert (found["decision"], found["choice"], found["by"]) == ("refusal", "refused", "rule")
    assert found["rule"] == "budget of workflow:w, day" and found["overrides"] is None
    assert found["reason"] == json.loads(body)["error"]["message"]
    assert fields["x-bursar-request-id"] in found["evidence"] and "1 call" in found["evidence"]
    assert "asked for gpt-4.1" in found["evidence"] and "at up to $" in found["evidence"]
    text = home.run("explain", "c-1").stdout
    assert "budget of workflow:w, day" in text and "no room" in " ".join(text.split())


def test_work_that_stays_with_people_is_on_record(home, start):
    server = start("routes: [{match: {workflow: x}, model: gpt-4.1},"
                   " {match: {workflow: w}, to: people}]")
    named = {"x-bursar-workflow": "w", "x-bursar-case": "c-1"}
    assert chat(server, headers=named)[0] == 403
    spent(home, server)
    (found,) = decisions(home, "c-1")
    assert (found["choice"], found["rule"]) == ("stays with people", "route 2, to people")


def test_amounts_hidden_from_the_client_are_on_record(home, start):
    server = start("budgets: [{scope: org, period: day, usd: 0.001}]\n"
                   "gateway: {refusal_amounts: false}")
    named = {"x-bursar-workflow": "w", "x-bursar-case": "c-1"}
    for model in ("gpt-4.1", "nobody-knows-1"):
        assert chat(server, model=model, max_tokens=5000, headers=named)[0] == 402
    spent(home, server)
    reasons = [found["reason"] for found in decisions(home, "c-1")]
    assert len(reasons) == 1 and "limit $0.001" in reasons[0]  # the same refusal of the same case


def test_a_client_that_hammers_is_counted_and_fills_no_disk(home, start):
    server = start("budgets: [{scope: org, period: day, usd: 0}]")
    named = {"x-bursar-workflow": "w", "x-bursar-case": "c-1"}
    asked = 400
    at_once(8, lambda _: [chat(server, max_tokens=5, headers=named)[0] for _ in range(asked // 8)])
    fresh = 300  # a case each, and none at all
    at_once(4, lambda n: [chat(server, max_tokens=5, headers={**named, "x-bursar-case": f"{n}-{i}"}
                               if i % 2 else {"x-bursar-workflow": "w"})[0]
                          for i in range(fresh // 4)])
    assert server.metric("bursar_gateway_refused_total") == asked + fresh
    assert server.metric("bursar_budget_log_bytes") < 400_000
    server.stop()
    report = home.json("report")
    assert report["total"]["refused"]["calls"] == asked + fresh
    assert report["total"]["calls"] == 0 and report["total"]["cost"]["total"] == "0"
    assert [row["tokens"]["requests"] for row in report["workflows"]] == [0]
    assert [row["refused"]["calls"] for row in report["workflows"]] == [asked + fresh]
    counted = [int(found["evidence"].split()[0]) for found in decisions(home, "c-1")]
    assert sum(counted) == asked and len(counted) <= 4
    assert home.json("verify")["ok"]


def test_a_refusal_is_on_record_before_the_client_has_it(home, start):
    server = start("budgets: [{scope: org, period: day, usd: 0}]")
    named = {"x-bursar-workflow": "w", "x-bursar-case": "c-1"}
    assert chat(server, max_tokens=5, headers=named)[0] == 402
    server.process.kill()
    server.process.wait()
    start("budgets: [{scope: org, period: day, usd: 0}]").stop()
    assert len(decisions(home, "c-1")) == 1


# ---- what a new budget begins with

def of(home, scope):
    (found,) = [row for row in home.json("budget", scope)["budgets"] if row["scope"] == scope]
    return found


def settled(home, server):
    """What the ledger has; the server is stopped then, and its log is whole."""
    total = spent(home, server)
    server.stop()
    return total


def calls_of_two_workflows(start):
    server = start("workflows: {w: {owner: {team: t}}}")
    for number, workflow in enumerate("wwwx"):
        for path, model in (("/v1/chat/completions", "gpt-4.1"), ("/v1/messages",
                                                                  "claude-sonnet-4-5")):
            assert ask(server, path, {"input": 1000 + number}, model=model, max_tokens=50,
                       headers={"x-bursar-workflow": workflow, "x-bursar-case": f"c-{number}",
                                "x-bursar-user": "u" if number else "v"})[0] == 200
    return server


SCOPES = ["org", "workflow:w", "team:t", "user:u", "model:gpt-4.1", "workflow:nobody"]
BUDGETS = "budgets: [" + ", ".join(f'{{scope: "{scope}", period: month, usd: 9}}'
                                   for scope in SCOPES) + "]"
W_IS_T = "workflows: {w: {owner: {team: t}}}\n"


def test_a_new_budget_begins_with_what_the_ledger_has_of_its_period(home, start, upstream):
    total = settled(home, calls_of_two_workflows(start))
    each = {name: [Decimal(step["cost"]) for number in range(4)
                   for step in home.json("explain", f"c-{number}")["attempts"][0]["steps"]
                   if step["model"].startswith(name)] for name in ("gpt", "claude")}
    assert sum(each["gpt"]) + sum(each["claude"]) == total > 0
    wanted = {"org": total, "workflow:w": sum(each["gpt"][:3] + each["claude"][:3]),
              "user:u": sum(each["gpt"][1:] + each["claude"][1:]),
              "model:gpt-4.1": sum(each["gpt"]), "workflow:nobody": 0}
    wanted["team:t"] = wanted["workflow:w"]
    for _ in range(3):  # a restart counts nothing twice
        start(W_IS_T + BUDGETS).stop()
        assert {scope: Decimal(of(home, scope)["spent"]) for scope in SCOPES} == wanted
    server = start(W_IS_T + BUDGETS)
    assert ask(server, "/v1/messages", {}, model="claude-sonnet-4-5", max_tokens=50,
               headers={"x-bursar-workflow": "w"})[0] == 200
    again = settled(home, server)
    assert Decimal(of(home, "org")["spent"]) == again > total
    assert of(home, "org")["spent_before_budget"] == str(total)
    assert "before this budget was there" in " ".join(home.run("budget", "org").stdout.split())
    assert home.json("verify")["ok"]


def test_a_budget_may_begin_with_nothing(home, start, upstream):
    settled(home, calls_of_two_workflows(start))
    start("budgets: [{scope: org, period: month, usd: 9, opening: zero}]").stop()
    assert of(home, "org")["spent"] == "0"


def test_a_budget_that_comes_at_run_time_begins_with_what_was_spent(home, start, upstream):
    server = calls_of_two_workflows(start)
    reload(server, home, upstream, W_IS_T + BUDGETS)
    total = settled(home, server)
    assert Decimal(of(home, "org")["spent"]) == total > 0


def test_budgets_that_come_under_load_begin_with_every_call_once(home, start, upstream):
    """Calls are settled while it is looked up what the budgets begin with: exactly that is in them."""
    periods = ("day", "week", "month", "total")
    server = start()
    stop = threading.Event()

    def call():
        count = 0
        while not stop.is_set():
            status, _, _ = chat(server, {"input": 50, "output": 3}, max_tokens=5,
                                headers={"x-bursar-workflow": "w"})
            assert status == 200
            count += 1
        return count
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(call) for _ in range(4)]
        for count in range(len(periods)):
            time.sleep(0.3)
            reload(server, home, upstream, "budgets: [" + ", ".join(
                f'{{scope: {scope}, period: {period}, usd: 9000}}' for period in periods[:count + 1]
                for scope in ("org", '"workflow:w"')) + "]")
        time.sleep(0.3)
        stop.set()
        assert sum(one.result() for one in calls) > 100
    total = settled(home, server)
    rows = home.json("budget")["budgets"]
    assert len(rows) == 8
    assert [Decimal(row["spent"]) for row in rows] == [total] * 8
    assert 0 < Decimal(rows[0]["spent_before_budget"]) < total
    assert home.json("verify")["ok"]


def test_a_budget_that_is_spent_before_it_is_there_refuses(home, start, upstream):
    settled(home, calls_of_two_workflows(start))
    server = start("budgets: [{scope: org, period: month, usd: 0.001}]")
    status, _, body = chat(server, max_tokens=5)
    assert status == 402 and "limit $0.001, spent $0.0" in json.loads(body)["error"]["message"]


def test_a_budget_says_how_often_it_had_no_room(home, start):
    server = start("budgets: [{scope: org, period: day, usd: 5, per_case_usd: 0.00001},"
                   ' {scope: "workflow:w", period: day, usd: 0.00001}]')
    for workflow, times in (("w", 3), ("x", 2)):
        for number in range(times):
            assert chat(server, max_tokens=5000, headers={
                "x-bursar-workflow": workflow, "x-bursar-case": f"c-{number}"})[0] == 402
    said = {row["scope"]: row["refused_since_start"] for row in home.json("budget")["budgets"]}
    assert sum(said.values()) == 5 and said["workflow:w"] + said["org"] == 5 and said["org"] >= 2
    assert "no room" in home.run("budget", "org").stdout
    server.stop()
    assert {row["refused_since_start"] for row in home.json("budget")["budgets"]} == {None}
