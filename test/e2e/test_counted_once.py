"""Goal: whatever is told of a company's calls, over how many channels, in what order, how often and
cut how, the ledger has each call once, in its case.
Method: companies made from seeds (company.py), their telemetry shuffled, doubled and cut at random,
through the receiver and through import; cost and tokens against the truth."""
import json
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


@pytest.mark.parametrize("seed", range(8))
def test_each_call_is_counted_once_in_its_case(home, tmp_path, seed):
    told = company.Company(seed)
    feed(home, seed, told, tmp_path / "told")
    total = home.verified()
    assert Fraction(total["cost"]) == Fraction(told.pusd(), 10**12)
    for (workflow, case), calls in told.truth.items():
        if workflow is None:
            continue  # spans and counters of it are in cases of their own
        explained = home.json("explain", case, "--workflow", workflow)
        assert Fraction(explained["cost"]) == Fraction(
            sum(call.pusd() for call in calls), 10**12), (workflow, case)
