"""Goal: an answer depends on what happened and on nothing else. Method: one company imported twice,
the second time with the rows of every file in another order; a company whose rates are chosen."""
import csv
import random
import shutil

import pytest
from conftest import Home

WORKFLOWS = ("claims", "tickets", "contracts", "leads")
QUESTIONS = [("report",), ("return",), ("forecast",), ("drivers",), ("credit", "claims", "tickets"),
             *((command, workflow) for workflow in WORKFLOWS
               for command in ("drivers", "waste", "variance", "utility", "route", "segments")),
             ("credit", "tickets", "--by", "model"), ("route", "leads", "--cascade")]


@pytest.fixture(name="homes", scope="module")
def fixture_homes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("same")
    first, second = Home(folder / "first"), Home(folder / "second")
    first.ok("simulate", "--cases", "2500", "--seed", "12", "--out", folder / "company")
    shutil.copytree(folder / "company", folder / "shuffled")
    draw = random.Random(3)
    for name in ("cases.csv", "steps.csv", "outcomes.csv"):
        path = folder / "shuffled" / name
        head, *rows = path.read_text().splitlines(keepends=True)
        draw.shuffle(rows)
        path.write_text(head + "".join(rows))
    for home, files in ((first, "company"), (second, "shuffled")):
        home.path.mkdir(exist_ok=True)
        shutil.copy(folder / "company" / "bursar.yaml", home.path)
        home.ok("import", folder / files)
    return first, second


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_rows_in_another_order_give_the_same_bytes(homes, question):
    first, second = homes
    assert first.ok(*question, "--json") == second.ok(*question, "--json")


def test_nine_in_ten_to_seven_in_ten_raises_t_over_p_by_28_57_percent(home, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "map.yaml").write_text("""map: rates
tables:
  - file: calls.csv
    case: {workflow: workflow, id: unit}
    attempt: {id: attempt, number: attempt}
    step: {start: at, cost: cost}
  - file: outcomes.csv
    case: {workflow: workflow, id: unit}
    outcome: {status: status, at: ended}
""")
    with open(folder / "calls.csv", "w", newline="", encoding="ascii") as calls, \
            open(folder / "outcomes.csv", "w", newline="", encoding="ascii") as outcomes:
        calls, outcomes = csv.writer(calls), csv.writer(outcomes)
        calls.writerow(("workflow", "unit", "attempt", "at", "cost"))
        outcomes.writerow(("workflow", "unit", "status", "ended"))
        for workflow, good in (("nine", 9), ("seven", 7)):
            for unit in range(10):
                calls.writerow((workflow, unit, 1, "2026-03-01T08:00:00Z", 1))
                outcomes.writerow((workflow, unit, "resolved" if unit < good else "failed",
                                   "2026-03-01T09:00:00Z"))
    home.ok("import", folder)
    rows = {row["workflow"]: row for row in home.json("report")["workflows"]}
    assert rows["nine"]["attempt_cost_mean"] == rows["seven"]["attempt_cost_mean"] == 1
    assert round(rows["nine"]["t_over_p"], 4) == 1.1111
    assert round(rows["seven"]["t_over_p"], 4) == 1.4286
    assert round(100 * (rows["seven"]["t_over_p"] / rows["nine"]["t_over_p"] - 1), 2) == 28.57
