"""Goal: whatever is told of a company's calls, over how many channels, in what order, how often and
cut how, the ledger has each call once, in its case.
Method: companies made from seeds (company.py), their telemetry shuffled, doubled and cut at random,
through the receiver and through import; cost and tokens against the truth."""
import json
import os
from fractions import Fraction
from itertools import count

import company
import pytest
import sessions
from test_serve import JSON, Server


def feed(home, seed, told, folder):
    """Requests and session logs into the ledger, some by the receiver, some by import."""
    rng = told.rng
    rest = company.requests(rng, told.told, rng.choice([1, 3, 10, 50]))
    files = count()
    rounds = rng.randint(1, 3)
    logs = list(told.told.logs.items())
    rng.shuffle(logs)
    cuts = [len(rest) * i // rounds for i in range(rounds + 1)]
    for i in range(rounds):
        part = rest[cuts[i]:cuts[i + 1]]
        for session, lines in logs[i::rounds]:
            sessions.write(folder / f"log/{session}.jsonl", lines)
            home.ok("import", folder / "log")
        if rng.random() < 0.4:
            path = folder / f"{seed}-{next(files)}"
            path.mkdir(parents=True)
            for signal, body in part:
                name = path / (f"{next(files)}.json" if rng.random() < 0.5 else "all.jsonl")
                with open(name, "a", encoding="utf-8") as file:
                    file.write(json.dumps(body) + "\n")
            home.ok("import", path)
            continue
        server = Server(home)
        for signal, body in part:
            status, said, _ = server.ask("POST", f"/v1/{signal}", json.dumps(body), JSON)
            assert status == 200, said
            if rng.random() < 0.05:
                server.settle()
        assert server.stop() == 0


CLASSES = ("input_uncached", "cache_read", "cache_write_5m", "output")
SEEDS = range(*map(int, os.environ.get("COMPANY_SEEDS", "0,5").split(",")))


@pytest.mark.parametrize("seed", SEEDS)
def test_each_call_is_counted_once_in_its_case(home, tmp_path, seed):
    told = company.Company(seed)
    feed(home, seed, told, tmp_path / "told")
    assert Fraction(home.verified()["cost"]) == Fraction(told.pusd(), 10**12)
    truth = {}
    for (workflow, case), calls in told.truth.items():
        truth.setdefault(workflow, {})[case] = calls
    rows = {row["workflow"]: row for row in home.json("report")["workflows"]}
    for workflow in truth.keys() - {None}:  # that of a service is in cases named by its traces
        row, calls = rows[workflow], sum(truth[workflow].values(), [])
        assert row["cases"] == len(truth[workflow])
        assert Fraction(row["cost"]["total"]) == Fraction(sum(map(company.Call.pusd, calls)), 10**12)
        assert [row["tokens"][name] for name in CLASSES] == [
            sum(column) for column in zip(*((c.input, c.read, c.write, c.output) for c in calls))]
    workflow, case = told.rng.choice([name for name in told.truth if name[0] is not None])
    assert Fraction(home.json("explain", case, "--workflow", workflow)["cost"]) == Fraction(
        sum(call.pusd() for call in told.truth[workflow, case]), 10**12)
