"""Goal: models are compared on comparable work only, and what is recommended holds.
Method: small workflows made here whose truth is known, the OpenHands Index against sums of its own
CSV with intervals worked out here."""
import csv
import gzip
import io
import math
import random
from collections import Counter, defaultdict
from decimal import Decimal

import pytest
from conftest import ROOT

Z = 1.959963984540054
MAP = """
map: work
tables:
  - file: calls.csv
    case:
      workflow: {const: work}
      id: case
      input_key: key
      attributes: {kind: kind, size: size}
    attempt: {id: attempt, number: attempt}
    step: {id: id, model: model, start: at, cost: cost, zero_cost: free}
  - file: outcomes.csv
    case: {workflow: {const: work}, id: case}
    outcome: {id: case, status: status, at: at}
"""


class Work:
    """Cases of a workflow "work", written as two tables and a map."""

    def __init__(self):
        self.calls = []
        self.outcomes = []

    def call(self, case, attempt, model, cost, *, kind="", size="", key="", day=1):
        self.calls.append({"id": len(self.calls), "case": case, "attempt": attempt, "model": model,
                           "cost": cost, "kind": kind, "size": size, "key": key,
                           "at": f"2026-03-{day:02}T10:00:{attempt:02}Z"})

    def case(self, model, success, cost, **about):
        case = f"c{len(self.outcomes)}"
        self.call(case, 1, model, cost, **about)
        self.end(case, success)
        return case

    def end(self, case, success, day=28):
        self.outcomes.append({"case": case, "status": "resolved" if success else "failed",
                              "at": f"2026-03-{day:02}T20:00:00Z"})

    def into(self, home, folder):
        folder.mkdir(exist_ok=True)
        (folder / "map.yaml").write_text(MAP)
        for name, rows in (("calls", self.calls), ("outcomes", self.outcomes)):
            with open(folder / f"{name}.csv", "w", encoding="utf-8", newline="") as out:
                writer = csv.DictWriter(out, rows[0].keys())
                writer.writeheader()
                writer.writerows(rows)
        home.ok("import", "--map", folder / "map.yaml", folder)


def wilson(successes, n):
    p = successes / n
    middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    return p, middle - half, middle + half


