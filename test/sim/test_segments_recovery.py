"""Goal: what was planted is found first, by the right rule and in the right words; where nothing was,
nothing is reported. Method: companies of known truth by seed, two at a time."""
import shutil

import conftest
import pytest

SEEDS_WITHOUT = range(1, 51)  # of each of two workflows
NOTHING_LEAST = 90            # of all 100
SEEDS_WITH = range(1, 6)
TRUTH_CASES = 120_000


def rule(segment):
    return " and ".join(sorted(f"{t['attribute']} {t['op']} {t['value']}"
                               for t in segment["rule"]))


def reports(company, workflow, seeds, cases, plant):
    def one(seed):
        made = company(seed=seed, cases=cases, workflow=workflow, plant=plant).imported()
        report = made.json("segments", workflow)
        shutil.rmtree(made.out)
        shutil.rmtree(made.home)
        return report
    return conftest.in_parallel(one, seeds)


def test_without_a_plant_nothing_is_reported(company, counted):
    nothing = 0
    for workflow in ("claims", "tickets"):
        found = reports(company, workflow, SEEDS_WITHOUT, 5000, "none")
        assert all(report["closed"] > 1400 for report in found)
        nothing += sum(not report["segments"] for report in found)
    counted("nothing planted: no segment reported, of 100 seeds", f">= {NOTHING_LEAST}", nothing)
    assert nothing >= NOTHING_LEAST


@pytest.mark.parametrize(("workflow", "plant", "cases", "planted"), [
    ("claims", "exception", 6000, "exception_doc = true"),
    ("tickets", "conjunction", 40000, "channel = chat and language = pt"),
])
def test_what_was_planted_is_found_first(company, recovered, counted, workflow, plant, cases,
                                         planted):
    large = company(seed=90003, cases=TRUTH_CASES, workflow=workflow, plant=plant).imported()
    truth = large.json("segments", workflow)["segments"][0]["cost_per_outcome"]["value"]
    found = reports(company, workflow, SEEDS_WITH, cases, plant)
    for seed, report in zip(SEEDS_WITH, found):
        first = report["segments"][0]
        recovered(f"{workflow}, {rule(first)}, seed {seed}: cost per outcome, USD", truth,
                  first["cost_per_outcome"], decimals=2)
        assert rule(first) == planted
        assert first["q_discovery"] <= 0.10
        assert first["p_confirm"] <= 0.05
        assert "because first-attempt success falls from" in first["sentence"]
    counted(f"{workflow}: {planted} is first", f"{len(found)}", len(found))
    assert sum(len(report["segments"]) == 1 for report in found) >= len(found) - 1
