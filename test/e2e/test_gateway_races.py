"""Goal: whatever the order in which calls come, a budget admits what it has room for and not one
picodollar more, in every scope and case, and what a call did not use is free again.
Method: 64 clients at once against the real program; the provider answers none of them before all
have been admitted or refused, so that the holds are all there is."""
import asyncio
import os
import re
import signal
import time
from decimal import Decimal

import pytest

from clients import Crowd, body_of
from shifted import fixture_clock  # noqa: F401
from test_gateway import chat, fixture_start, fixture_upstream, spent  # noqa: F401

ROUNDS = 100
CLIENTS = 64
PICO = Decimal("1e-12")
SIZE = 512
MAX_TOKENS = 10
# gpt-4.1: $2 a million tokens in, $8 out. A token is a byte at least; 1024 are the provider's own.
INPUT_MAX = SIZE + 1024
HOLD = (Decimal(2) * INPUT_MAX + Decimal(8) * MAX_TOKENS) / 1_000_000


def usd(amount):
    return f"{amount:.12f}"


def told(message):
    """Limit, spent, held and wanted of a refusal."""
    return [Decimal(amount) for amount in re.findall(r"\$(-?[0-9.]+?)(?=[,; .])(?!\.[0-9])",
                                                     message)]


class Kind:
    """How a round's budgets nest, and how many of its calls fit."""

    def __init__(self, name, admitted, scope, team="1000", workflow="1000", user="1000",
                 per_case=None, cases=1):
        self.name, self.admitted, self.scope, self.cases = name, admitted, scope, cases
        self.limits = {"team": team, "workflow": workflow, "user": user}
        self.per_case = per_case

    def budgets(self, number):
        lines = [f'  - {{scope: "{scope}:{scope[0]}{number}", period: day, usd: {limit}'
                 + (f", per_case_usd: {self.per_case}" if scope == "workflow" and self.per_case
                    else "") + "}"
                 for scope, limit in self.limits.items()]
        return "\n".join(lines)


KINDS = [
    Kind("the workflow binds, inside", 10, "workflow", workflow=usd(10 * HOLD), team=usd(11 * HOLD)),
    Kind("the team binds, outside", 10, "team", team=usd(10 * HOLD), workflow=usd(11 * HOLD)),
    Kind("the user binds, across", 10, "user", user=usd(10 * HOLD), workflow=usd(11 * HOLD)),
    Kind("both bind at once", 10, "team", team=usd(10 * HOLD), workflow=usd(10 * HOLD)),
    Kind("a picodollar is missing", 9, "workflow", workflow=usd(10 * HOLD - PICO)),
    Kind("a picodollar is missing for one more", 10, "workflow", workflow=usd(11 * HOLD - PICO)),
    Kind("the case binds", 10, "workflow", per_case=usd(10 * HOLD)),
    Kind("each of two cases binds", 10, "workflow", per_case=usd(5 * HOLD), cases=2),
]


def config(rounds):
    kinds = [KINDS[number % len(KINDS)] for number in range(rounds)]
    return ("workflows:\n"
            + "\n".join(f"  w{number}: {{owner: {{team: t{number}}}}}" for number in range(rounds))
            + "\nbudgets:\n  - {scope: org, period: month, usd: 100000}\n"
            + "\n".join(kind.budgets(number) for number, kind in enumerate(kinds)))


def fields(number, case=0):
    return [("x-bursar-workflow", f"w{number}"), ("x-bursar-user", f"u{number}"),
            ("x-bursar-case", f"c{number}-{case}")]


class Round:
    def __init__(self, crowd, upstream, number):
        self.crowd, self.upstream, self.number = crowd, upstream, number
        self.kind = KINDS[number % len(KINDS)]
        self.answers = []

    async def ask(self, index, wish):
        data = body_of(wish, max_tokens=MAX_TOKENS, size=SIZE)
        answer = await self.crowd.clients[index].ask(
            "/v1/chat/completions", data, fields(self.number, index % self.kind.cases))
        self.answers.append(answer)

    async def run(self, wish):
        """Everybody at once; the provider waits until each is admitted or refused."""
        gate = f"round {self.number}"
        before = len(self.upstream.log)
        calls = [asyncio.ensure_future(self.ask(index, {**wish, "gate": gate}))
                 for index in range(len(self.crowd.clients))]
        until = time.monotonic() + 60
        while len(self.answers) + len(self.upstream.log) - before < len(calls):
            assert time.monotonic() < until, "some were neither admitted nor refused"
            await asyncio.sleep(0.001)
        self.upstream.open(gate)
        await asyncio.gather(*calls)

    def check(self, cost):
        by_status = {}
        for answer in self.answers:
            by_status.setdefault(answer.status, []).append(answer)
        assert {status: len(answers) for status, answers in by_status.items()} == {
            200: self.kind.admitted, 402: CLIENTS - self.kind.admitted}, self.kind.name
        for answer in by_status[200]:
            assert Decimal(answer.fields["x-bursar-cost-usd"]) == cost
        scope = f"{self.kind.scope}:{self.kind.scope[0]}{self.number}"
        for answer in by_status[402]:
            assert answer.fields["x-bursar-budget-scope"] == scope, self.kind.name
            limit, used, held, wanted = told(answer.message)
            assert wanted == HOLD
            assert used + held + wanted > limit
            assert Decimal(answer.fields["x-bursar-budget-remaining-usd"]) == limit - used - held


