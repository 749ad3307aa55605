"""Goal: holds that nobody settles end at their time, late answers still count, and a period that ends
under load takes its own spend with it and nothing else.
Method: the real program under a clock that the test sets (shifted.py); what it logged is read by the
format's description (hold_records.py) and worked out again by plain sums."""
import asyncio
import json
import os
import random
import signal
import time
from decimal import Decimal

import hold_records as records
from clients import Crowd, body_of
from shifted import fixture_clock  # noqa: F401
from test_budget import adds_up, wait_until
from test_gateway import cost, fixture_start, fixture_upstream, spent  # noqa: F401
from test_gateway_races import HOLD, INPUT_MAX, MAX_TOKENS, SIZE, usd

PATH = "/v1/chat/completions"
MINUTE = 60 * 10**9
PICO = 10**12


def budget_for(calls, period="total", more=""):
    return (f"budgets: [{{scope: org, period: {period}, usd: {usd(calls * HOLD)}}}]\n"
            f"gateway: {{total_seconds: 30{more}}}")


def ask(crowd, count, wish, fields=()):
    """That many at once; their answers, as they come."""
    return [asyncio.run_coroutine_threadsafe(
        client.ask(PATH, body_of(wish, max_tokens=MAX_TOKENS, size=SIZE), fields), crowd.loop)
        for client in crowd.clients[:count]]


def holds(server, name=""):
    return server.metric(f"bursar_budget_holds{name}")


def test_holds_that_nobody_settles_expire_and_late_answers_are_spent_once(home, start, upstream,
                                                                          clock):
    """Ten calls fill a budget for ten and are not answered. When their time is over, ten others
    fit; then all twenty are answered."""
    server = start(budget_for(10))
    first, second = Crowd(server.port, 11), Crowd(server.port, 11)
    wish = {"input": 700, "output": 5}
    calls = ask(first, 11, {**wish, "gate": "all"})
    wait_until(lambda: sum(call.done() for call in calls) == 1, "the eleventh is refused")
    assert [call.result().status for call in calls if call.done()] == [402]
    clock.advance(30 + 40)
    time.sleep(1.5)
    assert (holds(server), holds(server, "_expired_total")) == (10, 0)  # not yet
    clock.advance(21)
    wait_until(lambda: holds(server, "_expired_total") == 10, "holds expire")
    assert holds(server) == 0
    row, = home.json("budget")["budgets"]
    adds_up(row)
    assert (row["spent"], row["held"], Decimal(row["free"])) == ("0", "0", 10 * HOLD)
    others = ask(second, 10, {**wish, "gate": "all"})
    wait_until(lambda: holds(server) == 10, "ten others fit")
    upstream.open("all")
    answers = [call.result(60) for call in calls + others]
    assert [answer.status for answer in answers].count(200) == 20
    total = sum(map(cost, upstream.answered()))
    wait_until(lambda: home.json("budget")["holds"]["settled_late"] == 10, "all are settled")
    assert holds(server) == 0
    answer = home.json("budget")
    row, = answer["budgets"]
    adds_up(row)
    assert Decimal(row["spent"]) == total == 20 * (Decimal(2) * 700 + Decimal(8) * 5) / 1_000_000
    assert answer["overshoot"]["by_cause"]["late"]["calls"] == answer["overshoot"]["calls"] == 10
    assert Decimal(answer["overshoot"]["usd"]) == total / 2
    assert spent(home, server) == total
    home.verified()


def test_an_upstream_that_never_answers_holds_no_money_after_its_time(home, start, upstream):
    """Nobody saw what those calls used: they are charged as held, and no row makes up a cost."""
    server = start(budget_for(10).replace("total_seconds: 30", "total_seconds: 4"))
    crowd = Crowd(server.port, 11)
    calls = ask(crowd, 11, {"gate": "never"})
    answers = sorted(call.result(60).status for call in calls)
    assert answers == [402] + 10 * [504]
    assert holds(server) == 0
    row, = home.json("budget")["budgets"]
    adds_up(row)
    assert row["held"] == "0" and Decimal(row["spent"]) == 10 * HOLD
    assert spent(home, server) == 0
    assert server.metric("bursar_gateway_charged_as_held_usd_total") == float(10 * HOLD)
    assert home.verified()["unpriced_calls"] == 10
    # The limit is not passed, whatever the invoice says of the ten.
    cheap = body_of({"input": 1}, model="gpt-4.1-mini", max_tokens=MAX_TOKENS)  # its circuit is whole
    assert crowd.run(crowd.clients[0].ask(PATH, cheap)).status == 402


