"""Waste labels on real session logs, on real tickets, and on a company of known truth.

Goal: the dollars of the labels are the case's cost, explain and waste say the same, and the labels
are those that a second reading of the same rows, written here, comes to.
"""
import csv
import json
from collections import Counter, defaultdict
from decimal import Decimal

import pytest
from conftest import ROOT

LABELS = ["wasted/attempt", "wasted/duplicate", "wasted/error", "wasted/ignored", "wasted/after",
          "overhead", "essential"]
WORKFLOWS = ["claims", "tickets", "invoices", "contracts", "leads", "code"]


def sums(answer):
    """Dollars and steps by label, from a report of waste."""
    return {label["label"]: (Decimal(label["usd"]), label["steps"]) for label in answer["labels"]}


def explained(home, case, *args):
    """The explained case, whose labels must add up to its cost, attempt by attempt too."""
    answer = home.json("explain", case, *args)
    by_label = {label["label"]: Decimal(label["cost"]) for label in answer["labels"]}
    assert sum(by_label.values()) + Decimal(answer["people"]) == Decimal(answer["cost"])
    wasted = sum(cost for label, cost in by_label.items() if label.startswith("wasted/"))
    assert wasted == Decimal(answer["wasted"])
    carried = Counter()
    for attempt in answer["attempts"]:
        steps = attempt["steps"]
        if attempt["unpriced_calls"] == 0:
            assert sum(Decimal(step["carries"]) for step in steps) == Decimal(attempt["cost"])
        for step in steps:
            assert step["label"] in LABELS
            assert step["reason"]
            carried[step["label"]] += Decimal(step["carries"] or 0)
            if step["split"]:
                assert sum(Decimal(part["cost"]) for part in step["split"]) == Decimal(step["cost"])
    assert {label: cost for label, cost in carried.items() if cost} == \
        {label: cost for label, cost in by_label.items() if cost}
    return answer


def moment(text):
    """Comparable: the simulator writes UTC with milliseconds."""
    return text.replace("Z", "")


def is_twin(steps, at):
    """Same tool and arguments as an earlier step with no successful write between."""
    step = steps[at]
    if not step["args_hash"]:
        return False
    for earlier in reversed(steps[:at]):
        same = (earlier["name"], earlier["args_hash"]) == (step["name"], step["args_hash"])
        if same and (earlier["status"] == "ok" or step["status"] != "ok"):
            return True
        if earlier["effect"] == "write" and earlier["status"] == "ok":
            return False
    return False


def is_repaired(steps, at):
    """An error after which the same tool worked."""
    return steps[at]["status"] == "error" and any(
        later["name"] == steps[at]["name"] and later["status"] == "ok" for later in steps[at + 1:])


def judge(steps, failed):
    """A label for each step of an attempt; the simulator knows no overhead and no last looks."""
    labels = []
    for at, step in enumerate(steps):
        if failed:
            labels.append("wasted/attempt")
        elif step["kind"] not in ("tool", "retrieval"):
            labels.append("essential")
        elif is_twin(steps, at):
            labels.append("wasted/duplicate")
        elif is_repaired(steps, at):
            labels.append("wasted/error")
        else:
            labels.append("essential")
    for at, step in enumerate(steps[:-1]):
        if step["kind"] == "llm" and steps[at + 1]["kind"] in ("tool", "retrieval"):
            labels[at] = labels[at + 1]  # a call of the simulator asks for one step
    return labels


def read_company(folder):
    """Steps by workflow, case and attempt, and the attempts that failed, by the simulator's rules."""
    attempts = defaultdict(list)
    for row in csv.DictReader(open(folder / "steps.csv", encoding="utf-8")):
        attempts[row["workflow"], row["case"], int(row["attempt"])].append(row)
    said = defaultdict(list)
    for row in csv.DictReader(open(folder / "outcomes.csv", encoding="utf-8")):
        said[row["workflow"], row["case"]].append(row)
    failed = {}
    for workflow, case, number in attempts:
        statements = sorted(said[workflow, case], key=lambda row: moment(row["at"]))
        final = statements[-1]["status"] if statements else None
        resolutions = [moment(row["at"]) for row in statements
                       if row["status"] == "resolved"]
        ended = {n: moment(attempts[workflow, case, n][-1]["ended_at"])
                 for n in range(1, 20) if (workflow, case, n) in attempts}
        resolving = max([n for n in ended if resolutions and ended[n] <= resolutions[0]],
                        default=None)
        closed = final in ("resolved", "failed", "escalated")
        after = resolving is not None and number > resolving
        failed[workflow, case, number] = closed and not after and (
            final != "resolved" or number != resolving)
    return attempts, failed


def cases_of(home, workflow):
    """Names of cases, by the examples a report of waste gives."""
    answer = home.json("waste", workflow)
    return sorted({example["case"] for label in answer["labels"] for example in label["examples"]})


