"""bursar utility: every curve against a replay of the same files, case by case, in Python."""
import csv
import gzip
import json
import random
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAPS = ROOT / "examples/maps"
REPEATS = "simple_repeat/gpt-4-turbo-0409-8repeats-no-temp-incr"
VALUE = Decimal("0.25")
PICO = Decimal("1e-12")



class Case:
    """Spend until its end and in all, dollars; and whether it was resolved."""

    def __init__(self):
        self.spend = Decimal(0)
        self.calls = 0
        self.resolved = False


def read_gz(path):
    with gzip.open(path, "rt", newline="") as lines:
        yield from csv.DictReader(lines)


def humaneval_cases(folder):
    """Workflow -> cases as the map names them; those without a call of their own are untraced."""
    cases, workflow_of = defaultdict(dict), {}
    for row in read_gz(folder / "attempts.csv.gz"):
        workflow = f"{row['agent']}/{row['config']}"
        workflow_of[row["attempt_id"]] = workflow
        case = cases[workflow][row["attempt_id"]] = Case()
        case.resolved = row["solved"] == "1"
    for row in read_gz(folder / "calls.csv.gz"):
        case = cases[workflow_of[row["attempt_id"]]][row["attempt_id"]]
        case.calls += 1
        case.spend += Decimal(row["cost_usd"]).quantize(PICO, ROUND_HALF_EVEN)
    return {workflow: [case for case in rows.values() if case.calls]
            for workflow, rows in cases.items()}


def replay(cases, cap):
    """V, K and the resolved when every case is stopped at the cap."""
    kept = sum(case.resolved and case.spend <= cap for case in cases)
    return kept * VALUE, sum(min(case.spend, cap) for case in cases), kept


@pytest.fixture(name="humaneval", scope="module")
def fixture_humaneval(tmp_path_factory):
    """A home with humaneval_agents imported once, every outcome worth $0.25, and the cases."""
    from conftest import SHARED, Home
    folder = SHARED / "humaneval_agents"
    if not folder.exists():
        pytest.skip(f"humaneval_agents is not in the shared data ({SHARED})")
    home = Home(tmp_path_factory.mktemp("humaneval") / "home")
    home.ok("import", "--map", MAPS / "humaneval_agents.yaml", folder)
    cases = humaneval_cases(folder)
    (home.path / "bursar.yaml").write_text("workflows:\n" + "".join(
        f"  {json.dumps(workflow)}: {{value_per_outcome: {VALUE}}}\n" for workflow in cases))
    return home, cases


def test_the_curve_of_every_workflow_is_the_replay_at_every_spend(humaneval, tmp_path):
    home, workflows = humaneval
    points = 0
    for workflow, cases in sorted(workflows.items()):
        spends = sorted({case.spend for case in cases})
        caps = tmp_path / "caps"
        caps.write_text("\n".join(map(str, spends)))
        answer = home.json("utility", workflow, "--caps", f"@{caps}")
        curve = answer["curve"]
        assert [Decimal(point["cap_usd"]) for point in curve] == spends, workflow
        assert answer["cases"]["closed"] == len(cases)
        for point in curve:
            value, spend, resolved = replay(cases, Decimal(point["cap_usd"]))
            assert Decimal(point["value_usd"]) == value, (workflow, point)
            assert Decimal(point["spend_usd"]) == spend, (workflow, point)
            assert point["resolved"] == resolved, (workflow, point)
            points += 1
        assert Decimal(answer["censored_above_usd"]) == spends[-1]
    assert len(workflows) == 32
    assert points > 5000


def hull_break_even(cases, caps):
    """The last corner of the upper hull that a slope of at least 1 leads to, over all pairs."""
    points = [(Decimal(0),) + replay(cases, Decimal(0))[:2]]
    points += [(cap,) + replay(cases, cap)[:2] for cap in caps]
    corner, best = points[0], points[0]
    while True:
        ahead = [p for p in points if p[2] > corner[2]]
        if not ahead:
            return best[0]
        steepest = max((p[1] - corner[1]) / (p[2] - corner[2]) for p in ahead)
        if steepest < 1:
            return best[0]
        corner = best = max((p for p in ahead if (p[1] - corner[1]) == steepest * (p[2] - corner[2])
                             or (p[1] - corner[1]) / (p[2] - corner[2]) == steepest),
                            key=lambda p: p[2])


def test_the_break_even_cap_is_the_last_corner_of_the_hull_that_pays(humaneval, tmp_path):
    home, workflows = humaneval
    cases = workflows[REPEATS]
    spends = sorted({case.spend for case in cases})
    caps = tmp_path / "caps"
    caps.write_text(",".join(map(str, spends)))
    answer = home.json("utility", REPEATS, "--caps", f"@{caps}")
    expected = hull_break_even(cases, spends)
    assert 0 < expected < spends[-1]
    assert Decimal(answer["break_even_cap_usd"]) == expected
    assert Decimal(answer["break_even"]["low_usd"]) <= expected
    assert Decimal(answer["break_even"]["high_usd"]) >= expected
    spend = Decimal("9.69817")
    tenth = answer["last_decile"]
    assert Decimal(tenth["spend_usd"]) == pytest.approx(spend / 10, abs=Decimal("1e-9"))
    value, paid, _ = replay(cases, Decimal(tenth["from_cap_usd"]))
    assert answer["current_mtu"]["value"] == pytest.approx(
        float((574 * VALUE - value) / (spend - paid)), rel=1e-12)


