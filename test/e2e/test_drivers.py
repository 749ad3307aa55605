"""Goal: what was carried from call to call, and the dollars paid for it, to the last picodollar.
Method: sessions made here with every class of tokens, sub-agents, tools, ties, steps without a time
and calls of no usage are imported, and the report compared with sums over the same rows in Python;
then the figures that are known for real traces, and contexts blown up with and without a gain."""
import csv
import random
from decimal import Decimal
from math import log
from statistics import median

import pytest
from conftest import ROOT

CLASSES = ("uncached", "cache_read", "cache_write", "cache_write_1h", "input_audio", "input_image")
# The prefix is what caches serve: what was carried is taken in this order.
CARRIED_ORDER = ("cache_read", "cache_write", "cache_write_1h", "uncached", "input_audio",
                 "input_image")
RATES = {  # USD per million tokens, by model and whether the context is above 4,000 tokens
    ("acme-1", False): dict(zip((*CLASSES, "output"), (3, Decimal("0.3"), Decimal("3.75"), 6, 9, 4,
                                                       15))),
    ("acme-1", True): dict(zip((*CLASSES, "output"), (6, Decimal("0.6"), Decimal("7.5"), 12, 18, 8,
                                                      Decimal("22.5")))),
    ("acme-2", False): dict(zip((*CLASSES, "output"), (1, Decimal("0.1"), Decimal("1.25"), 2, 3, 1,
                                                       5))),
}
CONFIGURATION = "prices:\n" + "".join(
    f"  - {{provider: acme, model: {model}, input: {r['uncached']}, "
    f"cache_read: {r['cache_read']}, cache_write_5m: {r['cache_write']}, "
    f"cache_write_1h: {r['cache_write_1h']}, input_audio: {r['input_audio']}, "
    f"input_image: {r['input_image']}, output: {r['output']}{', over: 4000' if over else ''}}}\n"
    for (model, over), r in RATES.items())
MAP = """
map: made
tables:
  - file: steps.csv
    case: {workflow: {const: made}, id: case}
    attempt: {id: attempt, number: number}
    step:
      id: id
      kind: kind
      agent: agent
      sequence: sequence
      start: {column: start, unit: unix_s}
      provider: {const: acme}
      model: model
      uncached_input_tokens: uncached
      cache_read_tokens: cache_read
      cache_write_tokens: cache_write
      cache_write_1h_tokens: cache_write_1h
      input_audio_tokens: input_audio
      input_image_tokens: input_image
      output_tokens: output
      fee: fee
  - file: outcomes.csv
    case: {workflow: {const: made}, id: case}
    outcome: {id: case, status: status, at: {column: at, unit: unix_s}}
"""
FIELDS = ("case", "attempt", "number", "id", "kind", "agent", "sequence", "start", "model",
          *CLASSES, "output", "fee")
BEGAN = 1_760_000_000


def sessions(seed, messy):
    """Rows of steps and the outcome of each case. Messy: audio and images, calls without usage,
    steps without a time, calls at one instant, and times that are no whole millisecond."""
    rng = random.Random(seed)
    rows, outcomes = [], []
    for case in range(60):
        attempts = rng.choice((1, 1, 2, 3))
        for number in range(1, attempts + 1):
            rows += attempt(rng, f"c{case}", number, messy)
        outcomes.append({"case": f"c{case}", "at": BEGAN + 10_000_000,
                         "status": rng.choice(("resolved", "resolved", "failed"))})
    for i, row in enumerate(rows):
        row["id"] = f"step-{i}"
    rng.shuffle(rows)
    return rows, outcomes


def attempt(rng, case, number, messy):
    rows = []
    untimed = messy and rng.random() < 0.2
    at = BEGAN + int(case[1:]) * 100_000 + number * 10_000
    context = rng.randrange(100, 900)
    for sequence in range(rng.randrange(1, 25)):
        at += Decimal(rng.randrange(0, 3 if messy else 3000)) / (3 if messy else 1000)
        row = dict.fromkeys(FIELDS, "")
        row.update(case=case, attempt=f"{case}-{number}", number=number, kind="llm",
                   sequence=sequence, start=round(at, 6), model=rng.choice(("acme-1", "acme-2")),
                   agent=rng.choice(("", "", "helper")))
        if rng.random() < 0.2:
            row.update(kind="tool", model="", fee="0.0025")
        elif not (messy and rng.random() < 0.05):
            weights = [rng.random() if messy or i < 4 else 0 for i in range(6)]
            row.update((name, int(context * w / sum(weights)))
                       for name, w in zip(CLASSES, weights))
            row["output"] = rng.randrange(1, 300)
            context = max(50, context + rng.randrange(-300, 500))
        rows.append(row)
    if untimed:
        rng.choice(rows)["start"] = ""
    return rows


