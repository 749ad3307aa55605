"""Goal: whenever the process is killed, the budget is what the ledger says was spent and what is held
for calls whose end nobody saw; no settled call is lost, none is counted twice.
Method: kill -9 at a random moment under a mixed load; the provider's log, what each client got and
the ledger are held against one another, to the picodollar."""
import asyncio
import json
import os
import random
import re
import signal
import time
from decimal import Decimal

from clients import Crowd, body_of
from test_gateway import cost, fixture_start, fixture_upstream  # noqa: F401

ROUNDS = int(os.environ.get("KILL_ROUNDS", "15"))
CLIENTS = 24
LIMIT = Decimal(50)
CONFIG = f"""
gateway: {{retries: 1}}
routes:
  - {{match: {{workflow: chains}}, model: gpt-4.1, fallback: [gpt-4.1-mini], on_leave: drain}}
budgets:
  - {{scope: org, period: total, usd: {LIMIT}}}
  - {{scope: "workflow:chains", period: day, usd: 40, per_case_usd: 40}}
  - {{scope: "model:gpt-4.1", period: month, usd: 45}}
"""
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}


class Load:
    """Clients that ask one after the other until the server is gone. `got`: costs clients were told
    in answers that came whole; every call is an attempt of its own."""

    def __init__(self, port, seed, number):
        self.crowd = Crowd(port, CLIENTS)
        self.draw = random.Random(seed)
        self.number = number
        self.count = 0
        self.got = {}
        self.whole = set()

    def wish(self, name):
        draw = self.draw
        wish = {"name": name, "input": draw.randrange(1, 400), "output": draw.randrange(1, 50),
                "cached": draw.choice([0, 0, 30]), "chunks": draw.randrange(1, 30)}
        fate = draw.random()
        if fate < 0.1:
            wish["status"] = draw.choice([429, 500, 529])
        elif fate < 0.2:
            wish["cut"] = draw.randrange(0, 6)
        elif fate < 0.25:
            wish["reset"] = True
        elif fate < 0.5:
            wish["every"] = 0.005
        elif fate < 0.6:
            wish["wait"] = 0.1
        return wish

    async def one(self, client):
        draw = self.draw
        self.count += 1
        name = f"r{self.number}-{self.count}"
        api = draw.choice(list(PATHS))
        model = "claude-sonnet-4-5" if api == "messages" else "gpt-4.1"
        data = body_of(self.wish(name), model=model, api=api, stream=draw.random() < 0.5,
                       **{"max_output_tokens" if api == "responses" else "max_tokens": 100})
        fields = [("x-bursar-workflow", draw.choice(["chains", "plain"])),
                  ("x-bursar-case", f"round-{self.number}"), ("x-bursar-attempt", name)]
        leaves = draw.random() < 0.15
        try:
            await client.send(PATHS[api], data, fields)
            if leaves:
                await asyncio.sleep(draw.uniform(0, 0.03))
                client.close(reset=draw.random() < 0.5)
                return True
            answer = await client.answer()
            if answer.status == 200:
                self.whole.add(name)
                if "x-bursar-cost-usd" in answer.fields:
                    self.got[name] = Decimal(answer.fields["x-bursar-cost-usd"])
            return True
        except (OSError, asyncio.IncompleteReadError, ValueError):
            client.close()
            return False

    async def keep_on(self, client, stopped):
        failures = 0
        while not stopped.is_set() and failures < 20:
            failures = 0 if await self.one(client) else failures + 1

    async def run(self, answers, kill):
        """Until so many answers have come whole."""
        stopped = asyncio.Event()
        tasks = [asyncio.ensure_future(self.keep_on(client, stopped))
                 for client in self.crowd.clients]
        until = time.monotonic() + 60
        while len(self.whole) < answers:
            assert time.monotonic() < until, "the calls are not answered"
            await asyncio.sleep(0.001)
        await asyncio.sleep(self.draw.uniform(0, 0.02))
        kill()
        stopped.set()
        await asyncio.gather(*tasks)


