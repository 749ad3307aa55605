"""bursar variance: replicates of real benchmarks against the same figures worked out in Python."""
import csv
import gzip
import math
import statistics
from collections import defaultdict
from decimal import Decimal
from math import comb
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAPS = ROOT / "examples/maps"


@pytest.fixture(name="service", scope="module")
def fixture_service(tmp_path_factory):
    """A home with customer_service imported once, and its runs."""
    from conftest import SHARED, Home
    folder = SHARED / "customer_service"
    if not folder.exists():
        pytest.skip(f"customer_service is not in the shared data ({SHARED})")
    home = Home(tmp_path_factory.mktemp("service") / "home")
    home.ok("import", "--map", MAPS / "customer_service.yaml", folder)
    with open(folder / "runs.csv", newline="", encoding="utf-8") as lines:
        return home, list(csv.DictReader(lines))


def trials_of(runs, source=None):
    keys = defaultdict(list)
    for run in runs:
        if source in (None, run["source"]):
            keys[run["source"], run["task_id"]].append(run)
    return keys


def pass_rates(keys, k):
    hat = [comb(sum(r["success"] == "1" for r in runs), k) / comb(len(runs), k)
           for runs in keys.values()]
    at = [1 - comb(sum(r["success"] != "1" for r in runs), k) / comb(len(runs), k)
          for runs in keys.values()]
    return statistics.fmean(hat), statistics.fmean(at)


def test_pass_k_of_tau_bench_is_the_published_figure(service):
    home, runs = service
    answer = home.json("variance", "airline", "--where", "source=tau-bench-v1")
    rows = answer["replicates"]["pass"]
    assert [row["k"] for row in rows] == [1, 2, 3, 4]
    published = [0.42, 0.2733, 0.22, 0.20]
    assert [round(row["pass_hat"]["value"], 4) for row in rows] == published
    keys = trials_of(runs, "tau-bench-v1")
    for row in rows:
        hat, at = pass_rates(keys, row["k"])
        assert row["pass_hat"]["value"] == pytest.approx(hat, rel=1e-12)
        assert row["pass_at"]["value"] == pytest.approx(at, rel=1e-12)
        assert row["pass_hat"]["low"] < hat < row["pass_hat"]["high"]
        assert row["pass_hat"]["n"] == 50
    assert answer["replicates"]["cases"] == 200
    assert answer["where"] == {"name": "source", "value": "tau-bench-v1"}


def test_every_trial_counts_when_none_is_chosen(service):
    home, runs = service
    rows = home.json("variance", "airline")["replicates"]["pass"]
    assert [row["k"] for row in rows] == [1, 2, 3, 4]  # no key has fewer than four
    for row in rows:
        hat, at = pass_rates(trials_of(runs), row["k"])
        assert row["pass_hat"]["value"] == pytest.approx(hat, rel=1e-12)
        assert row["pass_at"]["value"] == pytest.approx(at, rel=1e-12)


def percentile(costs, q):
    """Linear between neighbours."""
    at = q * (len(costs) - 1)
    low = math.floor(at)
    high = min(low + 1, len(costs) - 1)
    return costs[low] + (costs[high] - costs[low]) * (at - low)


def test_spread_of_cost_by_input_key(service):
    home, runs = service
    answer = home.json("variance", "airline", "--where", "source=tau-bench-v1")
    spread, tails = [], []
    for trials in trials_of(runs, "tau-bench-v1").values():
        costs = sorted(Decimal(run["agent_cost_usd"]) for run in trials)
        spread.append(costs[-1] / costs[0])
        tails.append(percentile([float(cost) for cost in costs], 0.9)
                     / percentile([float(cost) for cost in costs], 0.1))
    assert answer["groups"] == 50
    assert answer["flagged"] == sum(ratio >= 5 for ratio in spread) == 6
    assert answer["max_over_min"]["value"] == pytest.approx(float(statistics.median(spread)))
    assert answer["p90_over_p10"]["value"] == pytest.approx(statistics.median(tails))
    # of 50 values the 18th and the 33rd hold the median in 96.7 % of samples
    ordered = sorted(spread)
    assert answer["max_over_min"]["low"] == pytest.approx(float(ordered[17]))
    assert answer["max_over_min"]["high"] == pytest.approx(float(ordered[32]))
    worst = answer["worst"]
    assert len(worst) == 20
    assert [row["max_over_min"] for row in worst] == pytest.approx(
        [float(ratio) for ratio in reversed(ordered[-20:])])
    assert sum(row["flagged"] for row in worst) == 6


def test_a_group_with_an_unpriced_attempt_is_left_out_and_counted(service):
    home, runs = service
    answer = home.json("variance", "airline")
    dark = {key for key, trials in trials_of(runs).items()
            if any(Decimal(run["agent_cost_usd"]) == 0 for run in trials)}
    assert answer["excluded"]["groups_unpriced"] == len(dark) == 50
    assert answer["groups"] == 50
    assert answer["excluded"]["attempts"] == 334


def test_attempts_of_the_same_case(tmp_path, shared):
    """humaneval_agents: every call is an attempt, tasks are input keys, five runs each."""
    from conftest import Home
    folder = shared("humaneval_agents")
    home = Home(tmp_path / "home")
    home.ok("import", "--map", MAPS / "humaneval_agents.yaml", folder)
    workflow = "simple_repeat/gpt-4-turbo-0409-8repeats-no-temp-incr"
    by_case, by_task = defaultdict(list), defaultdict(list)
    with gzip.open(folder / "calls.csv.gz", "rt", newline="") as lines:
        for call in csv.DictReader(lines):
            if call["attempt_id"].startswith(workflow + "/"):
                cost = Decimal(call["cost_usd"])
                by_case[call["attempt_id"]].append(cost)
                by_task[call["attempt_id"].rsplit("/", 2)[2:][0]].append(cost)
    answer = home.json("variance", workflow)
    for groups, part in ((by_case, answer["same_case"]), (by_task, answer)):
        ratios = [max(costs) / min(costs) for costs in groups.values()
                  if len(costs) > 1 and min(costs) > 0]
        assert part["groups"] == len(ratios)
        assert part["flagged"] == sum(ratio >= 5 for ratio in ratios)
        assert part["max_over_min"]["value"] == pytest.approx(float(statistics.median(ratios)))
    assert "flagged" in answer and answer["replicates"]["trials_least"] == 5
    assert home.ok("variance", workflow, "--json") == home.ok("variance", workflow, "--json")


def test_wrong_use_is_refused(service):
    home, _ = service
    home.refused("variance", status=2)
    assert "airline" in home.refused("variance", "nowhere")
    for where in ("source", "=x", ""):
        home.refused("variance", "airline", "--where", where, status=2)
    answer = home.json("variance", "airline", "--where", "source=nobody")
    assert (answer["cases"], answer["groups"], answer["worst"]) == (0, 0, [])
    assert answer["max_over_min"]["value"] is None
    assert "nothing can be said" in " ".join(
        home.ok("variance", "airline", "--where", "source=nobody").split())
