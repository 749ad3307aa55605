"""Goal: real traces come to the figures that are known for them, to the last digit.
Method: each data set is imported into an empty ledger and its report compared with sums made here
from the data's own tables; what is absent is skipped."""
import csv
import re
from collections import defaultdict
from decimal import Decimal

import pytest
from conftest import ROOT

SESSION = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
PARTS = ("base", "retry_tail", "sunk", "rework", "human", "open")


def workflows(home):
    return {row["workflow"]: row for row in home.json("report")["workflows"]}


def mapped(home, shared, name):
    folder = shared(name)
    home.ok("import", "--map", ROOT / f"examples/maps/{name}.yaml", folder)
    home.verified()
    return folder


def check_identity(row):
    cost = {name: Decimal(row["cost"][name]) for name in (*PARTS, "total")}
    assert sum(cost[part] for part in PARTS) == cost["total"], row["workflow"]
    return cost


def test_claude_sessions_count_every_response_once(home, shared):
    folder = shared("agent_sessions/raw/claude")
    home.ok("import", folder)
    row = workflows(home)["claude-code"]
    tokens = row["tokens"]
    assert row["calls"] == 1104
    assert tokens["input_uncached"] == 37_788
    assert tokens["cache_write_5m"] + tokens["cache_write_1h"] == 7_490_219
    assert tokens["cache_read"] == 89_942_904
    assert tokens["output"] == 390_285
    assert row["unpriced_calls"] == 0
    check_identity(row)
    home.verified()
    assert home.json("import", folder)["steps"] == 0
    assert workflows(home)["claude-code"] == row


def test_sessions_explained_one_by_one_come_to_the_report(home, shared):
    folder = shared("agent_sessions/raw/claude")
    home.ok("import", folder)
    total = Decimal(0)
    sessions = {SESSION.search(path.name)[0] for path in folder.iterdir()
                if SESSION.search(path.name)}
    for session in sessions:
        answer = home.json("explain", session)
        steps = [step for attempt in answer["attempts"] for step in attempt["steps"]]
        assert sum(Decimal(step["cost"] or 0) for step in steps) == Decimal(answer["cost"])
        assert all(step["line"] > 0 and step["file"] for step in steps)
        assert all(step["price_id"] for step in steps if step["cost_basis"] == "priced")
        total += Decimal(answer["cost"])
    assert len(sessions) >= 5
    row = workflows(home)["claude-code"]
    assert len(sessions) <= row["cases"]
    assert 0 < total <= Decimal(row["cost"]["total"])


def test_the_codex_rollout_counts_each_call_and_its_cached_input(home, shared):
    folder = shared("agent_sessions/raw/codex")
    path = next(folder.glob("*2026-05-11T11-26*"))
    home.ok("import", path)
    row = workflows(home)["codex"]
    tokens = row["tokens"]
    assert row["calls"] == 66
    assert round((tokens["input_uncached"] + tokens["cache_read"]) / 1e6, 2) == 6.06
    assert round(tokens["cache_read"] / 1e6, 2) == 4.93


def test_humaneval_parts_add_up_in_all_workflows(home, shared):
    mapped(home, shared, "humaneval_agents")
    rows = workflows(home)
    assert len(rows) == 32
    for row in rows.values():
        check_identity(row)
    row = rows["simple_repeat/gpt-4-turbo-0409-8repeats-no-temp-incr"]
    cost = check_identity(row)
    assert (row["cases"], row["attempts"], row["resolved"], row["open"]) == (615, 806, 574, 0)
    assert cost["total"] == Decimal("9.69817")
    assert cost["base"] == Decimal("6.71930")
    assert cost["retry_tail"] == Decimal("0.44860")
    assert cost["sunk"] == Decimal("2.53027")
    assert home.json("report")["total"]["cost"]["total"] == \
        str(sum(Decimal(other["cost"]["total"]) for other in rows.values()).normalize())


def test_customer_service_by_model_is_the_sum_of_its_runs(home, shared, tmp_path):
    folder = shared("customer_service")
    text = (ROOT / "examples/maps/customer_service.yaml").read_text()
    assert text.count("workflow: domain") >= 2
    by_model = tmp_path / "by_model.yaml"
    by_model.write_text(text.replace("workflow: domain", "workflow: agent_model"))
    home.ok("import", "--map", by_model, folder)
    wanted = defaultdict(lambda: [0, 0, 0, Decimal(0)])
    with open(folder / "runs.csv", newline="") as file:
        for run in csv.DictReader(file):
            sums = wanted[run["agent_model"]]
            sums[0] += 1
            sums[1] += int(run["success"])
            sums[2] += int(run["agent_llm_calls"])
            sums[3] += Decimal(run["agent_cost_usd"])
    found = {name: [row["cases"], row["resolved"], row["calls"], Decimal(row["cost"]["total"])]
             for name, row in workflows(home).items()}
    assert found == dict(wanted)
    home.verified()


def test_customer_service_has_a_cost_per_outcome_with_an_interval(home, shared):
    folder = mapped(home, shared, "customer_service")
    row = workflows(home)["airline"]
    cost = check_identity(row)
    with open(folder / "runs.csv", newline="") as file:
        runs = list(csv.DictReader(file))
    assert cost["total"] == sum(Decimal(run["agent_cost_usd"]) for run in runs)
    resolved = sum(int(run["success"]) for run in runs)
    estimate = row["cost_per_outcome"]
    assert row["resolved"] == resolved
    assert estimate["value"] == pytest.approx(float(cost["total"]) / resolved)
    assert estimate["low"] < estimate["value"] < estimate["high"]
    assert estimate["n"] == len(runs)
    steps = home.json("explain", runs[0]["run_id"])["attempts"][0]["steps"]
    assert all(step["file"].startswith(str(folder.resolve())) and step["line"] > 0 for step in steps)


@pytest.mark.parametrize("name", ["swe_agent_traces", "terminal_bench_trials",
                                  "routing_openhands_index"])
def test_a_mapped_data_set_imported_twice_changes_nothing(home, shared, name):
    folder = mapped(home, shared, name)
    before = home.json("report")["workflows"]
    assert before
    for row in before:
        check_identity(row)
    again = home.json("import", "--map", ROOT / f"examples/maps/{name}.yaml", folder)
    assert again["steps"] == again["cases"] == again["outcomes"] == 0
    assert home.json("report")["workflows"] == before
    home.verified()


@pytest.mark.parametrize("model, usage, at, cost", [
    ("gpt-5.6-sol", '{"input_uncached":200000,"cache_read":100000,"output":1000}', "2026-08-01",
     "2.145"),
    ("gpt-5.6-sol", '{"input_uncached":200000,"cache_read":100000,"output":1000}', "2026-11-22",
     "1.71"),
    ("claude-sonnet-4-5", '{"input_uncached":40000,"cache_read":210000,"output":2000}',
     "2025-11-22", "0.411"),
])
def test_golden_prices(home, model, usage, at, cost):
    answer = home.json("price", model, "--usage", usage, "--at", at)
    assert answer["cost"] == cost
