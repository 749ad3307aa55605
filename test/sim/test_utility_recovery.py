"""Goal: the break-even cap is that of the company, within one step of the grid.
Method: values so small that caps matter and no baseline; truth is the same grid over a company
ten times as large and more, whose curve and hull are worked out here."""
import pytest

VALUES = {"code": "2.20", "tickets": "0.05"}
CASES = {"code": 60_000, "tickets": 6000}  # of the whole company: some 3,000 and 1,800 of these
TRUTH_CASES = {"code": 600_000, "tickets": 180_000}


def configure(company, workflow, value):
    (company.home / "bursar.yaml").write_text(
        f"workflows:\n  {workflow}:\n    value_per_outcome: {value}\n", encoding="ascii")


def break_even(curve):
    """Largest cap on the upper concave hull of (spend, value) whose slope from the left is one."""
    hull = []
    for point in curve:
        while len(hull) > 1 and ((hull[-1][1] - hull[-2][1]) * (point[0] - hull[-2][0])
                                 <= (point[1] - hull[-2][1]) * (hull[-1][0] - hull[-2][0])):
            hull.pop()
        hull.append(point)
    best = hull[0][2]
    for left, right in zip(hull, hull[1:]):
        if right[1] - left[1] >= right[0] - left[0]:
            best = right[2]
    return best


@pytest.mark.parametrize("workflow", VALUES)
def test_the_break_even_cap_is_found_within_one_step(company, recovered, workflow):
    large = company(seed=90002, cases=TRUTH_CASES[workflow], workflow=workflow).imported()
    small = company(seed=6, cases=CASES[workflow], workflow=workflow).imported()
    for one in (large, small):
        configure(one, workflow, VALUES[workflow])
    spends = [row["cap_usd"] for row in large.json("utility", workflow)["curve"]]
    high = max(map(float, spends))
    caps = [f"{high * 0.85 ** step:.6f}" for step in range(40)][::-1]
    points = large.json("utility", workflow, "--caps", ",".join(caps))["curve"]
    truth = break_even([(0.0, 0.0, 0.0)] + [
        (float(row["spend_usd"]), float(row["value_usd"]), float(row["cap_usd"]))
        for row in points])
    answer = small.json("utility", workflow, "--caps", ",".join(caps))
    found = float(answer["break_even_cap_usd"])
    ends = answer["break_even"]
    recovered(f"{workflow}: break-even cap, USD", truth,
              {"value": found, "low": float(ends["low_usd"]), "high": float(ends["high_usd"])})
    grid = [0.0, *map(float, caps)]
    steps = abs(min(range(len(grid)), key=lambda i: abs(grid[i] - found))
                - min(range(len(grid)), key=lambda i: abs(grid[i] - truth)))
    assert truth not in (grid[0], grid[-1]), "the truth is no cap inside the grid"
    assert steps <= 1, (truth, found)