def newcombe_paired(a, b, c, d):
    """p1 - p2 of pairs: both, first only, second only, neither (Newcombe 1998, method 10)."""
    n = a + b + c + d
    p1, l1, u1 = wilson(a + b, n)
    p2, l2, u2 = wilson(a + c, n)
    product = (a + b) * (c + d) * (a + c) * (b + d)
    agreement = a * d - b * c
    phi = (max(agreement - n / 2, 0) if agreement > 0 else agreement) / math.sqrt(product) \
        if product else 0
    low = math.sqrt((p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2)
    high = math.sqrt((u1 - p1) ** 2 - 2 * phi * (u1 - p1) * (p2 - l2) + (p2 - l2) ** 2)
    return p1 - p2 - low, p1 - p2 + high


def by_model(answer):
    return {m["model"]: m for m in answer["models"]}


def fill(work, model, cases, successes, cost, rng, **about):
    """`cases` cases of which exactly `successes` succeed, costs spread around `cost`."""
    for i in range(cases):
        work.case(model, i < successes, round(cost * rng.uniform(0.8, 1.2), 6),
                  day=1 + rng.randrange(27), **about)


def test_what_cannot_be_asked_is_refused(home, tmp_path):
    work = Work()
    work.case("a", True, 1)
    work.into(home, tmp_path / "in")
    home.refused("route", status=2)
    home.refused("route", "work", "--reference", "", status=2)
    assert "it has work" in home.refused("route", "other")
    assert "it has a" in home.refused("route", "work", "--reference", "gpt-9")


def test_one_model_is_kept_and_there_is_nothing_to_try(home, tmp_path):
    work = Work()
    fill(work, "only", 30, 20, 1, random.Random(1))
    work.into(home, tmp_path / "in")
    answer = home.json("route", "work")
    assert (answer["current"], answer["recommended"]) == ("only", "only")
    assert answer["savings"]["value"] == 0
    assert answer["experiment"] is None
    assert "no other model" in home.ok("route", "work")


def test_thin_data_give_an_experiment_and_no_recommendation(home, tmp_path):
    work, rng = Work(), random.Random(2)
    fill(work, "dear", 400, 320, 1, rng)
    fill(work, "cheap", 19, 19, 0.1, rng)
    work.into(home, tmp_path / "in")
    answer = home.json("route", "work")
    cheap = by_model(answer)["cheap"]
    assert cheap["non_inferior"] is None and cheap["verdict"] == "thin"
    assert answer["recommended"] == "dear" and answer["savings"]["value"] == 0
    trial = answer["experiment"]
    assert trial["model"] == "cheap"
    # 2 p q (z_0.975 + z_0.8)^2 / margin^2 with p = 0.8
    assert trial["cases_needed"] == math.ceil(2 * 0.16 * (Z + 0.8416212335729143) ** 2 / 0.02 ** 2)
    assert 0.01 <= trial["share"] <= 0.5
    assert trial["days"] == pytest.approx(
        trial["cases_needed"] / trial["share"] / answer["cases_per_day"])


def test_like_traffic_gives_a_recommendation_and_what_it_saves(home, tmp_path):
    work, rng = Work(), random.Random(3)
    fill(work, "dear", 6000, 4800, 1, rng)
    fill(work, "cheap", 6000, 4830, 0.1, rng)
    work.into(home, tmp_path / "in")
    answer = home.json("route", "work", "--reference", "dear")
    cheap, dear = by_model(answer)["cheap"], by_model(answer)["dear"]
    assert cheap["evidence"] == "mixed traffic, balanced" and cheap["non_inferior"] is True
    assert answer["recommended"] == "cheap" and answer["reason"] == "non-inferior and cheaper"
    assert answer["experiment"] is None
    saved = dear["cost_per_attempt"]["value"] - cheap["cost_per_attempt"]["value"]
    assert answer["volume"] == 6000
    assert answer["savings"]["value"] == pytest.approx(saved * 6000)
    assert answer["savings"]["low"] < answer["savings"]["value"] < answer["savings"]["high"]
    text = home.ok("route", "work", "--reference", "dear")
    assert "cheap does it as well as dear (80.5 % against 80.0 %" in " ".join(text.split())


def test_simpsons_paradox_is_seen_through_and_named(home, tmp_path):
    """The cheap model had the easy work: raw it is far better, kind by kind worse."""
    work, rng = Work(), random.Random(4)
    fill(work, "cheap", 900, 837, 0.1, rng, kind="easy", size="m")
    fill(work, "dear", 300, 291, 1, rng, kind="easy", size="m")
    fill(work, "cheap", 100, 40, 0.2, rng, kind="hard", size="m")
    fill(work, "dear", 900, 540, 2, rng, kind="hard", size="m")
    work.into(home, tmp_path / "in")
    answer = home.json("route", "work")
    cheap, dear = by_model(answer)["cheap"], by_model(answer)["dear"]
    assert cheap["success"]["low"] > dear["success"]["high"]
    assert answer["current"] == answer["recommended"] == "dear"
    assert cheap["evidence"] == "mixed traffic, stratified" and cheap["work"] == "different work"
    easy, hard = 1200 / 2200, 1000 / 2200
    expected = easy * (837 / 900 - 291 / 300) + hard * (40 / 100 - 540 / 900)
    assert cheap["comparison"]["difference_pp"]["value"] == pytest.approx(100 * expected)
    assert cheap["non_inferior"] is False and cheap["verdict"] == "worse"
    held = {a["attribute"]: a["held_fixed"] for a in answer["attributes"]}
    assert held == {"kind": True, "size": False}
    assert "different mixes of kind" in " ".join(home.ok("route", "work").split())


def test_no_overlap_is_no_comparison(home, tmp_path):
    work, rng = Work(), random.Random(5)
    fill(work, "cheap", 300, 290, 0.1, rng, kind="easy")
    fill(work, "dear", 400, 300, 1, rng, kind="hard")
    work.into(home, tmp_path / "in")
    answer = home.json("route", "work")
    cheap = by_model(answer)["cheap"]
    assert cheap["comparison"] is None and cheap["non_inferior"] is None
    assert answer["recommended"] == "dear"
    assert answer["experiment"]["model"] == "cheap"
    assert answer["experiment"]["because"] == "no comparable work"


def test_only_the_overlap_is_spoken_of(home, tmp_path):
    work, rng = Work(), random.Random(6)
    fill(work, "cheap", 5000, 4500, 0.1, rng, kind="easy")
    fill(work, "dear", 5000, 4400, 1, rng, kind="easy")
    fill(work, "dear", 2000, 900, 3, rng, kind="hard")
    work.into(home, tmp_path / "in")
    answer = home.json("route", "work")
    cheap = by_model(answer)["cheap"]
    assert answer["recommended"] == "cheap" and answer["volume"] == 5000
    assert cheap["comparison"]["covered"] == pytest.approx(10000 / 12000)
    assert answer["savings"]["value"] == pytest.approx(0.9 * 5000, rel=0.02)
    assert "17 % of the cases" in " ".join(home.ok("route", "work").split())


def test_the_same_inputs_are_compared_pair_by_pair(home, tmp_path):
    work, rng = Work(), random.Random(7)
    table = Counter()
    cost = defaultdict(list)
    for key in range(400):
        hard = rng.random() < 0.4
        dear = rng.random() < (0.5 if hard else 0.98)
        cheap = dear if rng.random() < 0.9 else rng.random() < 0.8
        table[cheap, dear] += 1
        for model, success, usd in (("dear", dear, 1), ("cheap", cheap, 0.1)):
            paid = round(usd * (2 if hard else 1) * rng.uniform(0.9, 1.1), 6)
            cost[model].append((paid, success))
            work.case(model, success, paid, key=f"k{key}", kind=model)
    work.into(home, tmp_path / "in")
    answer = home.json("route", "work", "--reference", "dear")
    cheap = by_model(answer)["cheap"]
    assert cheap["evidence"] == "replicates" and cheap["comparison"]["input_keys"] == 400
    low, high = newcombe_paired(table[True, True], table[True, False], table[False, True],
                                table[False, False])
    difference = cheap["comparison"]["difference_pp"]
    assert difference["low"] == pytest.approx(100 * low)
    assert difference["high"] == pytest.approx(100 * high)
    cascade = answer["cascade"][0]
    assert cascade["stages"] == ["cheap", "dear"] and cascade["assumes"] == "perfect verifier"
    pairs = list(zip(cost["cheap"], cost["dear"]))
    expected = sum(a + (0 if ok else b) for (a, ok), (b, _) in pairs) / 400
    solved = sum(ok or second for (_, ok), (_, second) in pairs) / 400
    assert cascade["cost_per_case"]["value"] == pytest.approx(expected)
    assert cascade["success"]["value"] == pytest.approx(solved)
    assert cascade["cost_per_case"]["low"] < expected < cascade["cost_per_case"]["high"]
    assert "perfect verifier" in home.ok("route", "work", "--reference", "dear")


def test_trials_of_one_input_count_once(home, tmp_path):
    """A key tried often by one model weighs as much as any other."""
    work = Work()
    for key in range(40):
        work.case("dear", key % 2 == 0, 1, key=f"k{key}")
        for trial in range(4):
            work.case("cheap", key % 2 == 0 and trial < 3, 0.1, key=f"k{key}")
    for _ in range(60):
        work.case("cheap", False, 0.1, key="k1")
    work.into(home, tmp_path / "in")
    answer = home.json("route", "work", "--reference", "dear")
    comparison = by_model(answer)["cheap"]["comparison"]
    assert comparison["success"]["value"] == pytest.approx(0.5 * 0.75)
    assert comparison["reference_success"]["value"] == pytest.approx(0.5)
    assert comparison["cases"] == 40 * 4 + 60


def test_escalations_that_happened_tell_of_a_cascade(home, tmp_path):
    work, rng = Work(), random.Random(8)
    fill(work, "dear", 300, 270, 1, rng)
    for i in range(200):
        case = f"e{i}"
        work.call(case, 1, "cheap", 0.1)
        if i >= 120:
            work.call(case, 2, "dear", 1.5, day=2)
        work.end(case, i < 120 or i < 180)
    work.into(home, tmp_path / "in")
    answer = home.json("route", "work", "--reference", "dear")
    cascade = answer["cascade"][0]
    assert cascade["evidence"] == "escalations"
    assert cascade["first_success"] == pytest.approx(0.6)
    assert cascade["second_success_after_failure"] == pytest.approx(60 / 80)
    assert cascade["success"]["value"] == pytest.approx(0.6 + 0.4 * 0.75)
    assert cascade["cost_per_case"]["value"] == pytest.approx(0.1 + 0.4 * 1.5)


def test_costs_unknown_or_zero_are_left_out_and_counted(home, tmp_path):
    work, rng = Work(), random.Random(9)
    fill(work, "dear", 50, 40, 1, rng)
    for i in range(30):
        work.case("odd", i < 20, 0 if i < 4 else 0.5)
    for i in range(30):
        work.case("mystery-9", i < 20, "")
    work.into(home, tmp_path / "in")
    models = by_model(home.json("route", "work"))
    odd = models["odd"]
    assert odd["excluded"] == {"unpriced": 0, "zero": 4}
    assert odd["cases"] == 30 and odd["cost_per_attempt"]["n"] == 26
    assert odd["cost_per_attempt"]["value"] == pytest.approx(0.5)
    assert odd["cost_per_outcome"]["value"] == pytest.approx(26 * 0.5 / 16)
    unknown = models["mystery-9"]
    assert unknown["cost_per_attempt"]["value"] is None
    assert sum(unknown["excluded"].values()) == 30


def test_an_attempt_of_several_models_is_that_of_the_dearest_share(home, tmp_path):
    work, rng = Work(), random.Random(10)
    fill(work, "dear", 30, 20, 1, rng)
    case = work.case("helper", True, 0.05)
    work.call(case, 1, "dear", 0.9)
    work.call(case, 1, "helper", 0.05)
    work.into(home, tmp_path / "in")
    models = by_model(home.json("route", "work"))
    assert list(models) == ["dear"]
    assert models["dear"]["cases"] == 31 and models["dear"]["mixed_models"] == 1


def test_the_model_in_use_is_that_of_the_last_quarter(home, tmp_path):
    work = Work()
    for i in range(900):
        work.case("old", i % 10 < 8, 1, day=1 + i % 20)
    for i in range(300):
        work.case("new", i % 10 < 8, 2, day=22 + i % 6)
    work.into(home, tmp_path / "in")
    assert home.json("route", "work")["current"] == "new"
    assert home.json("route", "work", "--until", "2026-03-21")["current"] == "old"


def test_segments_say_where_another_model_is_best(home, tmp_path):
    work, rng = Work(), random.Random(11)
    for model, cost, hard in (("dear", 1, 0.8), ("cheap", 0.1, 0.5)):
        fill(work, model, 4000, 3680, cost, rng, kind="easy")
        fill(work, model, 2000, int(2000 * hard), cost, rng, kind="hard")
    work.into(home, tmp_path / "in")
    answer = home.json("route", "work", "--reference", "dear")
    assert answer["recommended"] == "dear"
    best = {(s["attribute"], s["value"]): s["recommended"] for s in answer["segments"]}
    assert best == {("kind", "easy"): "cheap", ("kind", "hard"): None}


def test_the_same_data_give_the_same_bytes(new_home, tmp_path):
    work, rng = Work(), random.Random(12)
    for i in range(600):
        work.case(rng.choice(["a", "b", "c"]), rng.random() < 0.7, round(rng.uniform(0.1, 2), 6),
                  key=f"k{i // 3}", kind=rng.choice("xyz"), day=1 + i % 27)
    answers = set()
    for name in ("one", "two"):
        home = new_home(name)
        work.into(home, tmp_path / name)
        rng.shuffle(work.calls)
        rng.shuffle(work.outcomes)
        answers |= {home.ok("route", "work", "--cascade", "--json") for _ in range(2)}
    assert len(answers) == 1


def test_the_openhands_index_comes_to_its_own_sums(home, shared):
    folder = shared("routing_openhands_index")
    home.ok("import", "--map", ROOT / "examples/maps/routing_openhands_index.yaml", folder)
    rows = defaultdict(dict)
    with gzip.open(folder / "outcomes.csv.gz") as data:
        for row in csv.DictReader(io.TextIOWrapper(data)):
            if row["benchmark"] == "swe-bench" and row["resolved"] != "":
                rows[row["config"]][row["instance_id"]] = (
                    int(row["resolved"]), Decimal(row["cost_usd"] or 0))
    rate = {c: sum(r for r, _ in cells.values()) / len(cells) for c, cells in rows.items()}
    best = max(sorted(rate), key=rate.get)
    answer = home.json("route", "swe-bench", "--reference", best)
    models = by_model(answer)
    assert set(models) == set(rows) and len(rows) == 43
    assert home.json("route", "swe-bench")["current"] == best
    for config, cells in rows.items():
        model = models[config]
        priced = [(ok, cost) for ok, cost in cells.values() if cost > 0]
        assert model["cases"] == len(cells) and model["succeeded"] == sum(
            ok for ok, _ in cells.values())
        p, low, high = wilson(model["succeeded"], model["cases"])
        assert [model["success"][k] for k in ("value", "low", "high")] == pytest.approx(
            [p, low, high])
        assert sum(model["excluded"].values()) == len(cells) - len(priced)
        if priced:
            total = sum(cost for _, cost in priced)
            assert model["cost_per_attempt"]["value"] == pytest.approx(float(total / len(priced)))
            assert model["cost_per_outcome"]["value"] == pytest.approx(
                float(total / sum(ok for ok, _ in priced)))
        else:
            assert model["cost_per_attempt"]["value"] is None
        if config == best:
            continue
        table = Counter((cells[key][0], rows[best][key][0]) for key in cells.keys() & rows[best])
        low, _ = newcombe_paired(table[1, 1], table[1, 0], table[0, 1], table[0, 0])
        assert model["comparison"]["difference_pp"]["low"] == pytest.approx(100 * low, abs=1e-6)
        assert model["non_inferior"] is (low > -0.02)
        assert model["evidence"] == "replicates"


def test_a_golden_cascade_of_the_openhands_index(home, shared):
    folder = shared("routing_openhands_index")
    home.ok("import", "--map", ROOT / "examples/maps/routing_openhands_index.yaml", folder)
    cells = defaultdict(dict)
    with gzip.open(folder / "outcomes.csv.gz") as data:
        for row in csv.DictReader(io.TextIOWrapper(data)):
            if row["benchmark"] == "swe-bench" and row["resolved"] and float(row["cost_usd"] or 0):
                cells[row["config"]][row["instance_id"]] = (
                    int(row["resolved"]), float(row["cost_usd"]))
    answer = home.json("route", "swe-bench", "--reference", "results/claude-opus-4-8")
    assert 0 < len(answer["cascade"]) <= 12
    for cascade in answer["cascade"]:
        first, second = (cells[name] for name in cascade["stages"])
        keys = first.keys() & second.keys()
        cost = sum(first[k][1] + (0 if first[k][0] else second[k][1]) for k in keys) / len(keys)
        solved = sum(first[k][0] or second[k][0] for k in keys) / len(keys)
        assert cascade["units"] == len(keys)
        assert cascade["cost_per_case"]["value"] == pytest.approx(cost)
        assert cascade["success"]["value"] == pytest.approx(solved)