def tokens(row):
    return {name: int(row[name] or 0) for name in CLASSES}


def oracle(rows, outcomes):
    """Sums over all calls, in picodollars; parts are of the attempts that resolved a case."""
    status = {row["case"]: row["status"] for row in outcomes}
    last = {}
    for row in rows:
        last[row["case"]] = max(last.get(row["case"], 0), row["number"])
    untimed = {row["attempt"] for row in rows if row["start"] == ""}
    of_session = {}
    for row in rows:
        if row["kind"] == "llm" and sum(tokens(row).values()) + int(row["output"] or 0) > 0:
            of_session.setdefault((row["attempt"], row["agent"]), []).append(row)
    sums = {name: 0 for name in ("input", "carried", "carried_pusd", "input_pusd", "calls",
                                 "part_carried", "part_new", "part_output", "part_tools")}
    slopes = []
    for (name, _), calls in of_session.items():
        calls.sort(key=lambda row: (0 if name in untimed else row["start"], row["sequence"]))
        before, so_far = 0, []
        for row in calls:
            used, model = tokens(row), row["model"]
            total = sum(used.values())
            rates = RATES[model, model == "acme-1" and total > 4000]
            if row["start"] == "":  # not priced: tokens count, dollars are not known
                rates = dict.fromkeys(rates, 0)
            carried = min(total, before)
            left, paid = carried, 0
            for kind in CARRIED_ORDER:
                taken = min(left, used[kind])
                left -= taken
                paid += taken * rates[kind] * 1_000_000
            cost = sum(used[kind] * rates[kind] * 1_000_000 for kind in CLASSES)
            wrote = int(row["output"]) * rates["output"] * 1_000_000
            sums["calls"] += 1
            sums["input"] += total
            sums["carried"] += carried
            sums["carried_pusd"] += paid
            sums["input_pusd"] += cost
            if status[row["case"]] == "resolved" and row["number"] == last[row["case"]]:
                sums["part_carried"] += paid
                sums["part_new"] += cost - paid
                sums["part_output"] += wrote
            before = total + int(row["output"])
            so_far.append(total + (so_far[-1] if so_far else 0))
        if len(calls) >= 10:
            slopes.append(slope([log(n + 1) for n in range(len(calls))], [log(x) for x in so_far]))
    for row in rows:
        if row["fee"] and status[row["case"]] == "resolved" \
                and row["number"] == last[row["case"]]:
            sums["part_tools"] += Decimal(row["fee"]) * 10 ** 12
    return sums, slopes


def slope(x, y):
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    return (sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y))
            / sum((a - mean_x) ** 2 for a in x))


def write(path, fields, rows):
    with open(path, "w", newline="", encoding="ascii") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        writer.writerows(rows)


def imported(home, tmp_path, rows, outcomes):
    folder = tmp_path / "made"
    folder.mkdir(exist_ok=True)
    home.path.mkdir(exist_ok=True)
    (home.path / "bursar.yaml").write_text(CONFIGURATION, encoding="ascii")
    write(folder / "steps.csv", FIELDS, rows)
    write(folder / "outcomes.csv", ("case", "status", "at"), outcomes)
    (tmp_path / "map.yaml").write_text(MAP, encoding="ascii")
    home.ok("import", "--map", tmp_path / "map.yaml", folder)
    home.verified()
    return home


def pusd(text):
    return int(Decimal(text) * 10 ** 12)


def check(report, rows, outcomes):
    sums, slopes = oracle(rows, outcomes)
    context, parts = report["context"], report["parts"]
    assert report["calls"] == sums["calls"]
    assert context["input_tokens"] == sums["input"]
    assert context["carried"]["tokens"] == sums["carried"]
    assert context["carry_ratio"] == sums["carried"] / sums["input"]
    assert pusd(context["carried_usd"]) == sums["carried_pusd"]
    assert pusd(context["input_usd"]) == sums["input_pusd"]
    assert context["basis"] == "measured"
    for name in ("carried", "new", "output", "tools"):
        part = parts["new_input" if name == "new" else name]
        assert pusd(part) == sums[f"part_{name}"], name
    assert sum(pusd(value) for name, value in parts.items() if name != "total") \
        == pusd(parts["total"]) == pusd(report["spend"])
    assert context["growth"]["sessions"] == len(slopes)
    assert context["growth_exponent"]["value"] == pytest.approx(median(slopes), abs=1e-6)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("messy", [False, True], ids=["neat", "messy"])
def test_dollars_carried_are_those_of_the_rows(home, tmp_path, seed, messy):
    rows, outcomes = sessions(seed, messy)
    check(imported(home, tmp_path, rows, outcomes).json("drivers", "made"), rows, outcomes)


