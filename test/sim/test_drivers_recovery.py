"""Goal: growth exponents are those each workflow was made with.
Method: simulated companies of two seeds, whose truth states the exponent of every workflow."""


def test_growth_exponents_are_recovered(company, recovered):
    held = []
    for seed in (4, 5):
        made = company(seed=seed, cases=3000).imported()
        for name, workflow in made.workflows.items():
            truth = float(workflow["parameters"]["growth_exponent"])
            estimate = made.json("drivers", name)["context"]["growth_exponent"]
            held.append(recovered(f"{name}, seed {seed}: growth exponent", truth, estimate))
            assert abs(estimate["value"] - truth) < 0.01, name
    # Twelve intervals of 95 %: three misses happen to one set in fifty.
    assert held.count(False) <= 2