class Heard:
    """What a server says in its log from here on."""

    def __init__(self, server):
        self.pipe, self.text = server.process.stderr.fileno(), ""
        os.set_blocking(self.pipe, False)

    def wait(self, words, times=1):
        def has():
            try:
                self.text += os.read(self.pipe, 65536).decode()
            except BlockingIOError:
                pass
            return self.text.count(words) == times
        wait_until(has, f"the log does not say {words}")


def test_a_clock_that_is_set_ahead_and_back_gives_no_day_away_and_keeps_none(home, start, upstream,
                                                                             clock):
    """A day's limit for two calls, spent; the clock leaps by 40 days, for good it seems; then it is
    set right."""
    config = (f"budgets: [{{scope: org, period: day, usd: {usd(2 * HOLD)}}}]\n"
              "gateway: {total_seconds: 30}")
    server = start(config)
    heard = Heard(server)
    crowd = Crowd(server.port, 1)
    full = {"input": INPUT_MAX, "output": MAX_TOKENS}

    def call():
        return ask(crowd, 1, full)[0].result(20).status

    def day():
        row, = home.json("budget")["budgets"]
        adds_up(row)
        return row["from"][:10], Decimal(row["spent"])
    today = day()[0]
    assert [call(), call(), call()] == [200, 200, 402]
    spent_today = day()[1]
    clock.leap(40 * 86400)
    heard.wait("The clock has leapt ahead by 40 days. Budgets go on by the time before")
    assert call() == 402 and day() == (today, spent_today)
    clock.leap(-40 * 86400)
    heard.wait("It is back. Budgets have not gone by it.")
    assert call() == 402
    clock.leap(40 * 86400)
    heard.wait("leapt ahead by 40 days. Budgets go on", 2)
    clock.advance(601)
    heard.wait("It has stayed so for ten minutes: budgets go by it.")
    assert call() == 200 and day()[0] != today
    clock.leap(-40 * 86400)
    heard.wait("The clock has leapt back by 40 days. Budgets go on by the time before")
    clock.advance(601)
    heard.wait("for ten minutes: budgets go by it", 2)
    assert day()[0] == today and day()[1] > spent_today  # all of it, once
    assert call() == 402
    home.verified()
    server.stop()
    assert day()[0] == today  # of the log alone
    server = start(config)
    crowd = Crowd(server.port, 1)
    assert ask(crowd, 1, full)[0].result(20).status == 402
    clock.advance(86400)
    assert ask(crowd, 1, full)[0].result(20).status == 200


def test_a_log_from_the_future_goes_on_today(home, start, upstream, clock):
    config = f"budgets: [{{scope: org, period: day, usd: {usd(2 * HOLD)}}}]"
    full = {"input": INPUT_MAX, "output": MAX_TOKENS}
    clock.leap(400 * 86400)
    server = start(config)
    assert ask(Crowd(server.port, 1), 1, full)[0].result(20).status == 200
    server.stop()
    clock.leap(-400 * 86400)
    server = start(config)
    row, = home.json("budget")["budgets"]
    assert row["from"][:10] == time.strftime("%Y-%m-%d", time.gmtime(clock.now()))
    assert Decimal(row["spent"]) > 0
    crowd = Crowd(server.port, 1)
    assert [ask(crowd, 1, full)[0].result(20).status for _ in range(2)] == [200, 402]
    home.verified()


def test_what_client_and_server_left_behind_is_charged_when_its_hour_is_over(home, start, upstream,
                                                                             clock):
    """Killed with ten calls under way, and the clients gone: their money stays held for an hour,
    across another kill, and is then taken for spent. Nothing of it is a row."""
    server = start(budget_for(10))
    crowd = Crowd(server.port, 10)
    ask(crowd, 10, {"gate": "never"})
    wait_until(lambda: holds(server) == 10, "ten calls are under way")
    server.stop(signal.SIGKILL)
    for minutes in (1, 58):
        server = start(budget_for(10))
        assert (holds(server), holds(server, "_unknown")) == (10, 10)
        refused, = ask(Crowd(server.port, 1), 1, {})
        assert refused.result(60).status == 402
        clock.advance(60 * minutes)
        time.sleep(1.5)
        assert holds(server, "_unknown") == 10  # not yet
        server.stop(signal.SIGKILL)
    server = start(budget_for(10))
    clock.advance(3600)
    wait_until(lambda: holds(server) == 0, "unknown holds end")
    row, = home.json("budget")["budgets"]
    adds_up(row)
    assert (Decimal(row["spent"]), row["held"], row["free"]) == (10 * HOLD, "0", "0")
    assert home.run("report", "--json").returncode != 0 or spent(home, server) == 0


