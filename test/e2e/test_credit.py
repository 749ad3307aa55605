"""Goal: the value of a chain of work is shared so that it adds up, and as worked out independently.
Method: the real program over three workflows with the same case ids; Shapley by all orders here."""
import csv
import itertools
import random
from decimal import Decimal
from fractions import Fraction

import pytest

MAP = """map: chain
tables:
  - file: calls.csv
    case: {workflow: workflow, id: unit}
    attempt: {id: attempt, number: attempt}
    step: {sequence: n, agent: agent, start: at, cost: cost}
  - file: outcomes.csv
    case: {workflow: workflow, id: unit}
    outcome:
      id: {sql: "workflow || '/' || unit"}
      status: status
      value: value
      at: at
"""
STAGES = ("triage", "draft", "review")


def write(folder, calls, outcomes):
    folder.mkdir()
    (folder / "map.yaml").write_text(MAP)
    for name, head, rows in (
            ("calls.csv", "workflow,unit,attempt,n,agent,at,cost", calls),
            ("outcomes.csv", "workflow,unit,status,value,at", outcomes)):
        with open(folder / name, "w", newline="", encoding="ascii") as file:
            writer = csv.writer(file)
            writer.writerow(head.split(","))
            writer.writerows(rows)
    return folder


def company(seed):
    """Units that pass some of the stages in a random order; the last one carries the value."""
    draw = random.Random(seed)
    units = []
    for number in range(120):
        stages = draw.sample(STAGES, draw.randint(1, 3))
        resolved = draw.random() < 0.3 + 0.2 * len(stages)
        value = Decimal(draw.randint(100, 999)) / 100 if resolved else Decimal(0)
        costs = [Decimal(draw.randint(1, 99)) / 1000 for _ in stages]
        units.append((f"u{number}", stages, resolved, value, costs))
    return units


def rows_of(units):
    calls, outcomes = [], []
    for unit, stages, resolved, value, costs in units:
        for place, (stage, cost) in enumerate(zip(stages, costs)):
            calls.append((stage, unit, 1, 1, f"{stage}-bot", f"2026-03-01T{8 + place:02}:00:00Z",
                          cost))
            last = place == len(stages) - 1
            outcomes.append((stage, unit, "resolved" if resolved or not last else "failed",
                             value if last and resolved else 0,
                             f"2026-03-01T{8 + place:02}:30:00Z"))
    return calls, outcomes


def expected(units):
    """First, last, linear and Shapley credit of each stage, in USD."""
    seen = {}
    for _, stages, resolved, _, _ in units:
        count = seen.setdefault(frozenset(stages), [0, 0])
        count[0] += 1
        count[1] += resolved

    def worth(members):
        if members in seen:
            return Fraction(seen[members][1], seen[members][0])
        return max((worth(members - {one}) for one in members), default=Fraction(0))

    credit = {stage: dict.fromkeys(("first", "last", "linear", "shapley"), Fraction(0))
              for stage in STAGES}
    for _, stages, resolved, value, _ in units:
        if not resolved:
            continue
        value = Fraction(value)
        credit[stages[0]]["first"] += value
        credit[stages[-1]]["last"] += value
        orders = list(itertools.permutations(stages))
        for stage in stages:
            added = sum(worth(frozenset(order[:order.index(stage) + 1]))
                        - worth(frozenset(order[:order.index(stage)])) for order in orders)
            credit[stage]["linear"] += value / len(stages)
            credit[stage]["shapley"] += (value * added / len(orders)
                                         / worth(frozenset(stages)))
    return credit


@pytest.mark.parametrize("args", [
    (), ("triage", "--by", "day"), ("triage", "draft", "--by", "agent"), ("triage", "triage"),
    ("",), tuple(f"w{i}" for i in range(11)),
])
def test_wrong_use_is_refused(home, tmp_path, args):
    home.ok("import", write(tmp_path / "chain", *rows_of(company(1))))
    home.refused("credit", *args, status=2)


def test_an_unknown_workflow_is_named_with_those_there_are(home, tmp_path):
    home.ok("import", write(tmp_path / "chain", *rows_of(company(1))))
    assert "draft, review, triage" in home.refused("credit", "drfat")


@pytest.mark.parametrize("seed", range(4))
def test_credit_is_that_of_every_order_and_adds_up(home, tmp_path, seed):
    units = company(seed)
    home.ok("import", write(tmp_path / "chain", *rows_of(units)))
    answer = home.json("credit", *STAGES)
    assert answer["cases"] == len(units)
    assert answer["value"]["total"] == str(sum(value for *_, value, _ in units).normalize())
    players = {player["name"]: player for player in answer["players"]}
    for rule in ("first", "last", "linear", "shapley"):
        shares = [Decimal(player["credit"][rule]) for player in players.values()]
        assert sum(shares) == Decimal(answer["value"]["total"]), rule
        for stage, credit in expected(units).items():
            got = Decimal(players[stage]["credit"][rule])
            assert abs(got - Decimal(float(credit[rule]))) < Decimal("1e-8"), (stage, rule)
    for stage, player in players.items():
        failed = [unit for unit in units if unit[1][-1] == stage and not unit[2]]
        own = sum(unit[4][-1] for unit in failed)
        assert player["failure"]["count"] == len(failed)
        assert Decimal(player["failure"]["own_cost"]) == own
        assert Decimal(player["failure"]["downstream_cost"]) == 0


def test_a_failure_is_charged_with_what_came_after_it(home, tmp_path):
    calls = [("draft", "a", 1, 1, "junior", "2026-03-01T08:00:00Z", "0.5"),
             ("draft", "a", 2, 1, "senior", "2026-03-01T09:00:00Z", "2"),
             ("draft", "a", 3, 1, "senior", "2026-03-01T10:00:00Z", "4")]
    outcomes = [("draft", "a", "resolved", "30", "2026-03-01T11:00:00Z")]
    home.ok("import", write(tmp_path / "chain", calls, outcomes))
    answer = home.json("credit", "draft")
    failures = {player["name"]: player["failure"] for player in answer["players"]}
    assert failures["junior"] == {"count": 1, "own_cost": "0.5", "downstream_cost": "6",
                                  "total": "6.5"}
    assert failures["senior"] == {"count": 1, "own_cost": "2", "downstream_cost": "4",
                                  "total": "6"}
    assert answer["shared"] == 1
    assert [player["credit"]["linear"] for player in answer["players"]] == ["15", "15"]


def test_without_a_value_nothing_is_shared_and_that_is_said(home, tmp_path):
    calls, outcomes = rows_of(company(2))
    outcomes = [(*row[:3], "", row[4]) for row in outcomes]
    home.ok("import", write(tmp_path / "chain", calls, outcomes))
    answer = home.json("credit", *STAGES)
    assert answer["value"]["total"] is None
    assert answer["value"]["outcomes_unknown"] > 0
    assert "Nobody said what an outcome is worth" in " ".join(home.ok("credit", *STAGES).split())


def test_the_same_ledger_gives_the_same_bytes(home, tmp_path):
    home.ok("import", write(tmp_path / "chain", *rows_of(company(3))))
    assert home.ok("credit", *STAGES, "--json") == home.ok("credit", *STAGES, "--json")
