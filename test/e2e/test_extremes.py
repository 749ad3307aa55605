"""Attribution at the edges: amounts and times as large as they come, nothing priced, nothing closed."""
import csv

import pytest

MAP = """map: edges
tables:
  - file: tries.csv
    case: {workflow: workflow, id: case, input_key: key}
    attempt: {id: attempt, number: number, agent: agent}
  - file: steps.csv
    case: {workflow: workflow, id: case}
    attempt: {id: attempt, number: number, agent: agent}
    step:
      sequence: step
      model: model
      uncached_input_tokens: input
      output_tokens: output
      cost: {column: cost, unit: usd}
      start: start
  - file: outcomes.csv
    case: {workflow: workflow, id: case}
    outcome: {id: id, status: status, at: at, recorded_at: at}
"""
MODEL = "gpt-4.1"


class Ledger:
    """Rows of the three tables, written and imported into a home."""

    def __init__(self, home, folder):
        self.home = home
        self.folder = folder
        self.rows = {"tries": [["workflow", "case", "key", "attempt", "number", "agent"]],
                     "steps": [["workflow", "case", "attempt", "number", "agent", "step", "model",
                                "input", "output", "cost", "start"]],
                     "outcomes": [["id", "workflow", "case", "status", "at"]]}

    def tried(self, workflow, case, number=1, key="", agent="a"):
        """An attempt, of which no step is known yet."""
        self.rows["tries"].append([workflow, case, key, f"{case}/{number}", number, agent])

    def step(self, workflow, case, number=1, step=1, model=MODEL, size=1000, cost="",
             start="2026-01-05T00:00:00Z", agent="a"):
        self.rows["steps"].append([workflow, case, f"{case}/{number}", number, agent, step, model,
                                   size, 100, cost, start])

    def ended(self, workflow, case, status, at="2026-01-06T00:00:00Z"):
        self.rows["outcomes"].append([f"{workflow}/{case}", workflow, case, status, at])

    def imported(self, config=""):
        self.folder.mkdir()
        for name, rows in self.rows.items():
            with open(self.folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(rows)
        (self.folder / "map.yaml").write_text(MAP)
        self.home.ok("import", self.folder)
        (self.home.path / "bursar.yaml").write_text(config or "workflows: {}\n")
        return self.home


@pytest.fixture(name="ledger")
def fixture_ledger(home, tmp_path):
    return Ledger(home, tmp_path / "edges")


def one_line(text):
    return " ".join(text.split())


def test_an_attempt_dearer_than_64_bits_hold_is_routed(ledger):
    for i in range(25):
        for step in (1, 2):
            ledger.step("big", f"c{i}", step=step, cost="9000000")
        ledger.ended("big", f"c{i}", "resolved" if i % 2 else "failed")
    home = ledger.imported()
    model, = home.json("route", "big")["models"]
    assert model["cost_per_attempt"]["value"] == pytest.approx(18e6)
    assert home.json("drivers", "big")["spend"] == "450000000"


def test_a_window_of_all_the_time_there_is_has_a_last_quarter(ledger):
    for i in range(200):
        start = "1678-01-01T00:00:00Z" if i < 5 else "2261-12-31T00:00:00Z"
        ledger.step("long", f"c{i}", start=start)
        ledger.ended("long", f"c{i}", "resolved", "2261-12-31T00:00:00Z")
    answer = ledger.imported().json("route", "long")
    assert answer["current"] == MODEL
    assert answer["current_since"].startswith("2116-")


def test_a_record_dated_ahead_does_not_move_the_forecast(ledger):
    for day in range(1, 29):
        ledger.step("daily", f"c{day}", cost="2", start=f"2026-02-{day:02d}T12:00:00Z")
    ledger.step("daily", "wrong-clock", cost="2", start="2261-01-01T00:00:00Z")
    answer = ledger.imported().json("forecast", "daily")
    assert answer["last_record"] == "2026-02-28"
    assert answer["start"] == "2026-03-01"
    scope, = answer["scopes"]
    assert scope["forecast"]["value"] == pytest.approx(62)  # 31 days of March


def test_an_attempt_without_steps_does_not_make_the_resolving_one_a_failure(ledger):
    for i in range(4):
        ledger.tried("empty", f"c{i}", 1)
        ledger.step("empty", f"c{i}", 2, cost="3")
        ledger.ended("empty", f"c{i}", "resolved")
    home = ledger.imported()
    assert home.json("report", "empty")["workflows"][0]["attempts"] == 8
    player, = home.json("credit", "empty")["players"]
    assert player["failure"]["count"] == 0
    assert player["failure"]["total"] == "0"


def test_without_a_price_nothing_is_said_to_cost_nothing(ledger):
    for i in range(25):
        ledger.step("unknown", f"c{i}", model="nobody-knows-it")
        ledger.ended("unknown", f"c{i}", "resolved" if i % 2 else "failed")
    home = ledger.imported()
    assert "what was spent is not known" in one_line(home.ok("drivers", "unknown"))
    assert "what 25 cases cost is not known" in one_line(home.ok("waste", "unknown"))
    assert "what was spent is not known" in one_line(home.ok("utility", "unknown"))
    for command in ("drivers", "waste", "utility"):
        said = one_line(home.ok(command, "unknown"))
        assert "nothing was wasted" not in said
        assert "nothing was spent" not in said
        assert "of $0.00 spent" not in said


def test_what_nobody_closed_is_not_called_free_of_failures(ledger):
    for i in range(25):
        ledger.step("open", f"c{i}")
    home = ledger.imported()
    said = one_line(home.ok("drivers", "open"))
    assert "is on cases without a final outcome" in said
    assert "went into attempts that brought no outcome" not in said
    assert home.json("route", "open")["reason"].startswith("no case has a final outcome yet")


def test_a_cheaper_model_that_is_not_shown_to_do_as_well_is_not_denied(ledger):
    for i in range(80):
        model = MODEL if i % 2 else "gpt-4.1-mini"
        ledger.step("two", f"c{i}", model=model, cost="2" if i % 2 else "1")
        ledger.ended("two", f"c{i}", "resolved" if i % 4 else "failed")
    said = ledger.imported().ok("drivers", "two")
    assert "nothing cheaper" not in said
    assert f"keep {MODEL}" in said


def test_the_whole_ledger_has_no_plateau(ledger):
    for i in range(60):
        for workflow, size in (("short", 500 + i), ("long", 50000 + i)):
            ledger.step(workflow, f"{workflow}{i}", size=size)
            ledger.ended(workflow, f"{workflow}{i}", "resolved")
    home = ledger.imported()
    assert home.json("drivers", "short")["context"]["plateau"]["success_above"]["n"] > 0
    whole = home.json("drivers")["context"]["plateau"]
    assert whole["found"] is False
    assert whole["success_above"]["n"] == 0
    assert "bursar drivers WORKFLOW" in one_line(home.ok("drivers"))


def test_input_keys_that_all_succeed_leave_doubt(ledger):
    for i in range(10):
        ledger.tried("sure", f"c{i}", key=f"k{i // 2}")
        ledger.step("sure", f"c{i}")
        ledger.ended("sure", f"c{i}", "resolved")
    home = ledger.imported()
    for row in home.json("variance", "sure")["replicates"]["pass"]:
        assert row["pass_hat"]["high"] == 1
        assert row["pass_hat"]["low"] == pytest.approx(0.5655, abs=1e-4)  # Wilson's 5 of 5
    assert "thin: few input keys" in one_line(home.ok("variance", "sure"))


def test_long_names_stay_within_the_width(ledger):
    name = "benchmark/configuration-of-many-parts/with-temperature-and-repeats"
    for i in range(240):
        model = f"results/a-model-with-quite-a-long-name-{i % 4}-of-its-provider"
        ledger.tried(name, f"c{i}", key=f"k{i // 4}")
        ledger.step(name, f"c{i}", model=model, cost=str(1 + i % 4))
        ledger.ended(name, f"c{i}", "resolved" if i % 3 else "failed")
    home = ledger.imported()
    for command in ("drivers", "waste", "variance", "utility", "route", "segments", "change",
                    "credit"):
        for line in home.ok(command, name).splitlines():
            assert len(line) <= 80, f"{command}: {line}"


def test_a_forecast_of_enough_days_is_not_called_thin(ledger):
    for day in range(1, 61):
        start = f"2026-0{2 + day // 29}-{1 + day % 28:02d}T12:00:00Z"
        ledger.step("daily", f"c{day}", cost="2", start=start)
    assert "fewer than 28 days" not in one_line(ledger.imported().ok("forecast", "daily"))
