"""Goal: the figures of segments hold against the rows, and what it reports is what was made. Method: a
synthetic company and rows by hand; counts from the CSV files. test/sim recovers what was planted."""
import csv
import random
import re
import shutil

import pytest
from conftest import Home


class Company:
    """One workflow of a synthetic company, imported."""

    def __init__(self, folder, workflow, seed, cases, plant):
        self.files = folder / f"{workflow}-{plant}-{seed}"
        self.home = Home(folder / f"{workflow}-{plant}-{seed}-home")
        self.workflow = workflow
        self.home.ok("simulate", "--workflow", workflow, "--seed", seed, "--cases", cases,
                     "--plant", plant, "--out", self.files)
        self.home.ok("import", self.files)
        shutil.copy(self.files / "bursar.yaml", self.home.path)

    def segments(self):
        return self.home.json("segments", self.workflow)

    def forget(self):
        shutil.rmtree(self.files)
        shutil.rmtree(self.home.path)


def rule(segment):
    return sorted(f"{t['attribute']} {t['op']} {t['value']}" for t in segment["rule"])


def closed_cases(company):
    """Closed cases by hand: id -> attributes. Of the statements the one of the latest effect
    counts."""
    def rows(name):
        with open(company.files / name, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    newest = {}
    for row in rows("outcomes.csv"):
        at = (row["at"], row["recorded_at"])
        if row["case"] not in newest or at >= newest[row["case"]][0]:
            newest[row["case"]] = (at, row["status"])
    return {row["case"]: row for row in rows("cases.csv")
            if newest.get(row["case"], (None, "reopened"))[1] != "reopened"}


@pytest.fixture(name="claims", scope="module")
def fixture_claims(tmp_path_factory):
    return Company(tmp_path_factory.mktemp("claims"), "claims", 3, 8000, "exception")


def test_counts_are_those_of_the_rows(claims):
    report = claims.segments()
    closed = closed_cases(claims)
    assert report["closed"] == len(closed)
    first = report["segments"][0]
    held = sum(row["exception_doc"] == "true" for row in closed.values())
    assert rule(first) == ["exception_doc = true"]
    assert first["cases"] == held
    assert first["share"] == pytest.approx(held / len(closed))
    figures, rest = first["segment_figures"], first["rest_figures"]
    halves = report["tried"]["halves"]
    assert figures["cases"] + first["discovery"]["cases"] == held
    assert figures["cases"] + rest["cases"] == halves["confirmation"]
    assert halves["discovery"] + halves["confirmation"] == len(closed)
    assert abs(halves["discovery"] / len(closed) - 0.5) < 0.05


def test_the_whole_is_the_reports(claims):
    whole = claims.segments()["cost_per_outcome"]
    reported = claims.home.json("report", "claims")["workflows"][0]["cost_per_outcome"]
    for name in ("value", "low", "high"):
        assert whole[name] == pytest.approx(reported[name], rel=1e-7)


def test_parts_add_up_and_figures_follow_from_the_amounts(claims):
    first = claims.segments()["segments"][0]
    cost = first["cost_per_outcome"]["value"]
    rest = first["rest"]["value"]
    assert sum(first["parts"].values()) == pytest.approx(cost - rest, rel=1e-9)
    assert first["difference"]["value"] == pytest.approx(cost - rest, rel=1e-12)
    for side, value in (("segment_figures", cost), ("rest_figures", rest)):
        figures = first[side]
        spent = float(figures["agent"]) + float(figures["people"])
        assert spent / figures["resolved"] == pytest.approx(value, rel=1e-12)
        each = figures["input_usd_per_attempt"] + figures["other_usd_per_attempt"]
        assert each * figures["attempts"] == pytest.approx(float(figures["agent"]), rel=1e-9)
        assert sum(m["share"] for m in figures["models"]) == pytest.approx(1)
    assert first["parts"]["retry"] > first["parts"]["human"] > 0
    assert first["baseline"]["difference_share"] == pytest.approx(
        cost / first["baseline"]["cost_per_outcome"] - 1)


def test_the_sentence_says_what_the_figures_say(claims):
    first = claims.segments()["segments"][0]
    sentence = first["sentence"]
    assert re.match(r"claims: an agent resolves a claim for \$\d+\.\d\d \[.+\], \d+ % below the "
                    r"BPO's \$2\.21 — except where exception_doc = true \(", sentence)
    assert f"${first['cost_per_outcome']['value']:.2f} [" in sentence
    assert f"+${first['parts']['retry']:.2f} of +${first['difference']['value']:.2f})" in sentence
    low, high = (100 * first[side]["first_attempt_success"]["value"]
                 for side in ("segment_figures", "rest_figures"))
    assert f"from {high:.0f} % to {low:.0f} %" in sentence
    text = claims.home.ok("segments", "claims")
    assert "exception_doc = true" in text
    assert f"{first['cases']} cases" in " ".join(text.split())


def test_the_same_ledger_gives_the_same_bytes(claims):
    assert len({claims.home.ok("segments", "claims", "--json") for _ in range(3)}) == 1


def test_without_baseline_nothing_is_compared_with_one(claims):
    bare = claims.home.path / "bare.yaml"
    bare.write_text("workflows:\n  claims:\n    unit: claim\n    human_rate_per_hour: 38\n")
    first = claims.home.json("segments", "claims", "--config", bare)["segments"][0]
    assert first["baseline"] is None
    assert first["flips"] is False
    assert "BPO" not in first["sentence"]


def test_a_window_without_cases_has_nothing_to_compare(claims):
    report = claims.home.json("segments", "claims", "--until", "2020-01-01")
    assert report["closed"] == 0
    assert report["segments"] == []
    assert "nothing to compare" in claims.home.ok("segments", "claims", "--until", "2020-01-01")


def test_refusals(claims):
    assert "which workflow" in claims.home.refused("segments", status=2)
    assert "it has claims" in claims.home.refused("segments", "nope")
    claims.home.refused("segments", "claims", "tickets", status=2)


MAP = """map: jobs
tables:
  - file: jobs.csv
    case:
      workflow: {const: jobs}
      id: id
      attributes: {ATTRIBUTES}
    attempt: {id: id}
    step: {kind: {const: tool}, name: {const: work}, fee: cost, start: at}
    outcome: {status: status, at: at, recorded_at: at}
"""


class Jobs:
    """A workflow with one attempt a case, its attributes and costs as a test says."""

    def __init__(self, home, folder, rows):
        folder.mkdir()
        names = [name for name in rows[0] if name not in ("id", "cost", "status", "at")]
        with open(folder / "jobs.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        text = MAP.replace("ATTRIBUTES", ", ".join(f"{name}: {name}" for name in names))
        (folder / "map.yaml").write_text(text, encoding="utf-8")
        home.ok("import", folder)
        self.home = home
        self.rows = rows

    def report(self):
        return self.home.json("segments", "jobs")


def jobs(count, seed, shape):
    """Rows of `count` cases; shape(row, rng) sets attributes, and may change cost and status."""
    rng = random.Random(seed)
    rows = []
    for i in range(count):
        row = {"id": f"J{i:05}", "cost": round(rng.expovariate(1) * 0.5 + 0.1, 4),
               "status": "resolved" if rng.random() < 0.9 else "failed",
               "at": "2026-05-01T10:00:00Z"}
        shape(row, rng)
        rows.append(row)
    return rows


def test_a_number_is_split_at_a_quantile(home, tmp_path):
    def shape(row, rng):
        row["amount"] = rng.randrange(1, 1000)
        row["cost"] = round(row["cost"] * (4 if row["amount"] >= 750 else 1), 4)
    work = Jobs(home, tmp_path / "jobs", jobs(3000, 1, shape))
    first = work.report()["segments"][0]
    test = first["rule"][0]
    assert len(first["rule"]) == 1
    assert (test["attribute"], test["op"]) == ("amount", ">=")
    cut = float(test["value"])
    assert abs(cut - 750) < 25
    assert first["cases"] == sum(row["amount"] >= cut for row in work.rows)
    below = sorted(row["amount"] for row in work.rows)[int(0.75 * len(work.rows))]
    assert cut == below


def test_cases_without_an_attribute_can_be_the_segment(home, tmp_path):
    def shape(row, rng):
        row["form"] = rng.choice(["a", "b", "c", ""])
        row["cost"] = round(row["cost"] * (3 if row["form"] == "" else 1), 4)
    work = Jobs(home, tmp_path / "jobs", jobs(2000, 2, shape))
    first = work.report()["segments"][0]
    assert rule(first) == ["form = (none)"]
    assert first["cases"] == sum(row["form"] == "" for row in work.rows)


def test_a_segment_that_resolves_nothing_is_reported_without_a_made_up_cost(home, tmp_path):
    def shape(row, rng):
        row["kind"] = rng.choices(["plain", "odd", "rare"], [80, 15, 5])[0]
        row["status"] = "failed" if row["kind"] == "rare" else row["status"]
    work = Jobs(home, tmp_path / "jobs", jobs(2400, 3, shape))
    first = work.report()["segments"][0]
    assert rule(first) == ["kind = rare"]
    assert first["cost_per_outcome"]["value"] is None
    assert first["cost_per_outcome"]["high"] is None
    assert first["cost_per_outcome"]["low"] > 3 * first["rest"]["value"]
    assert set(first["parts"].values()) == {None}
    assert "not one of" in first["sentence"]
    assert "kind = rare" in home.ok("segments", "jobs")


def test_two_ways_to_say_a_segment_are_one(home, tmp_path):
    def shape(row, rng):
        dear = rng.random() < 0.12
        row["country"] = "BR" if dear else rng.choice(["US", "DE"])
        row["language"] = "pt" if dear or rng.random() < 0.01 else rng.choice(["en", "es"])
        row["cost"] = round(row["cost"] * (4 if dear else 1), 4)
    report = Jobs(home, tmp_path / "jobs", jobs(3000, 4, shape)).report()
    assert [rule(segment) for segment in report["segments"]] == [["country = BR"]]
    assert ["language = pt"] in [rule(other) for other in report["segments"][0]["also"]]


def test_two_segments_are_both_found_and_nothing_else(home, tmp_path):
    def shape(row, rng):
        row["a"], row["b"] = rng.choice("xyzw"), rng.choice("pqr")
        row["c"], row["d"] = rng.choice("mno"), rng.choice("stuv")
        factor = 5 if (row["a"], row["b"]) == ("x", "p") else 3 if row["d"] == "s" else 1
        row["cost"] = round(row["cost"] * factor, 4)
    report = Jobs(home, tmp_path / "jobs", jobs(6000, 5, shape)).report()
    assert sorted(map(rule, report["segments"])) == [["a = x", "b = p"], ["d = s"]]
    for segment in report["segments"]:
        assert sum(segment["parts"].values()) == pytest.approx(segment["difference"]["value"])
        assert segment["parts"]["base"] == pytest.approx(segment["difference"]["value"], rel=0.2)


def test_a_cheap_segment_is_said_to_be_cheap(home, tmp_path):
    def shape(row, rng):
        row["size"] = rng.choice(["s", "m", "l", "xl"])
        row["cost"] = round(row["cost"] / (4 if row["size"] == "s" else 1), 4)
    first = Jobs(home, tmp_path / "jobs", jobs(2000, 6, shape)).report()["segments"][0]
    assert rule(first) == ["size = s"]
    assert first["difference"]["value"] < 0
    assert "(base -$" in first["sentence"]


def test_names_and_rare_values_are_left_out_and_said(home, tmp_path):
    def shape(row, rng):
        row["number"] = len(row["id"]) * 100000 + int(row["id"][1:])
        row["customer"] = f"c{rng.randrange(10**9)}"
        row["town"] = rng.choices([f"town {i}" for i in range(40)],
                                  [30 if i < 3 else 1 for i in range(40)])[0]
        row["firm"] = "the same"
    home_report = Jobs(home, tmp_path / "jobs", jobs(1500, 7, shape)).report()
    tried = home_report["tried"]
    assert {a["attribute"]: a["pooled_values"] for a in tried["attributes"]} == {"town": 37}
    assert {a["attribute"] for a in tried["left_out"]} == {"number", "customer", "firm"}
    assert tried["tests"] == 3
    text = home.ok("segments", "jobs")
    assert "37 rare values" in text
    assert "customer: nearly every case has a value of its own" in " ".join(text.split())


def test_more_attributes_than_are_searched_are_named(home, tmp_path):
    def shape(row, rng):
        for i in range(27):
            row[f"a{i:02}"] = rng.choice("xyz")
    report = Jobs(home, tmp_path / "jobs", jobs(300, 8, shape)).report()
    assert len(report["tried"]["attributes"]) == 24
    assert {a["why"] for a in report["tried"]["left_out"]} == {"more attributes than are searched"}
    assert report["tried"]["tests"] >= 24 * 3 + 276 * 9


def test_words_cannot_drive_the_terminal(home, tmp_path):
    def shape(row, rng):
        row["kind"] = rng.choice(["\x1b[31mred", "b", "c"])
        row["cost"] = round(row["cost"] * (4 if row["kind"][0] == "\x1b" else 1), 4)
    work = Jobs(home, tmp_path / "jobs", jobs(1500, 9, shape))
    assert work.report()["segments"][0]["rule"][0]["value"] == "\x1b[31mred"
    assert "\x1b" not in home.ok("segments", "jobs")


def test_few_cases_give_no_segment(home, tmp_path):
    def shape(row, rng):
        row["kind"] = rng.choice("ab")
        row["cost"] = 100 if row["kind"] == "a" else 0.01
    report = Jobs(home, tmp_path / "jobs", jobs(18, 10, shape)).report()
    assert report["segments"] == []
    assert report["cost_per_outcome"]["thin"] is True