def test_the_last_repeats_are_said_in_one_line(humaneval):
    home, workflows = humaneval
    assert len(workflows[REPEATS]) == 615
    answer = home.json("utility", REPEATS)
    assert answer["cases"] == {"closed": 615, "resolved": 574, "open": 0, "unpriced": 0,
                               "without_value": 0, "value_recorded": 0}
    assert answer["total"]["spend_usd"] == "9.69817"
    assert sum(row["cases"] for row in answer["attempts"]) == 806
    last = answer["last_repeats"]
    assert (last["spend_usd"], last["resolved"], last["attempts"]) == ("1.9739", 8, 151)
    text = " ".join(home.ok("utility", REPEATS).split())
    assert ("The dollars after the second attempt: $1.97 of $9.70, resolved 8 of 574 outcomes: "
            "$0.25 an outcome against $0.0136 before.") in text


def test_the_same_ledger_gives_the_same_bytes(humaneval):
    home, _ = humaneval
    assert home.ok("utility", REPEATS, "--json") == home.ok("utility", REPEATS, "--json")


# A ledger small enough for paper: spend 0.1, 0.2, 0.3 resolved; 0.4 failed; 0.25 of 0.35 until the
# resolution; one open.
ROWS = [("a", 1, "0.1", "resolved"), ("b", 1, "0.2", "resolved"), ("c", 1, "0.3", "resolved"),
        ("d", 1, "0.4", "failed"), ("e", 1, "0.25", "resolved"), ("f", 1, "0.9", "")]
MAP = """map: paper
sources: {calls: calls.csv, outcomes: outcomes.csv}
tables:
  - name: calls
    from: calls
    case: {workflow: {const: paper}, id: case}
    attempt: {id: {sql: "\\"case\\" || '-' || attempt"}, number: attempt}
    step: {id: id, sequence: {const: 0}, model: {const: m}, end: at, cost: cost}
  - name: outcomes
    from: outcomes
    case: {workflow: {const: paper}, id: case}
    outcome: {status: status, at: at, source: {const: test}}
"""


@pytest.fixture(name="paper")
def fixture_paper(home, tmp_path):
    folder = tmp_path / "paper"
    folder.mkdir()
    (folder / "map.yaml").write_text(MAP)
    calls = [f"{case}{n},{case},{n},2026-03-01 10:00:00,{cost}" for case, n, cost, _ in ROWS]
    calls.append("e2,e,2,2026-03-05 10:00:00,0.10")
    (folder / "calls.csv").write_text("id,case,attempt,at,cost\n" + "\n".join(calls) + "\n")
    (folder / "outcomes.csv").write_text("case,status,at\n" + "".join(
        f"{case},{status},2026-03-02 10:00:00\n" for case, _, _, status in ROWS if status))
    home.ok("import", folder)
    return home


def configure(home, text):
    (home.path / "bursar.yaml").write_text(text)


def test_a_known_break_even_cap_is_found_within_a_step_of_the_grid(home, tmp_path):
    """Spend is exponential with mean 1, so what is left to spend is 1 at any cap; a case that ends
    at s is resolved with probability 0.9 - 0.2 s and worth 2. The slope at c is 2 (0.9 - 0.2 c):
    1 at c = 2. 20,000 cases, so more than are resampled alone."""
    rng = random.Random(20240117)
    folder = tmp_path / "known"
    folder.mkdir()
    (folder / "map.yaml").write_text(MAP)
    calls, outcomes = ["id,case,attempt,at,cost"], ["case,status,at"]
    for i in range(20000):
        spend = rng.expovariate(1)
        resolved = rng.random() < max(0.0, 0.9 - 0.2 * spend)
        calls.append(f"{i},{i},1,2026-03-01 10:00:00,{spend:.12f}")
        outcomes.append(f"{i},{'resolved' if resolved else 'failed'},2026-03-02 10:00:00")
    (folder / "calls.csv").write_text("\n".join(calls) + "\n")
    (folder / "outcomes.csv").write_text("\n".join(outcomes) + "\n")
    home.ok("import", folder)
    configure(home, "workflows:\n  paper: {value_per_outcome: 2}\n")
    answer = home.json("utility", "paper")
    caps = [float(point["cap_usd"]) for point in answer["curve"]]
    assert len(caps) == 41
    found = caps.index(float(answer["break_even_cap_usd"]))
    print(f"truth 2, found {caps[found]:.3f} {answer['break_even']}")
    assert caps[found - 1] <= 2 <= caps[found + 1]
    assert float(answer["break_even"]["low_usd"]) <= 2 <= float(answer["break_even"]["high_usd"])
    # the slope of a step is the truth's at its middle, held by nearly all of the intervals
    held = [point["mtu_low"] <= 2 * (0.9 - 0.1 * (low + high)) <= point["mtu_high"]
            for low, high, point in zip(caps, caps[1:], answer["curve"][1:]) if high < 3]
    assert len(held) > 30
    assert sum(held) >= 0.85 * len(held)