def balance(server):
    """Spent and held of the whole budget, as a call says that is refused."""
    crowd = Crowd(server.port, 1)
    answer = crowd.run(crowd.clients[0].ask(PATHS["chat"], body_of({}, max_tokens=9_000_000)))
    crowd.stop()
    assert answer.status == 402, answer.body
    assert answer.fields["x-bursar-budget-scope"] == "org"
    words = re.search(r"limit \$([0-9.]+), spent \$([0-9.]+), held for calls under way "
                      r"\$([0-9.]+);", answer.message)
    limit, used, held = map(Decimal, words.groups())
    assert limit == LIMIT
    assert Decimal(answer.fields["x-bursar-budget-remaining-usd"]) == limit - used - held
    return used, held


def settle(server):
    until = time.monotonic() + 60
    while server.metric("bursar_gateway_calls_waiting") > 0:
        assert time.monotonic() < until, "settled calls are not handed over"
        time.sleep(0.01)
    server.settle()


def steps_of(home, number):
    """The calls of a round's case, by attempt."""
    rows = {}
    for workflow in ("chains", "plain"):
        done = home.run("explain", f"round-{number}", "--workflow", workflow, "--json")
        if done.returncode == 0:
            for attempt in json.loads(done.stdout)["attempts"]:
                rows.setdefault(attempt["attempt"], []).extend(attempt["steps"])
    return rows


def check_calls(load, rows, upstream):
    """What the provider answered whole, to a client that saw its end, is in the ledger at the
    provider's own figures; no try is there twice."""
    made = {}
    for entry in upstream.log:
        if "wish" in entry:
            made.setdefault(entry["wish"].get("name"), []).append(entry)
    for name in load.whole:
        answered = [entry for entry in made[name] if entry["ended"] == "whole"]
        assert len(answered) == 1, name
        costs = [Decimal(step["cost"]) for step in rows[name]]
        assert costs.count(cost(answered[0])) == 1, (name, costs)
        assert load.got.get(name, cost(answered[0])) == cost(answered[0]), name
    for name, steps in rows.items():
        ends = [entry["ended"] for entry in made.get(name, [])]
        assert [step["status"] for step in steps].count("ok") <= ends.count("whole"), name


def as_held(rows):
    """What the budget was charged for calls whose answer nobody saw: their rows have no cost."""
    notes = [step["note"] or "" for steps in rows.values() for step in steps]
    found = [re.search(r"charged what was held, \$([0-9.]+);", note) for note in notes]
    return sum((Decimal(amount[1]) for amount in found if amount), Decimal(0))


def test_killed_at_any_moment_the_budget_is_what_the_ledger_says(home, start, upstream):
    draw = random.Random(20261122)
    unseen = Decimal(0)
    total = {"requests": 0, "told": 0, "whole": 0, "unknown": 0}
    for number in range(ROUNDS):
        server = start(CONFIG)
        load = Load(server.port, draw.random(), number)
        load.crowd.run(load.run(draw.randrange(80),
                                lambda: server.process.send_signal(signal.SIGKILL)))
        server.stop(signal.SIGKILL)
        load.crowd.stop()
        server = start(CONFIG)
        settle(server)
        used, held = balance(server)
        open_holds = server.metric("bursar_budget_holds")
        assert open_holds == server.metric("bursar_budget_holds_unknown")
        assert (open_holds > 0) == (held > 0)
        if number % 5 == 4:
            home.verified()  # call by call, what the log charged is what the ledger says
        report = home.json("report")
        rows = steps_of(home, number)
        unseen += as_held(rows)
        assert Decimal(report["total"]["cost"]["total"]) + unseen == used, number
        check_calls(load, rows, upstream)
        total["requests"] += load.count
        total["told"] += len(load.got)
        total["whole"] += len(load.whole)
        total["unknown"] = int(open_holds)
        server.stop()
    assert total["whole"] > 10 * ROUNDS and total["unknown"] > 0, total
    assert 0 < unseen < used
    print(f"{ROUNDS} rounds: {total}, spent {used}, held {held}")
