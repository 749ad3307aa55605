#!/usr/bin/env python3
"""bursar simulate: what it refuses, what it writes, and that truth.json is what the files come to.

Method: run the program; recount every total from the CSV files by the rules of docs/simulate.md,
in another language and without looking at how the program counts. Prints TAP.
"""
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from decimal import Decimal

BURSAR = sys.argv[1]
tests = []


def test(function):
    tests.append(function)
    return function


def run(*words):
    return subprocess.run([BURSAR, "simulate", *words], capture_output=True, text=True, check=False)


def read(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return list(csv.DictReader(file))


def content(folder):
    return {name: open(os.path.join(folder, name), "rb").read() for name in os.listdir(folder)}


@test
def wrong_options_are_wrong_use_and_write_nothing(top):
    out = os.path.join(top, "out")
    for words in (["--cases", "0"], ["--cases", "10000001"], ["--cases", "many"],
                  ["--cases", "-5"], ["--cases", "99999999999999999999"], ["--seed", "x"],
                  ["--plant", "exception,sunshine"], ["--workflow", "claim"], ["stray"]):
        done = run("--out", out, *words)
        assert done.returncode == 2, (words, done)
        assert done.stderr.startswith("bursar: ") and done.stdout == "", (words, done)
        assert not os.path.exists(out), words
    assert run("--cases", "10").returncode == 2


@test
def a_folder_of_somebody_elses_files_is_left_alone(top):
    with open(os.path.join(top, "README.txt"), "w", encoding="utf-8") as file:
        file.write("minutes of the board\n")
    done = run("--out", top, "--cases", "10")
    assert done.returncode == 1 and "did not write" in done.stderr, done
    assert content(top) == {"README.txt": b"minutes of the board\n"}


@test
def a_folder_that_cannot_be_made_is_named(top):
    file = os.path.join(top, "file")
    open(file, "w", encoding="utf-8").close()
    for out in (file, os.path.join(file, "below"), os.path.join(top, "no", "such")):
        done = run("--out", out, "--cases", "10")
        assert done.returncode == 1 and out in done.stderr, done


@test
def a_folder_without_write_permission_is_refused(top):
    os.chmod(top, 0o555)
    if os.access(top, os.W_OK):
        return  # root may write anywhere
    done = run("--out", os.path.join(top, "out"), "--cases", "10")
    os.chmod(top, 0o755)
    assert done.returncode == 1 and "ermission" in done.stderr, done


@test
def an_earlier_output_is_written_again_to_the_same_bytes(top):
    out = os.path.join(top, "out")
    assert run("--out", out, "--cases", "500", "--seed", "4").returncode == 0
    first = content(out)
    assert sorted(first) == ["README.txt", "bursar.yaml", "cases.csv", "map.yaml", "outcomes.csv",
                             "steps.csv", "truth.json"]
    assert run("--out", out, "--cases", "900", "--seed", "5").returncode == 0
    assert content(out)["steps.csv"] != first["steps.csv"]
    assert run("--out", out, "--cases", "500", "--seed", "4").returncode == 0
    assert content(out) == first


@test
def an_unfinished_output_has_no_truth(top):
    out = os.path.join(top, "out")
    assert run("--out", out, "--cases", "100").returncode == 0
    os.remove(os.path.join(out, "steps.csv"))
    os.mkdir(os.path.join(out, "steps.csv"))
    done = run("--out", out, "--cases", "100")
    assert done.returncode == 1 and "steps.csv" in done.stderr, done
    assert not os.path.exists(os.path.join(out, "truth.json"))


@test
def the_json_report_names_what_was_made(top):
    done = run("--out", os.path.join(top, "out"), "--cases", "60", "--seed", "8", "--json")
    report = json.loads(done.stdout)
    assert report["schema"] == "bursar.simulate/1" and report["cases"] == 60, report
    size = sum(len(data) for data in content(os.path.join(top, "out")).values())
    assert report["bytes"] == size, (report, size)


@test
def one_case_is_a_company(top):
    out = os.path.join(top, "out")
    assert run("--out", out, "--cases", "1").returncode == 0
    assert len(read(out, "cases.csv")) == 1


CLASSES = ["input_uncached", "cache_read", "cache_write_5m", "output", "reasoning"]


def tokens_of(step):
    return [int(step[name.removesuffix("_5m")]) for name in CLASSES]


class Case:
    def __init__(self, row):
        self.row = row
        self.attempts = defaultdict(list)
        self.outcomes = []

    def settle(self):
        self.attempts = [self.attempts[n] for n in sorted(self.attempts)]
        self.outcomes.sort(key=lambda o: o["at"])
        final = self.outcomes[-1]["status"] if self.outcomes else "none"
        self.closed = final in ("resolved", "failed", "escalated")
        self.final = final
        resolutions = [o["at"] for o in self.outcomes if o["status"] == "resolved"]
        self.resolved_at = resolutions[0] if resolutions else None
        before = [i for i, steps in enumerate(self.attempts)
                  if self.resolved_at and steps[-1]["ended_at"] <= self.resolved_at]
        self.resolving = before[-1] if before else None

    def part(self, attempt):
        if not self.closed:
            return "open"
        if self.resolved_at and self.attempts[attempt][0]["started_at"] > self.resolved_at:
            return "rework"
        if self.final != "resolved":
            return "sunk"
        return "base" if attempt == self.resolving else "retry_tail"


def standing(cases):
    closed = [c for c in cases if c.closed]
    passed = [c for c in cases if c.attempts[0][0]["passed"] == "true"]
    return {"cases": len(cases), "closed": len(closed), "open": len(cases) - len(closed),
            "resolved": sum(c.final == "resolved" for c in closed),
            "first_attempt_passed": len(passed),
            "first_attempt_passed_closed": sum(c.closed for c in passed),
            "first_attempt_resolved": sum(c.final == "resolved" and c.resolving == 0
                                          for c in closed)}


def span_of(day, edges):
    return max(edge for edge in edges if edge <= day)


def hundredths(minutes):
    return int(Decimal(minutes) * 60000)


def instant(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")


def duplicates(steps):
    count = 0
    known = set()
    for step in steps:
        if step["kind"] not in ("tool", "retrieval"):
            continue
        key = (step["name"], step["args_hash"])
        count += key in known
        known.add(key)
        if step["effect"] == "write" and step["status"] == "ok":
            known = set()
    return count


def recount(truth, cases, edges):
    """What `realised` of one workflow must be."""
    tokens, parts, human = Counter(), Counter(), Counter(closed=0, after_resolution=0, open=0)
    fees, made, passed, plain = Counter(), Counter(), Counter(), Counter()
    groups = defaultdict(list)
    for case in cases:
        groups[case.row["input_key"]].append(case)
        reopened = False
        for number, steps in enumerate(case.attempts):
            part = case.part(number)
            parts[part] += 1
            made[number] += 1
            passed[number] += steps[0]["passed"] == "true"
            plain["duplicates"] += duplicates(steps)
            for step in steps:
                plain["steps"] += 1
                if step["kind"] == "llm":
                    key = (part, step["model"], span_of(step["started_at"][:10], edges))
                    tokens[key, "calls"] += 1
                    for name, count in zip(CLASSES, tokens_of(step)):
                        tokens[key, name] += count
                elif step["kind"] == "human":
                    place = {"open": "open", "rework": "after_resolution"}.get(part, "closed")
                    human[place] += hundredths(step["human_minutes"])
                else:
                    plain["tools"] += 1
                    plain["errors"] += step["status"] == "error"
                    fees[part] += Decimal(step["fee_usd"] or 0)
        for index, outcome in enumerate(case.outcomes):
            after = case.resolved_at and outcome["at"] > case.resolved_at
            place = "open" if not case.closed else "after_resolution" if after else "closed"
            human[place] += hundredths(outcome["minutes"])
            wait = instant(outcome["recorded_at"]) - instant(outcome["at"])
            plain["late"] += wait >= timedelta(days=1)
            plain["reopened"] += outcome["status"] == "reopened"
            plain["revised"] += (index > 0 and outcome["status"] != "reopened" and not reopened)
            reopened = reopened or outcome["status"] == "reopened"
        if case.final == "resolved":
            stated = [o["value"] for o in case.outcomes if o["value"]]
            plain["value"] += Decimal(stated[-1] if stated
                                      else truth["parameters"]["value_usd"])
    repeated = [g for g in groups.values() if len(g) > 1]
    wide = 0
    for group in repeated:
        sizes = [sum(sum(tokens_of(s)[:4]) for s in c.attempts[0] if s["kind"] == "llm")
                 for c in group]
        wide += max(sizes) >= 5 * min(sizes)
    return tokens, parts, human, fees, made, passed, plain, repeated, wide


def compare(truth, cases, edges):
    tokens, parts, human, fees, made, passed, plain, repeated, wide = recount(truth, cases, edges)
    real = truth["realised"]
    for name, value in standing(cases).items():
        assert real[name] == value, (truth["workflow"], name, real[name], value)
    told = Counter()
    for row in real["tokens"]:
        key = (row["part"], row["model"], row["from"])
        for name in ["calls"] + CLASSES:
            told[key, name] += row[name]
    assert {k: v for k, v in told.items() if v} == {k: v for k, v in tokens.items() if v}
    assert {k: v for k, v in real["attempts_by_part"].items() if v} == dict(parts)
    assert real["human_ms"] == dict(human), (real["human_ms"], human)
    for part, fee in real["tool_fees_usd_by_part"].items():
        assert Decimal(fee) == fees[part], (part, fee, fees[part])
    for row in real["attempts_by_number"]:
        n = row["attempt"] - 1
        assert (row["made"], row["passed"]) == (made[n], passed[n])
    expected = {"failed": sum(c.final == "failed" for c in cases),
                "escalated": sum(c.final == "escalated" for c in cases),
                "attempts": sum(made.values()), "steps": plain["steps"],
                "tool_steps": plain["tools"], "tool_errors": plain["errors"],
                "tool_duplicates": plain["duplicates"],
                "unpriced_calls": sum(v for (key, name), v in tokens.items()
                                      if name == "calls" and key[1] == "exmut-triage-ft2"),
                "outcomes": sum(len(c.outcomes) for c in cases), "outcomes_late": plain["late"],
                "outcomes_reopened": plain["reopened"], "outcomes_revised": plain["revised"],
                "cases_without_outcome": sum(not c.outcomes for c in cases),
                "resubmitted_cases": sum(len(g) - 1 for g in repeated),
                "input_groups": len(repeated), "input_groups_5x_tokens": wide}
    for name, value in expected.items():
        assert real[name] == value, (truth["workflow"], name, real[name], value)
    assert Decimal(real["value_usd"]) == plain["value"]
    for segment in truth["segments"]:
        if segment["rule"]:
            inside = [c for c in cases
                      if all(c.row[t["attribute"]] == t["value"] for t in segment["rule"])]
            assert segment["realised"] == standing(inside), segment
            cases_rest = [c for c in cases if c not in inside]
    if len(truth["segments"]) > 1:
        assert truth["segments"][-1]["realised"] == standing(cases_rest)
    for model in truth["models"]:
        mine = [c for c in cases if c.attempts[0][0]["model"] == model["model"]]
        assert model["realised"] == standing(mine), model


def check_truth(top, *words):
    out = os.path.join(top, "out")
    assert run("--out", out, *words).returncode == 0
    with open(os.path.join(out, "truth.json"), encoding="utf-8") as file:
        truth = json.load(file)
    cases = {(row["workflow"], row["case"]): Case(row) for row in read(out, "cases.csv")}
    edges = sorted({f"2026-{m:02}-01" for m in range(1, 11)} |
                   {change["at"] for change in truth["price_changes"]})
    stray = Counter()
    sessions = set()
    for step in read(out, "steps.csv"):
        if step["workflow"]:
            cases[step["workflow"], step["case"]].attempts[int(step["attempt"])].append(step)
        else:
            sessions.add(step["session"])
            key = (step["model"], span_of(step["started_at"][:10], edges))
            stray[key, "calls"] += 1
            for name, count in zip(CLASSES, tokens_of(step)):
                stray[key, name] += count
    for outcome in read(out, "outcomes.csv"):
        cases[outcome["workflow"], outcome["case"]].outcomes.append(outcome)
    for case in cases.values():
        case.settle()
    for workflow in truth["workflows"]:
        compare(workflow, [c for c in cases.values() if c.row["workflow"] == workflow["workflow"]],
                edges)
    assert {w["workflow"] for w in truth["workflows"]} == {c.row["workflow"] for c in cases.values()}
    told = {((row["model"], row["from"]), name): row[name]
            for row in truth["unattributed"]["tokens"] for name in ["calls"] + CLASSES}
    assert {k: v for k, v in told.items() if v} == {k: v for k, v in stray.items() if v}
    assert truth["unattributed"]["sessions"] == len(sessions)
    return truth


@test
def truth_is_what_the_rows_come_to(top):
    truth = check_truth(top, "--cases", "4000", "--seed", "13")
    assert truth["plants"] == ["exception", "conjunction", "waste", "routing", "variance"]
    total = Counter()
    for workflow in truth["workflows"]:
        for name, count in workflow["realised"].items():
            if isinstance(count, int):
                total[name] += count
        for part, count in workflow["realised"]["attempts_by_part"].items():
            total[part] += count
    for name in ("base", "retry_tail", "sunk", "rework", "open", "failed", "escalated",
                 "outcomes_late", "outcomes_reopened", "outcomes_revised", "unpriced_calls",
                 "cases_without_outcome", "input_groups_5x_tokens", "tool_errors",
                 "tool_duplicates"):
        assert total[name] > 0, (name, "never happens, so nothing was compared")
    assert truth["unattributed"]["sessions"] == 80


@test
def truth_without_plants_is_what_the_rows_come_to(top):
    truth = check_truth(top, "--cases", "1500", "--seed", "14", "--plant", "none")
    assert truth["plants"] == []
    claims = truth["workflows"][0]
    assert [s["first_attempt_success"] for s in claims["segments"]] == [0.92, 0.92]


@test
def one_workflow_has_only_its_own_rows_and_tables(top):
    truth = check_truth(top, "--cases", "2000", "--workflow", "contracts", "--plant", "waste")
    assert [w["workflow"] for w in truth["workflows"]] == ["contracts"]
    assert truth["unattributed"]["sessions"] == 0
    with open(os.path.join(top, "out", "map.yaml"), encoding="utf-8") as file:
        text = file.read()
    assert "workflow = 'contracts'" in text and "claims" not in text


def main():
    failures = 0
    print(f"1..{len(tests)}")
    for index, function in enumerate(tests, 1):
        with tempfile.TemporaryDirectory() as top:
            try:
                function(top)
                print(f"ok {index} - {function.__name__}")
            except Exception as error:  # whatever it is, it is this test's failure
                failures += 1
                print(f"not ok {index} - {function.__name__}\n# {repr(error)[:2000]}")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