def test_calls_at_one_instant_and_place_are_all_counted(home, tmp_path):
    """Twins: the order between two calls that are alike cannot matter, and both must be there."""
    rows, outcomes = sessions(3, False)
    twins = [dict(row, id=row["id"] + "-twin") for row in rows if row["kind"] == "llm"][:40]
    check(imported(home, tmp_path, rows + twins, outcomes).json("drivers", "made"), rows + twins,
          outcomes)


def test_a_window_has_its_cases_alone_and_the_report_says_the_same(home, tmp_path):
    rows, outcomes = sessions(4, True)
    imported(home, tmp_path, rows, outcomes)
    early = home.json("drivers", "made", "--until", "2025-10-12T00:00:00Z")
    late = home.json("drivers", "made", "--since", "2025-10-12T00:00:00Z")
    everything = home.json("drivers", "made")
    assert 0 < early["calls"] < everything["calls"]
    assert early["calls"] + late["calls"] == everything["calls"]
    for name in everything["parts"]:
        assert pusd(early["parts"][name]) + pusd(late["parts"][name]) \
            == pusd(everything["parts"][name]), name
    cost = home.json("report", "made")["workflows"][0]["cost"]
    assert everything["spend"] == cost["total"]
    assert pusd(everything["retry"]["usd"]) == sum(pusd(cost[name]) for name in (
        "retry_tail", "sunk", "rework"))


def test_the_same_ledger_gives_the_same_bytes(home, tmp_path):
    imported(home, tmp_path, *sessions(5, True))
    assert home.ok("drivers", "made", "--json") == home.ok("drivers", "made", "--json")
    assert home.ok("drivers", "made") == home.ok("drivers", "made")


def blown_up(gain):
    """Half of 6,000 attempts with ten times the context."""
    rng = random.Random(9)
    rows, outcomes = [], []
    for case in range(6000):
        large = case % 2 == 1
        row = dict.fromkeys(FIELDS, "")
        row.update(case=f"c{case}", attempt=f"a{case}", number=1, id=f"s{case}", kind="llm",
                   sequence=0, start=BEGAN + case, model="acme-2", output=10,
                   uncached=rng.randrange(100, 200) * (10 if large else 1))
        rows.append(row)
        passed = rng.random() < (0.75 + (0.1 if gain and large else 0))
        outcomes.append({"case": f"c{case}", "at": BEGAN + 10_000_000,
                         "status": "resolved" if passed else "failed"})
    return rows, outcomes


def test_ten_times_the_context_is_inflation_only_without_a_gain(home, new_home, tmp_path):
    margin = "workflows:\n  made: {non_inferiority_pp: 5}\n"
    for gain, where in ((False, home), (True, new_home("gain"))):
        rows, outcomes = blown_up(gain)
        imported(where, tmp_path, rows, outcomes)
        with open(where.path / "bursar.yaml", "a", encoding="ascii") as file:
            file.write(margin)
        plateau = where.json("drivers", "made")["context"]["plateau"]
        if gain:
            assert not plateau["found"] or plateau["size_tokens"] >= 1000
            continue
        size = plateau["size_tokens"]
        excess = sum(max(0, row["uncached"] - size) for row in rows)
        assert size < 200
        assert plateau["tokens"] == excess
        assert pusd(plateau["usd"]) == excess * 1_000_000
        squares = sum(row["uncached"] ** 2 for row in rows)
        kept = sum(min(row["uncached"], size) ** 2 for row in rows)
        assert plateau["compute_share"] == pytest.approx(1 - kept / squares)
        assert plateau["compute_share"] > plateau["price_share"]


def test_real_traces_carry_what_is_known_of_them(home, shared):
    folder = shared("swe_agent_traces")
    home.ok("import", "--map", ROOT / "examples/maps/swe_agent_traces.yaml", folder)
    for words in (("drivers",), ("drivers", "swe_agent_traces")):
        report = home.json(*words)
        assert report["calls"] == 8287
        assert round(report["context"]["carry_ratio"], 5) == 0.98895
        assert round(report["context"]["growth_exponent"]["value"], 3) == 1.618
        assert report["context"]["growth"]["calls_at_least"] == 10
        assert report["unpriced_calls"] == 11
        assert report["listed_calls"] + report["shared_calls"] == 8287
        assert report["context"]["basis"] == "estimated"


def test_a_workflow_nobody_has_is_refused_and_text_fits_its_width(home, tmp_path):
    imported(home, tmp_path, *sessions(6, True))
    assert "made" in home.refused("drivers", "other")
    text = home.ok("drivers", "made")
    assert max(map(len, text.splitlines())) <= 80
    assert "went into attempts" in text
