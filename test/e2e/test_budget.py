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


def wait_until(found, what, seconds=60):
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
        slow = [pool.submit(chat, server, {"gate": "later"}, max_tokens=100,
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
        upstream.open("later")
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
    threading.Thread(target=lambda: pytest.raises(Exception, chat, server, {"gate": "never"},
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


# ---- what a budget's owner is told


class Webhook:
    """Where notices go: what came, and what is answered."""

    def __init__(self, status=200):
        told = self.told = []
        answers = self.answers = threading.Event()
        answers.set()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told.append((self.path, json.loads(body)))
                answers.wait()
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/T/s3cr3t?token=t0ken"

    def stop(self):
        self.answers.set()
        self.server.shutdown()
        self.server.server_close()


def cents(server, count=1, **more):
    """Calls of one cent each: 5,000 tokens at $2 a million, in as many bytes."""
    done = [chat(server, {"input": 5000, "output": 0}, max_tokens=1, padding="x" * 5000, **more)
            for _ in range(count)]
    return [status for status, _, _ in done]


def lines_of(server):
    """What the server says, as it comes."""
    lines = []
    threading.Thread(target=lambda: lines.extend(iter(server.process.stderr.readline, "")),
                     daemon=True).start()
    return lines


STEPS = """
budgets: [{scope: "workflow:claims", period: total, usd: 1,
           at: [{share: 0.03, do: notify}, {share: 0.05, do: shape}, {share: 0.12, do: refuse}]}]
"""


def test_steps_are_told_once_with_figures_and_the_url_is_not_logged(home, start):
    hook = Webhook()
    server = start(f'{STEPS}\ngateway: {{notify_url: "{hook.url}"}}')
    lines = lines_of(server)
    try:
        assert cents(server, 6, headers=CLAIMS) == [200] * 6
        wait_until(lambda: len(hook.told) >= 2, "two steps are told")
        statuses = cents(server, 12, headers=CLAIMS)
        assert statuses[-1] == 402 and 200 in statuses
        wait_until(lambda: len(hook.told) >= 3, "a refusal is told")
        time.sleep(0.5)
    finally:
        server.stop()
        hook.stop()
    assert {path for path, _ in hook.told} == {"/services/T/s3cr3t?token=t0ken"}
    told = [body for _, body in hook.told]
    assert [(body["action"], body["step_usd"]) for body in told] == [
        ("notify", "0.03"), ("shape", "0.05"), ("refuse", "0.12")]
    assert all(body["scope"] == "workflow:claims" and body["limit_usd"] == "1" and
               body["period"] == "total" and body["resets"] is None for body in told)
    assert told[0]["spent_usd"] == "0.03" and "workflow:claims" in told[0]["text"]
    assert told[0]["text"].startswith(
        "The budget of workflow:claims has passed 3 %: of $1.00, $0.0300 is spent")
    assert "cheaper" in told[1]["text"] and "refused a call for want of room" in told[2]["text"]
    said = "".join(lines)
    assert said.count("workflow:claims") == 3
    assert "s3cr3t" not in said and "t0ken" not in said


@pytest.mark.parametrize("status", [500, None])
def test_a_webhook_that_fails_is_logged_and_holds_up_no_call(start, status):
    hook = Webhook(status or 200)
    if status is None:
        hook.stop()
    server = start(f'{STEPS}\ngateway: {{notify_url: "{hook.url}"}}')
    lines = lines_of(server)
    hook.answers.clear()
    assert cents(server, 8, headers=CLAIMS) == [200] * 8
    hook.answers.set()
    wait_until(lambda: sum("notify_url" in line for line in lines) >= 2, "it is logged")
    server.stop()
    if status is not None:
        hook.stop()
        assert any("answered 500" in line for line in lines)
    assert "s3cr3t" not in "".join(lines) and "t0ken" not in "".join(lines)


@pytest.mark.parametrize("url", ["hooks.example/x", "https://", "https://hooks.example/a b",
                                 "https://hooks.example/x?a\\nb", "ftp://hooks.example/s3cr3t"])
def test_a_notify_url_that_is_none_is_refused_without_being_shown(home, url):
    home.path.mkdir()
    (home.path / "bursar.yaml").write_text(f'gateway: {{notify_url: "{url}"}}\n')
    said = home.refused("budget")
    assert "notify_url" in said and "s3cr3t" not in said


# ---- what budgets do


def test_past_shape_the_cheaper_model_serves_and_says_why(home, start, upstream):
    server = start(STEPS + "routes: [{match: {workflow: claims}, model: gpt-4.1,"
                   " under_pressure: gpt-4.1-mini}]")
    assert cents(server, 12, headers=CLAIMS) == [200] * 12
    models = [entry["model"] for entry in upstream.log]
    turned = models.index("gpt-4.1-mini")
    assert models == ["gpt-4.1"] * turned + ["gpt-4.1-mini"] * (12 - turned) and 1 <= turned <= 5
    _, headers, _ = chat(server, {"input": 10}, max_tokens=1, headers=CLAIMS)
    assert headers["x-bursar-model"] == "gpt-4.1-mini"
    assert "budget" in headers["x-bursar-reason"]
    row = budget(home, "workflow:claims")
    assert row["state"] == "shapes"
    assert Decimal(row["spent"]) == sum(map(cost, upstream.answered()))
    assert chat(server, {"input": 10}, max_tokens=1)[1]["x-bursar-model"] == "gpt-4.1"


def test_a_soft_limit_never_refuses_and_a_hard_one_does(home, start, upstream):
    server = start('budgets: [{scope: "user:soft", period: total, usd: 0.02,'
                   ' at: [{share: 1, do: notify}]}, {scope: "user:hard", period: total, usd: 0.02}]')
    assert cents(server, 5, headers={"x-bursar-user": "soft"}) == [200] * 5
    row = budget(home, "user:soft")
    assert (row["state"], row["spent"], row["free"], row["hard"]) == ("over", "0.05", "-0.03", False)
    statuses = cents(server, 5, headers={"x-bursar-user": "hard"})
    assert set(statuses) == {200, 402} and len(upstream.log) == 5 + statuses.count(200)
    row = budget(home, "user:hard")
    assert Decimal(row["spent"]) <= Decimal("0.02")
    adds_up(row)


def test_what_remains_is_what_the_case_has_left_where_that_is_least(start, upstream):
    server = start('budgets: [{scope: "workflow:claims", period: total, usd: 100,'
                   " per_case_usd: 0.5}]")
    left = Decimal("0.5")
    for _ in range(3):
        _, fields, _ = chat(server, {"input": 1000, "output": 0}, max_tokens=1,
                            headers={**CLAIMS, "x-bursar-case": "one"})
        left -= Decimal("0.002")
        assert Decimal(fields["x-bursar-budget-remaining-usd"]) == left
    _, fields, _ = chat(server, {"input": 1000, "output": 0}, max_tokens=1, headers=CLAIMS)
    assert Decimal(fields["x-bursar-budget-remaining-usd"]) == 100 - Decimal("0.008")
    assert len(upstream.log) == 4


def test_each_case_has_its_own_small_budget(home, start, upstream):
    server = start('budgets: [{scope: "workflow:claims", period: total, usd: 100,'
                   " per_case_usd: 0.0301}]")

    def of(case):
        return {**CLAIMS, "x-bursar-case": case}
    first = cents(server, 6, headers=of("one"))
    assert set(first) == {200, 402} and first == sorted(first)
    status, fields, body = chat(server, {"input": 5000, "output": 0}, max_tokens=1,
                                headers=of("one"), padding="x" * 5000)
    assert status == 402 and "one case of workflow:claims" in json.loads(body)["error"]["message"]
    assert "x-bursar-budget-resets" not in fields
    assert cents(server, 1, headers=of("two")) == [200]
    assert cents(server, 8, headers=CLAIMS) == [200] * 8  # of no named case
    assert budget(home, "workflow:claims")["per_case"] == "0.0301"


def test_periods_begin_by_the_clock_of_the_budgets_zone(home):
    home.path.mkdir()
    zones = ["UTC", "Asia/Kolkata", "America/New_York", "Pacific/Auckland"]
    rows = ", ".join(f'{{scope: "user:{zone}", period: day, usd: 1, time_zone: {zone}}}'
                     for zone in zones)
    (home.path / "bursar.yaml").write_text(f"budgets: [{rows}]")
    import datetime
    import zoneinfo

    def days():
        return [datetime.datetime.now(zoneinfo.ZoneInfo(zone)).date() for zone in zones]
    dates = None
    while dates != days():  # else midnight came in between somewhere
        dates = days()
        told = home.json("budget")["budgets"]
    for zone, today, row in zip(zones, dates, told):
        place = zoneinfo.ZoneInfo(zone)
        following = datetime.datetime.combine(today + datetime.timedelta(1), datetime.time(), place)
        assert datetime.datetime.fromisoformat(row["resets"]) == following, zone
        assert row["resets_local"] == f"{following:%Y-%m-%d} 00:00"
        begun = datetime.datetime.combine(today, datetime.time(), place)
        assert datetime.datetime.fromisoformat(row["from"]) == begun, zone
    (home.path / "bursar.yaml").write_text(
        "budgets: [{scope: org, period: day, usd: 1, time_zone: Mars/Phobos}]")
    assert "Mars/Phobos" in home.refused("budget")


# ---- at run time


def one(usd, scope="org"):
    return f'budgets: [{{scope: "{scope}", period: total, usd: {usd}}}]'


def test_budgets_change_at_run_time_without_losing_what_is_spent(home, start, upstream):
    server = start(one(1))
    assert cents(server, 3) == [200] * 3
    reload(server, home, upstream, one("0.02"))
    row = budget(home, "org")
    assert (row["spent"], row["free"], row["state"]) == ("0.03", "-0.01", "refuses")
    assert cents(server) == [402]
    reload(server, home, upstream, one(1))
    assert cents(server) == [200]
    reload(server, home, upstream, "")
    assert home.json("budget")["budgets"] == []
    assert cents(server) == [200]
    (home.path / "bursar.yaml").write_text("budgets: [{scope: nonsense}]")
    server.process.send_signal(signal.SIGHUP)
    while "reload refused" not in server.process.stderr.readline():
        pass
    assert cents(server) == [200]


def test_a_new_budget_takes_in_what_is_under_way(home, start, upstream):
    server = start(one(1))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(chat, server, {"gate": "later"}, max_tokens=100, headers=CLAIMS)
        wait_until(lambda: home.json("budget")["holds"]["open"] == 1, "a call under way")
        reload(server, home, upstream, 'budgets: [{scope: org, period: total, usd: 1},'
               ' {scope: "workflow:claims", period: total, usd: 0.5}]')
        row = budget(home, "workflow:claims")
        assert row["open_holds"] == 1 and Decimal(row["held"]) > 0
        assert row["held"] == budget(home, "org")["held"]
        adds_up(row)
        upstream.open("later")
        assert slow.result()[0] == 200
    row = budget(home, "workflow:claims")
    assert row["held"] == "0" and Decimal(row["spent"]) == cost(upstream.answered()[0])


def test_a_key_revoked_at_run_time_calls_no_more_and_its_budget_stays(home, start, upstream):
    server = start('listen: "127.0.0.1:4318"\nrequire_keys: true\n' + one("0.05", "key:robot"))
    made = home.json("key", "create", "--role", "gateway", "--name", "robot")
    secret = {"Authorization": f"Bearer {made['secret']}"}
    wait_until(lambda: cents(server, headers=secret) != [401], "the key opens the server")
    assert cents(server)[0] == 401
    assert "authorization" not in upstream.log[-1]["fields"]
    row = budget(home, "key:robot")
    assert Decimal(row["spent"]) == Decimal("0.01") * len(upstream.answered())
    home.ok("key", "revoke", made["id"])
    wait_until(lambda: cents(server, headers=secret) == [401], "the key is good no more")
    assert Decimal(budget(home, "key:robot")["spent"]) > 0


def test_every_call_asked_for_at_once_is_held_for_or_refused(home, start, upstream):
    """Thirty clients, a budget of ten cents, calls of one cent: never more is spent."""
    server = start(one("0.1"))
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        statuses = list(pool.map(lambda _: cents(server)[0], range(30)))
    assert set(statuses) <= {200, 402}
    answer = home.json("budget")
    row = answer["budgets"][0]
    adds_up(row)
    assert answer["overshoot"]["calls"] == 0 and 5 <= statuses.count(200) <= 10
    assert row["spent"] == str(Decimal("0.01") * statuses.count(200)).rstrip("0")
    assert Decimal(row["spent"]) <= Decimal("0.1")
    spent(home, server)
