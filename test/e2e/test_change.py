"""Goal: business figures are imported once, corrected aloud, and a planted change is found.
Method: the real program on CSV, JSONL and a map; planted sizes are the oracle."""
import json
import random

import pytest

GO_LIVE = "2026-05-11"


def weeks(count):
    import datetime
    return [datetime.date(2026, 1, 5) + datetime.timedelta(7 * week) for week in range(count)]


def figures(step=41, seed=4):
    rng = random.Random(seed)
    rows = []
    for week, day in enumerate(weeks(40)):
        season = 3 * (week % 9)
        after = week >= 18
        rows.append(("support", "tickets_per_agent", "tickets", "", day, 200 + season + rng.gauss(0, 4) + step * after))
        rows.append(("support", "tickets_per_agent", "tickets", "berlin", day, 180 + season + rng.gauss(0, 4)))
    return rows


def write(path, rows):
    path.write_text("workflow,name,unit,series,at,value\n"
                    + "".join(",".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")
    return path


def the_kpi(home, *args):
    answer = home.json("change", "support", "--go-live", GO_LIVE, *args)
    assert answer["schema"] == "bursar.change/1"
    return answer["kpis"][0]


@pytest.mark.parametrize("args", [
    ("kpi", "import"), ("kpi", "import", "a.csv", "b.csv"), ("kpi", "remove", "x"), ("kpi", "list", "x"),
    ("kpi", "list", "--workflow", "w"), ("change",), ("change", ""), ("change", "w", "x"),
    ("change", "w", "--go-live", "soon"), ("change", "w", "--kpi", ""),
])
def test_wrong_use_is_refused(home, args):
    home.refused(*args, status=2)


def test_a_planted_step_is_found_against_its_control(home, tmp_path):
    file = write(tmp_path / "k.csv", figures())
    assert home.json("kpi", "import", file)["added"] == 80
    kpi = the_kpi(home)
    level = kpi["against_control"]["level"]
    assert kpi["verdict"] == "changed" and kpi["method"] == "difference-in-differences"
    assert level["low"] < 41 < level["high"] and abs(level["value"] - 41) < 6
    text = home.ok("change", "support", "--go-live", GO_LIVE)
    assert "tickets per agent rose by" in text and "against the control" in text


def test_without_a_planted_step_there_is_no_evidence_most_of_the_time(new_home, tmp_path):
    """p is held to 2.5 % for each of two chances: of ten series one at most may cry wolf."""
    alarms = 0
    home = new_home("quiet")
    for seed in range(10):
        rows = [(f"w{seed}", *row[1:]) for row in figures(step=0, seed=seed)]
        home.ok("kpi", "import", write(tmp_path / "k.csv", rows))
        answer = home.json("change", f"w{seed}", "--go-live", GO_LIVE)
        alarms += answer["kpis"][0]["verdict"] == "changed"
    assert alarms <= 1


def test_importing_again_changes_nothing_and_a_changed_value_is_a_correction(home, tmp_path):
    rows = figures()
    file = write(tmp_path / "k.csv", rows)
    home.ok("kpi", "import", file)
    before = home.json("kpi")
    again = home.json("kpi", "import", file)
    assert (again["added"], again["corrected"], again["known"]) == (0, 0, 80)
    rows[0] = (*rows[0][:5], 999)
    corrected = home.json("kpi", "import", write(file, rows))
    assert (corrected["added"], corrected["corrected"], corrected["known"]) == (0, 1, 79)
    assert "is now 999" in corrected["corrections"][0]
    after = home.json("kpi")
    assert [row["values"] for row in after["kpis"]] == [row["values"] for row in before["kpis"]] == [40, 40]
    assert "Corrected: 1" in home.ok("kpi", "import", write(file, [(*rows[0][:5], 5)]))
    home.verified()


def test_bad_rows_name_file_row_and_column(home, tmp_path):
    file = tmp_path / "k.csv"
    file.write_text("name,at,value\na,2026-01-01,5\na,2026-01-01,6\nb,soon,1\nc,2026-01-01,x\n", encoding="utf-8")
    done = home.json("kpi", "import", file, "--workflow", "support")
    assert done["added"] == 1 and done["rejected"] == 3
    assert [text.split(": ")[:2] for text in done["rejects"]] == [
        ["k.csv:3", "kpi.value"], ["k.csv:4", "kpi.at"], ["k.csv:5", "kpi.value"]]


def test_jsonl_and_a_map_say_the_same_as_csv(home, new_home, tmp_path):
    rows = figures()
    home.ok("kpi", "import", write(tmp_path / "k.csv", rows))
    lines = tmp_path / "k.jsonl"
    names = ("workflow", "name", "unit", "series", "at", "value")
    lines.write_text("".join(json.dumps(dict(zip(names, map(str, row)))) + "\n" for row in rows), encoding="utf-8")
    second = new_home("jsonl")
    second.ok("kpi", "import", lines)
    table = tmp_path / "map.yaml"
    table.write_text("tables:\n  - file: k.csv\n    kpi: {workflow: workflow, name: name, unit: unit,"
                     " series: series, at: at, value: value}\n", encoding="utf-8")
    third = new_home("map")
    assert third.json("import", "--map", table, tmp_path / "k.csv")["kpis"] == 80
    assert third.json("import", "--map", table, tmp_path / "k.csv")["kpis"] == 0
    assert the_kpi(home) == the_kpi(second) == the_kpi(third)


def test_the_day_comes_from_the_configuration(home, tmp_path):
    home.ok("kpi", "import", write(tmp_path / "k.csv", figures()))
    assert "--go-live" in home.refused("change", "support", status=2)
    config = tmp_path / "bursar.yaml"
    config.write_text(f"workflows:\n  support: {{go_live: {GO_LIVE}}}\n", encoding="utf-8")
    answer = home.json("change", "support", "--config", config)
    assert answer["go_live"] == {"date": GO_LIVE, "basis": "configured"}
    assert answer["kpis"][0] == the_kpi(home)