def test_waste_wants_one_workflow_that_is_there(home, shared):
    home.ok("import", "--workflow", "code", shared("agent_sessions") / "raw/codex")
    assert "of which workflow" in home.refused("waste", status=2)
    assert "it has code" in home.refused("waste", "nowhere")
    home.refused("waste", "code", "again", status=2)


@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_labels_of_real_sessions_add_up_to_their_cost(home, shared, agent):
    home.ok("import", "--workflow", "code", shared("agent_sessions") / "raw" / agent)
    answer = home.json("waste", "code")
    assert sum(usd for usd, _ in sums(answer).values()) == Decimal(answer["spend"])
    assert answer["spend"] == home.json("report", "code")["total"]["cost"]["total"]
    assert home.ok("waste", "code", "--json") == home.ok("waste", "code", "--json")
    cases = cases_of(home, "code")
    assert cases
    for case in cases:
        explained(home, case)
        text = home.ok("explain", case)
        assert "What the money went for" in text
        assert "Ended: " in text


def test_a_repeated_read_of_a_real_session_names_the_first(home, shared):
    home.ok("import", "--workflow", "code", shared("agent_sessions") / "raw/claude")
    duplicates = home.json("waste", "code")["labels"][1]
    example = duplicates["examples"][0]
    steps = [step for attempt in explained(home, example["case"])["attempts"]
             if attempt["attempt"] == example["attempt"] for step in attempt["steps"]]
    twin = steps[example["n"] - 1]
    first = steps[twin["refers_to"] - 1]
    assert (twin["label"], twin["name"]) == ("wasted/duplicate", first["name"])
    assert first["n"] < twin["n"]
    assert first["status"] == "ok"
    assert f"same {first['name']} as step {first['n']}" in twin["reason"]


def test_tickets_that_were_never_resolved_are_wasted_whole(home, shared):
    folder = shared("customer_service")
    home.ok("import", "--map", ROOT / "examples/maps/customer_service.yaml", folder, timeout=300)
    answer = home.json("waste", "airline")
    cost = home.json("report", "airline")["workflows"][0]["cost"]
    assert sums(answer)["wasted/attempt"][0] == Decimal(cost["retry_tail"]) + Decimal(cost["sunk"])
    assert sum(usd for usd, _ in sums(answer).values()) == Decimal(answer["spend"])
    assert answer["unpriced_steps"] > 0
    for case in cases_of(home, "airline"):
        explained(home, case)


def test_labels_of_a_company_are_those_of_a_second_reading(home, tmp_path):
    home.ok("simulate", "--seed", "11", "--cases", "1500", "--out", tmp_path / "company")
    home.ok("import", tmp_path / "company")
    truth = json.loads((tmp_path / "company/truth.json").read_text())
    attempts, failed = read_company(tmp_path / "company")
    counts = defaultdict(Counter)
    planted = defaultdict(Counter)
    for key, steps in attempts.items():
        counts[key[0]].update(judge(steps, failed[key]))
        tools = [at for at, step in enumerate(steps) if step["kind"] in ("tool", "retrieval")]
        planted[key[0]]["errors"] += sum(steps[at]["status"] == "error" for at in tools)
        planted[key[0]]["duplicates"] += sum(is_twin(steps, at) for at in tools)
    for workflow in truth["workflows"]:
        name = workflow["workflow"]
        realised = workflow["realised"]
        # the second reading, before one label takes the place of another, is the truth
        assert planted[name]["errors"] == realised["tool_errors"]
        assert planted[name]["duplicates"] == realised["tool_duplicates"]
        answer = home.json("waste", name)
        found = {label: steps for label, (_, steps) in sums(answer).items() if steps}
        assert found == dict(counts[name])
        cost = home.json("report", name)["workflows"][0]["cost"]
        assert sums(answer)["wasted/attempt"][0] == \
            Decimal(cost["retry_tail"]) + Decimal(cost["sunk"])
        print(f"{name}: {found}")
    for (workflow, case, _), lost in list(failed.items())[::150]:
        answer = explained(home, case, "--workflow", workflow)
        for number, attempt in enumerate(answer["attempts"], 1):
            labels = judge(attempts[workflow, case, number], failed[workflow, case, number])
            assert [step["label"] for step in attempt["steps"]] == labels, (case, lost)


def test_planted_waste_is_found_and_gone_when_it_is_not_planted(new_home, tmp_path):
    shares = {}
    for plant in ("waste", "none"):
        home = new_home(plant)
        home.ok("simulate", "--seed", "5", "--cases", "6000", "--workflow", "contracts",
                "--plant", plant, "--out", tmp_path / f"company-{plant}")
        home.ok("import", tmp_path / f"company-{plant}")
        answer = home.json("waste", "contracts")
        shares[plant] = {label["label"]: label["share"] for label in answer["labels"]}
        shares[plant]["all"] = answer["wasted"]["share"]
    print(shares)
    assert shares["waste"]["all"] > 2 * shares["none"]["all"]
    assert shares["waste"]["wasted/attempt"] > 2 * shares["none"]["wasted/attempt"]
    assert shares["waste"]["wasted/duplicate"] > shares["none"]["wasted/duplicate"]