class Load:
    """Clients that ask on and on; what they are answered."""

    def __init__(self, crowd, seed, clock):
        self.crowd, self.draw, self.stopped = crowd, random.Random(seed), False
        self.statuses = []
        self.clock, self.begun_s = clock, {}  # when each began what it asks now

    async def keep_on(self, client):
        while not self.stopped:
            wish = {"input": self.draw.randrange(1, INPUT_MAX), "output": self.draw.randrange(11),
                    "wait": self.draw.choice([0, 0.02, 0.2, 0.5])}
            self.begun_s[client] = self.clock.now()
            answer = await client.ask(PATH, body_of(wish, max_tokens=MAX_TOKENS, size=SIZE))
            self.statuses.append(answer.status)
            if answer.status != 200:
                await asyncio.sleep(0.05)

    def begin(self):
        return [asyncio.run_coroutine_threadsafe(self.keep_on(client), self.crowd.loop)
                for client in self.crowd.clients]


def minutes_of(log, limit):
    """What was held and spent in each minute, from the log: after every record, held and spent of
    the minute of each hold are at most its limit. How many postings came in a later minute."""
    open_holds, held, used, late = {}, {}, {}, 0
    for record in log:
        if record.event == records.RESERVED:
            minute = record.at // MINUTE
            open_holds[record.id] = (minute, record.amount)
            held[minute] = held.get(minute, 0) + record.amount
            assert held[minute] + used.get(minute, 0) <= limit, minute
        elif record.event in (records.POSTED, records.VOIDED):
            minute, amount = open_holds.pop(record.id)
            held[minute] -= amount
            used[minute] = used.get(minute, 0) + record.amount
            late += record.at // MINUTE > minute
            assert record.amount <= amount  # no overshoot
            assert held[minute] + used[minute] <= limit, minute
    return used, open_holds, late


def test_minutes_that_end_under_load_keep_their_own_spend_and_their_limit(home, start, upstream,
                                                                          clock):
    """Twenty clients and a limit that stops them in every minute; eight minutes end, calls of each
    are under way when it does."""
    clock.before_minute(1)
    server = start(budget_for(60, "minute"))
    load = Load(Crowd(server.port, 20), 7, clock)
    tasks = load.begin()
    lasts = {}
    for _ in range(8):
        before = int(clock.now() // 60)
        wait_until(lambda now=before: clock.now() // 60 > now, "the minute ends")
        wait_until(lambda now=before: min(load.begun_s.values()) // 60 > now, "its calls end")
        row, = home.json("budget")["budgets"]
        adds_up(row)
        lasts[before] = Decimal(row["last_period"]["spent"])
        clock.before_minute(0.4)
    load.stopped = True
    for task in tasks:
        task.result(60)
    total = spent(home, server)
    server.stop()
    log = records.read(home.path)
    used, left, late = minutes_of(log, int(60 * HOLD * PICO))
    assert not left and late > 0
    assert load.statuses.count(402) > 0 and set(load.statuses) == {200, 402}
    assert len(used) >= 8
    for minute, amount in lasts.items():
        assert amount * PICO == used[minute], minute
    assert sum(used.values()) == total * PICO == sum(map(cost, upstream.answered())) * PICO
    # The row of a call is of the minute of its hold.
    reserved = {record.id: record.at for record in log if record.event == records.RESERVED}
    by_start = {}
    for record in log:
        if record.event == records.POSTED:
            call = record.call()
            assert call["cost_pusd"] == record.amount
            assert abs(call["started_ns"] - reserved[record.id]) < 10**9
            by_start[record.id] = call["started_ns"] // MINUTE
    assert len(by_start) == load.statuses.count(200) == len(upstream.answered())
    home.verified()