@pytest.fixture(name="crowd")
def fixture_crowd(start):
    crowds = []

    def make(more, count=CLIENTS):
        server = start(more)
        crowds.append(Crowd(server.port, count))
        return server, crowds[-1]
    yield make
    for crowd in crowds:
        crowd.stop()


def test_a_refusal_says_what_a_call_may_cost(start):
    server = start('budgets: [{scope: org, period: month, usd: 0.000000000001}]')
    _, _, body = chat(server, max_tokens=MAX_TOKENS)
    limit, used, held, wanted = told(body.decode())
    assert (limit, used, held) == (PICO, 0, 0)
    assert wanted > 0


def test_of_sixty_four_at_once_exactly_ten_fit_a_budget_for_ten(home, upstream, crowd):
    server, many = crowd(config(ROUNDS))
    wish = {"input": 700, "output": 5}
    cost = (Decimal(2) * 700 + Decimal(8) * 5) / 1_000_000
    total = 0
    for number in range(ROUNDS):
        one = Round(many, upstream, number)
        many.run(one.run(wish))
        one.check(cost)
        total += one.kind.admitted
    assert len(upstream.log) == total
    assert server.metric("bursar_budget_holds") == 0
    assert server.metric("bursar_budget_overshoots_total") == 0
    assert spent(home, server) == total * cost


def test_what_costs_as_much_as_was_held_fills_the_budget_to_the_picodollar(upstream, crowd):
    """Then the eleventh is refused for good; where less was used, the rest is free again."""
    server, many = crowd(config(len(KINDS)))
    for number, (wish, rest) in enumerate([
            ({"input": INPUT_MAX, "output": MAX_TOKENS}, Decimal(0)),
            ({"input": INPUT_MAX, "output": MAX_TOKENS - 1}, Decimal("0.00008"))]):
        one = Round(many, upstream, number)
        many.run(one.run(wish))
        one.check(HOLD - rest / 10)
        late = many.run(many.clients[0].ask(
            "/v1/chat/completions", body_of(wish, max_tokens=MAX_TOKENS, size=SIZE),
            fields(number)))
        assert late.status == 402
        limit, used, held, wanted = told(late.message)
        assert (limit, used, held, wanted) == (10 * HOLD, 10 * HOLD - rest, 0, HOLD)
        assert Decimal(late.fields["x-bursar-budget-remaining-usd"]) == rest
    assert server.metric("bursar_budget_overshoots_total") == 0


def test_limits_that_change_while_calls_are_under_way_bind_from_then_on(home, upstream, crowd):
    """Ten calls are held for; the limit is raised to twelve calls: two more fit, at once."""
    server, many = crowd(config(1))
    one = Round(many, upstream, 0)

    async def raise_limit():
        calls = [asyncio.ensure_future(one.ask(index, {"gate": "all"})) for index in range(32)]
        while len(one.answers) < 22:
            await asyncio.sleep(0.001)
        text = (home.path / "bursar.yaml").read_text()
        (home.path / "bursar.yaml").write_text(
            text.replace(usd(10 * HOLD), usd(12 * HOLD)).replace(usd(11 * HOLD), usd(13 * HOLD)))
        os.kill(server.process.pid, signal.SIGHUP)
        admitted = []
        until = time.monotonic() + 60
        while len(admitted) < 2:
            assert time.monotonic() < until, "the new limit does not count"
            count = len(upstream.log)
            call = asyncio.ensure_future(one.ask(32 + len(admitted), {"gate": "all"}))
            while not call.done() and len(upstream.log) == count:
                await asyncio.sleep(0.001)
            if not call.done():
                admitted.append(call)
        await one.ask(40, {})
        upstream.open("all")
        await asyncio.gather(*calls, *admitted)
        return one.answers
    answers = many.run(raise_limit())
    assert [answer.status for answer in answers].count(200) == 12
    assert len(upstream.log) == 12


def test_a_new_period_has_room_again_while_the_old_ones_calls_are_under_way(upstream, clock, crowd):
    """Ten calls of one minute are held until the next: it admits ten of its own, and both
    minutes' costs are told apart."""
    limit = usd(10 * HOLD)
    clock.before_minute(50)
    server, many = crowd(f"budgets: [{{scope: org, period: minute, usd: {limit}}}]")
    wish = {"input": 700, "output": 5}

    async def both():
        minutes = []
        for gate in ("first", "second"):
            one = Round(many, upstream, 0)
            before = len(upstream.log)
            calls = [asyncio.ensure_future(one.ask(index, {**wish, "gate": gate}))
                     for index in range(0 if gate == "first" else 32, 32 if gate == "first" else 64)]
            while len(one.answers) + len(upstream.log) - before < 32:
                await asyncio.sleep(0.001)
            assert len(one.answers) == 22
            minutes.append((one, calls))
            if gate == "first":
                clock.advance(60.05 - clock.now() % 60)
        upstream.open("first")
        await asyncio.gather(*minutes[0][1])
        probe = await many.clients[0].ask(
            "/v1/chat/completions", body_of({}, max_tokens=MAX_TOKENS, size=SIZE))
        upstream.open("second")
        await asyncio.gather(*minutes[1][1])
        return probe
    probe = many.run(both(), timeout=90)
    assert probe.status == 402
    _, used, held, _ = told(probe.message)
    assert (used, held) == (0, 10 * HOLD)
    assert server.metric("bursar_budget_holds") == 0