def test_an_unknown_workflow_and_wrong_caps_are_refused(paper):
    assert "paper" in paper.refused("utility", "nowhere")
    paper.refused("utility", status=2)
    for caps in ("-1", "x", "", "0.1;0.2", "@/nowhere/at/all"):
        assert paper.run("utility", "paper", "--caps", caps).returncode in (1, 2), caps
    many = ",".join(["0.1"] * 10001)
    assert "10000" in paper.refused("utility", "paper", "--caps", many, status=2)


def test_without_a_value_outcomes_per_dollar_are_still_there(paper):
    answer = paper.json("utility", "paper", "--caps", "0.1,0.2,0.25,0.3,0.4")
    assert [point["value_usd"] for point in answer["curve"]] == [None] * 5
    assert [point["mtu"] for point in answer["curve"]] == [None] * 5
    assert [point["resolved"] for point in answer["curve"]] == [1, 2, 3, 4, 4]
    # K: case e goes on to 0.35 after its resolution at 0.25
    assert [point["spend_usd"] for point in answer["curve"]] == ["0.5", "0.9", "1.05", "1.2",
                                                                 "1.35"]
    assert answer["curve"][1]["outcomes_per_usd"] == pytest.approx(1 / 0.4)
    assert answer["break_even_cap_usd"] is None
    assert answer["current_mtu"]["value"] is None
    assert answer["cases"]["open"] == 1
    assert "value_per_outcome" in paper.ok("utility", "paper")


def test_the_fallback_costs_each_stopped_case_the_cheapest_baseline(paper):
    configure(paper, """workflows:
  paper:
    value_per_outcome: 1
    human_rate_per_hour: 60
    baseline: {bpo: {price: 0.45, success_rate: 0.9}, human: {minutes: 10, success_rate: 1}}
""")
    answer = paper.json("utility", "paper", "--caps", "0,0.1,0.2,0.25,0.3,0.4,1")
    assert answer["fallback"] == {"baseline": "bpo", "unit_usd": "0.5"}
    assert [point["stopped"] for point in answer["curve"]] == [5, 4, 3, 2, 1, 0, 0]
    assert [point["value_usd"] for point in answer["curve"]] == [
        "-2.5", "-1", "0.5", "2", "3.5", "4", "4"]
    assert [point["value_without_fallback_usd"] for point in answer["curve"]] == [
        "0", "1", "2", "3", "4", "4", "4"]
    assert [point["censored"] for point in answer["curve"]] == [False] * 6 + [True]
    assert answer["curve"][0]["mtu"] is None
    assert answer["curve"][1]["mtu"] == pytest.approx(1.5 / 0.5)
    assert answer["break_even_cap_usd"] == "0.4"
    # The last stretch, 0.15 spent on a case that failed, pays only because failing costs nothing.
    assert answer["break_even"]["failed_fall_back_too_cap_usd"] == "0.3"


@pytest.mark.parametrize("scope", ["org", "workflow:paper", "team:support"])
def test_a_cap_in_force_ends_the_curve(paper, scope):
    configure(paper, f"""workflows:
  paper: {{value_per_outcome: 1, owner: {{team: support}}}}
budgets:
  - {{scope: "{scope}", period: month, usd: 100, per_case_usd: 0.25}}
  - {{scope: "workflow:other", period: month, usd: 100, per_case_usd: 0.01}}
""")
    answer = paper.json("utility", "paper")
    assert answer["censored_above_usd"] == "0.25"
    assert answer["censored_by"] == "per_case_cap"
    assert answer["per_case_cap"] == {"scope": scope, "usd": "0.25", "cases_at_or_above": 3}
    assert [point["cap_usd"] for point in answer["curve"]] == ["0.1", "0.2", "0.25"]
    assert "cap on a case" in " ".join(paper.ok("utility", "paper").split())


def test_when_no_dollar_pays_the_break_even_cap_is_nothing(paper):
    configure(paper, "workflows:\n  paper: {value_per_outcome: 0.01}\n")
    answer = paper.json("utility", "paper")
    assert answer["break_even_cap_usd"] == "0"
    assert answer["break_even"]["no_cap_pays"] is True
    assert "No cap pays" in paper.ok("utility", "paper")


def test_a_window_without_a_case_has_no_curve(paper):
    answer = paper.json("utility", "paper", "--since", "2027-01-01")
    assert answer["curve"] == []
    assert answer["break_even_cap_usd"] is None
    assert "not known" in " ".join(paper.ok("utility", "paper", "--since", "2027-01-01").split())
