"""Goal: whatever is told of a company's calls, over how many channels, in what order, how often and
cut how, the ledger has each call once, in its case.
Method: companies made from seeds (company.py), their telemetry shuffled, doubled and cut at random,
through the receiver and through import; cost and tokens against the truth."""
import json
import os
import random
from fractions import Fraction
from itertools import count, permutations

import company
import pytest
import sessions
from test_serve import JSON, Server


def feed(home, seed, told, folder):
    """Requests and session logs into the ledger, some by the receiver, some by import."""
    rng = told.rng
    rest = company.requests(rng, told.told, rng.choice([1, 3, 10, 50]))
    files = count()
    rounds = rng.randint(1, 3)
    logs = list(told.told.logs.items())
    rng.shuffle(logs)
    cuts = [len(rest) * i // rounds for i in range(rounds + 1)]
    for i in range(rounds):
        part = rest[cuts[i]:cuts[i + 1]]
        for session, lines in logs[i::rounds]:
            sessions.write(folder / f"log/{session}.jsonl", lines)
            home.ok("import", folder / "log")
        if rng.random() < 0.4:
            path = folder / f"{seed}-{next(files)}"
            path.mkdir(parents=True)
            for signal, body in part:
                name = path / (f"{next(files)}.json" if rng.random() < 0.5 else "all.jsonl")
                with open(name, "a", encoding="utf-8") as file:
                    file.write(json.dumps(body) + "\n")
            home.ok("import", path)
            continue
        server = Server(home)
        for signal, body in part:
            status, said, _ = server.ask("POST", f"/v1/{signal}", json.dumps(body), JSON)
            assert status == 200, said
            if rng.random() < 0.05:
                server.settle()
        assert server.stop() == 0


CLASSES = ("input_uncached", "cache_read", "cache_write_5m", "output")
SEEDS = range(*map(int, os.environ.get("COMPANY_SEEDS", "0,5").split(",")))


@pytest.mark.parametrize("seed", SEEDS)
def test_each_call_is_counted_once_in_its_case(home, tmp_path, seed):
    told = company.Company(seed)
    feed(home, seed, told, tmp_path / "told")
    assert Fraction(home.verified()["cost"]) == Fraction(told.pusd(), 10**12)
    truth = {}
    for (workflow, case), calls in told.truth.items():
        truth.setdefault(workflow, {})[case] = calls
    rows = {row["workflow"]: row for row in home.json("report")["workflows"]}
    for workflow in truth.keys() - {None}:  # that of a service is in cases named by its traces
        row, calls = rows[workflow], sum(truth[workflow].values(), [])
        assert row["cases"] == len(truth[workflow])
        assert Fraction(row["cost"]["total"]) == Fraction(sum(map(company.Call.pusd, calls)), 10**12)
        assert [row["tokens"][name] for name in CLASSES] == [
            sum(column) for column in zip(*((c.input, c.read, c.write, c.output) for c in calls))]
    workflow, case = told.rng.choice([name for name in told.truth if name[0] is not None])
    assert Fraction(home.json("explain", case, "--workflow", workflow)["cost"]) == Fraction(
        sum(call.pusd() for call in told.truth[workflow, case]), 10**12)


def tree(rng, steps):
    """Spans of one trace in random order: each under any earlier one, only the root names the case."""
    trace, calls, spans = 77, [], []
    for number in range(2, steps + 2):
        call = company.Call(rng, number, company.START + number * 10**6)
        calls.append(call)
        spans.append(company.span(trace, number, rng.randint(max(1, number - 50), number - 1), "chat",
                                  (call.started, call.ended), {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": call.model, **company.usage(call)}))
    root = company.span(trace, 1, None, "handle", (company.START, company.START + 10**12), {
        "bursar.workflow": "long", "bursar.case.id": "case-1"})
    rng.shuffle(spans)
    return calls, spans, root


@pytest.mark.parametrize("root_at", ["first", "middle", "last"])
def test_a_trace_of_20000_steps_over_many_requests_is_one_case(home, root_at):
    rng = random.Random(root_at)
    calls, spans, root = tree(rng, 20_000)
    spans.insert({"first": 0, "middle": 10_000, "last": 20_000}[root_at], root)
    server = Server(home)
    while spans:
        size = rng.choice([1, 20, 200, 400])
        body = company.request("traces", [("{}", row) for row in spans[:size]])
        assert server.ask("POST", "/v1/traces", json.dumps(body), JSON)[0] == 200
        spans = spans[size:]
    server.settle()
    took = server.processor_s()
    assert server.stop() == 0
    totals = home.verified()
    assert (totals["cases"], totals["steps"]) == (1, 20_000)
    assert Fraction(totals["cost"]) == Fraction(sum(call.pusd() for call in calls), 10**12)
    assert home.json("explain", "case-1", "--workflow", "long")["workflow"] == "long"
    assert took < 30  # some seconds


RULES = """
correlation:
  - case: {from: ticket.id, match: '^T-[0-9]+$'}
    workflow: tickets
    when: {ticket.id: T-*}
"""


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_a_rule_makes_of_the_root_moves_its_children(home, order):
    home.path.mkdir()
    (home.path / "bursar.yaml").write_text(RULES, encoding="ascii")
    rng = random.Random(1)
    _, children, _ = tree(rng, 2)
    root = company.span(77, 1, None, "handle", (company.START, company.START + 10**12),
                        {"ticket.id": "T-7"})
    rows = [root, *children]
    server = Server(home)
    for i in order:
        body = company.request("traces", [("{}", rows[i])])
        assert server.ask("POST", "/v1/traces", json.dumps(body), JSON)[0] == 200
        server.settle()
    assert server.stop() == 0
    assert home.verified()["cases"] == 1
    report = {row["workflow"]: row["calls"] for row in home.json("report")["workflows"]}
    assert report == {"tickets": 2}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_late_child_finds_the_case_of_spans_that_were_told_together(home, order):
    """The root and a child of it in one request, which need no row of facts; the others alone, and
    the server is another one from the second request on."""
    rng = random.Random(2)
    calls, rows, root = tree(rng, 3)
    rows.sort(key=lambda row: row["spanId"])
    told = [[root, rows[0]], [rows[1]], [rows[2]]]
    for parts in (order[:1], order[1:], order):  # at last all of them again
        server = Server(home)
        for i in parts:
            body = company.request("traces", [("{}", row) for row in told[i]])
            assert server.ask("POST", "/v1/traces", json.dumps(body), JSON)[0] == 200
            server.settle()
        assert server.stop() == 0
    totals = home.verified()
    assert (totals["cases"], totals["steps"]) == (1, 3)
    row, = home.json("report")["workflows"]
    assert (row["workflow"], row["cases"]) == ("long", 1)
    assert Fraction(row["cost"]["total"]) == Fraction(sum(call.pusd() for call in calls), 10**12)


def quarrel(rng):
    """Spans of one trace that name two cases of two workflows, each with a call of its own below it;
    the root names a third workflow and no case, and two calls' parents never come."""
    rows, calls = [], {}

    def call(number, parent, name):
        made = company.Call(rng, number, company.START + number * company.NS)
        calls.setdefault(name, []).append(made)
        rows.append(company.span(77, number, parent, "chat", (made.started, made.ended), {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": made.model, **company.usage(made)}))
    whole = (company.START, company.START + 10**12)
    rows.append(company.span(77, 1, None, "handle", whole, {"bursar.workflow": "front"}))
    rows.append(company.span(77, 2, 1, "b", whole, {"bursar.workflow": "w-b", "bursar.case.id": "b"}))
    rows.append(company.span(77, 3, 1, "a", whole, {"bursar.workflow": "w-a", "bursar.case.id": "a"}))
    call(11, 98, "a")
    call(12, 99, "a")
    return rows, calls


@pytest.mark.parametrize("seed", range(4))
def test_calls_of_a_trace_with_two_cases_are_in_the_smaller_one_in_whatever_order(
        new_home, tmp_path, seed):
    """One span a request, or several, in any order: the same ledger each time."""
    rng = random.Random(seed)
    rows, calls = quarrel(random.Random(9))
    rng.shuffle(rows)
    home = new_home(f"quarrel-{seed}")
    for number in count():
        size = rng.choice([1, 1, 2, 4])
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(company.request("traces", [("{}", row) for row in rows[:size]])))
        home.ok("import", path)
        rows = rows[size:]
        if not rows:
            break
    report = {row["workflow"]: Fraction(row["cost"]["total"])
              for row in home.json("report")["workflows"] if row["calls"]}
    assert report == {"w-a": Fraction(sum(call.pusd() for call in calls["a"]), 10**12)}
    assert home.verified()["cost"] == home.json("explain", "a", "--workflow", "w-a")["cost"]
