"""Goal: one absurd row in a table takes neither the report nor verify from everybody else.
Method: tables with the extremes that a map lets in, beside a good row whose figures must stand."""
import random

import pytest

DAY_NS = 86_400 * 10**9
NS_MAX = 2**63 - 1
COLUMNS = "workflow,case,run,id,start,cost,human,status,at,value"
GOOD = "good,c1,r1,g1,1760000000000000000,1.5,,resolved,1760000000000000000,10"
MAP = """tables:
  - file: data.csv
    case: {id: case, workflow: workflow}
    attempt: {id: run}
    step:
      id: id
      start: {column: start, unit: unix_ns}
      cost: cost
      human_time: {column: human, unit: h}
    outcome:
      status: status
      at: {column: at, unit: unix_ns}
      value: value
"""


def import_rows(home, folder, rows):
    folder.mkdir()
    (folder / "map.yaml").write_text(MAP)
    (folder / "data.csv").write_text("\n".join([COLUMNS, *rows]) + "\n")
    home.ok("import", folder)


def figures(home, workflow):
    found = [row for row in home.json("report")["workflows"] if row["workflow"] == workflow]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("bad", [
    [f"bad,c9,r,m,1760000000000000000,1,,resolved,{NS_MAX // DAY_NS * DAY_NS},1"],
    [f"bad,c9,r,m,1760000000000000000,1,,resolved,{-(NS_MAX // DAY_NS) * DAY_NS},1"],
    [f"bad,c9,r,m,{NS_MAX},9000000,2500000,resolved,{NS_MAX},9000000"],
    [f"bad,c9,r,m{i},1760000000000000000,9000000,,,," for i in range(3000)],
    [f"bad,c{i},r,m{i},1760000000000000000,9000000,,resolved,,9000000" for i in range(3000)],
], ids=["outcome on the last day", "on the first", "everything at once", "a dear case",
        "many dear cases"])
def test_the_others_figures_stand(home, tmp_path, bad):
    import_rows(home, tmp_path / "good", [GOOD])
    before = figures(home, "good")
    import_rows(home, tmp_path / "bad", bad)
    assert figures(home, "good") == before
    assert figures(home, "bad")
    home.ok("verify")


def test_verify_puts_every_instant_on_the_day_it_was_posted_to(home, tmp_path):
    rng = random.Random(5)
    times = [NS_MAX, -NS_MAX, 0, 1, -1, DAY_NS, -DAY_NS, -DAY_NS - 1]
    for _ in range(300):
        midnight = rng.randrange(-(NS_MAX // DAY_NS) + 1, NS_MAX // DAY_NS) * DAY_NS
        times += [midnight - 1, midnight, midnight + 1, rng.randrange(-NS_MAX, NS_MAX)]
    import_rows(home, tmp_path / "data",
                [f"w,c,r,s{i},{at},{rng.randrange(1, 10**6) / 1e6:.6f},,,,"
                 for i, at in enumerate(times)])
    home.ok("verify")
