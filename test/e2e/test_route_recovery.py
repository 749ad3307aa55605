"""Goal: on a company of known truth the recommendation is right in at least 95 of 100 seeds, and
nothing is recommended from thin data.
Method: bursar simulate, import and route for each seed; truth.json holds the right answer. A run
that is not sure counts as right only where the right answer is to keep the model in use. Models of
leads do equally well in truth; at the margin of 4 pp some 7,000 leads tell that with a power above
98 %. At the 2 pp of the simulated configuration it would take 30,000, which the last test has."""
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import Home

SEEDS = int(os.environ.get("ROUTE_SEEDS", "100"))
FEW = max(1, SEEDS // 10)


def run_one(folder, seed, workflow, cases, plant="all", margin=None):
    """What was recommended, what is right, and the whole answer."""
    home = Home(folder / f"{workflow}-{plant}-{cases}-{seed}")
    data = folder / f"data-{workflow}-{plant}-{cases}-{seed}"
    home.ok("simulate", "--seed", seed, "--cases", cases, "--workflow", workflow, "--plant", plant,
            "--out", data)
    home.ok("import", data)
    settings = data / "bursar.yaml"
    if margin:
        lines = [f"    non_inferiority_pp: {margin}" if "non_inferiority_pp" in line else line
                 for line in settings.read_text().splitlines()]
        settings.write_text("\n".join(lines) + "\n")
    answer = home.json("route", workflow, "--config", settings)
    truth = json.loads((data / "truth.json").read_text())
    routing = next(w for w in truth["workflows"] if w["workflow"] == workflow)["routing"]
    shutil.rmtree(data)
    shutil.rmtree(home.path)
    return answer, routing


def run_all(folder, seeds, workflow, cases, **options):
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda seed: run_one(folder, seed, workflow, cases, **options),
                             range(1, seeds + 1)))


def right(results):
    return sum(answer["recommended"] == truth["right_answer"] for answer, truth in results)


def say(name, results):
    answer, truth = results[0]
    print(f"{name}: right in {right(results)} of {len(results)}; truth {truth['right_answer']}, "
          f"seed 1 says {answer['recommended']} ({answer['reason']})")
    for model in answer["models"]:
        if model["comparison"]:
            apart = model["comparison"]["difference_pp"]
            print(f"  {model['model']}: {apart['value']:+.2f} pp "
                  f"[{apart['low']:.2f}, {apart['high']:.2f}]")


def test_a_model_as_good_and_far_cheaper_is_found(tmp_path):
    results = run_all(tmp_path, SEEDS, "leads", 80_000, margin=4)
    say("leads, 4 pp", results)
    assert all(truth["right_answer"] == "gpt-4.1-mini" for _, truth in results)
    assert right(results) >= SEEDS * 0.95
    for answer, _ in results:
        assert (answer["experiment"] is None) == (answer["recommended"] == "gpt-4.1-mini")


@pytest.mark.parametrize(("workflow", "cases", "plant"), [
    ("claims", 12_000, "all"), ("tickets", 12_000, "all"), ("invoices", 15_000, "all"),
    ("contracts", 20_000, "all"), ("code", 20_000, "all"), ("leads", 30_000, "none"),
])
def test_a_cheaper_model_that_is_worse_is_not_recommended(tmp_path, workflow, cases, plant):
    results = run_all(tmp_path, FEW, workflow, cases, plant=plant)
    say(f"{workflow}, planted {plant}", results)
    assert right(results) >= FEW * 0.95


def test_thin_data_recommend_nothing(tmp_path):
    results = run_all(tmp_path, FEW, "leads", 300, plant="routing")
    say("leads, thin", results)
    for answer, _ in results:
        assert answer["recommended"] == answer["reference"]
        assert answer["savings"]["value"] == 0


def test_the_margin_of_the_configuration_needs_more_cases(tmp_path):
    results = run_all(tmp_path, min(FEW, 2), "leads", 400_000)
    say("leads, 2 pp", results)
    assert right(results) == len(results)
