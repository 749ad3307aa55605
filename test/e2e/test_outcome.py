"""Goal: outcomes come late, twice and revised, before their traces or after, and none is lost.
Method: the real program; outcomes one by one and from files; reports as of several days."""
import json
import re
from decimal import Decimal

import pytest
import sessions

CSV = """id,workflow,case,status,value,minutes,at,recorded_at,source
o1,support,alpha,resolved,12.5,3,2026-03-03,2026-03-03,crm
o2,support,beta,failed,,,2026-03-04,2026-03-04,crm
"""


@pytest.fixture(name="ledger")
def fixture_ledger(home, tmp_path):
    sessions.write(tmp_path / "logs/alpha.jsonl", sessions.session("alpha", 2))
    sessions.write(tmp_path / "logs/beta.jsonl", sessions.session("beta", 2))
    home.ok("import", tmp_path / "logs", "--workflow", "support")
    return home


def outcome(home, case, *args):
    return home.json("explain", case, "--workflow", "support", *args)["outcome"]


@pytest.mark.parametrize("args", [
    (), ("add",), ("add", "support"), ("add", "support", "alpha"),
    ("add", "support", "alpha", "done"), ("add", "support", "alpha", "resolved", "more"),
    ("add", "support", "alpha", "resolved", "--value", "-1"),
    ("add", "support", "alpha", "resolved", "--value", "NaN"),
    ("add", "support", "alpha", "resolved", "--value", "1e30"),
    ("add", "support", "alpha", "resolved", "--minutes", "-1"),
    ("add", "support", "alpha", "resolved", "--minutes", "1e9"),
    ("add", "support", "alpha", "resolved", "--quality", "1.01"),
    ("add", "support", "alpha", "resolved", "--at", "yesterday"),
    ("add", "support", "alpha", "resolved", "--at", "2200-01-01"),
    ("add", "support", "alpha", "resolved", "--map", "x.yaml"),
    ("add", "support", "", "resolved"), ("import",), ("import", "a.csv", "b.csv"),
    ("import", "a.csv", "--value", "3"), ("remove", "x"),
])
def test_wrong_use_is_refused_and_nothing_is_recorded(ledger, args):
    before = ledger.json("explain", "alpha")
    ledger.refused("outcome", *args, status=2)
    assert ledger.json("explain", "alpha") == before


def test_the_same_statement_twice_is_one(ledger):
    words = ("outcome", "add", "support", "alpha", "resolved", "--value", "12", "--minutes", "2.5",
             "--source", "crm")
    assert ledger.json(*words)["added"] == 1
    assert ledger.json(*words)["added"] == 0
    answer = ledger.json("explain", "alpha")
    assert answer["outcome"] == "resolved"
    assert answer["value"] == "12"
    assert len(answer["outcomes"]) == 1
    assert answer["outcomes"][0]["human_minutes"] == 2.5


def test_resolved_again_after_being_reopened_counts_again(ledger):
    for status in ("resolved", "reopened", "resolved"):
        assert ledger.json("outcome", "add", "support", "alpha", status)["added"] == 1
        wanted = "open" if status == "reopened" else status
        assert outcome(ledger, "alpha") in (status, wanted)
    assert len(ledger.json("explain", "alpha")["outcomes"]) == 3


def test_an_outcome_may_come_before_its_traces(home, tmp_path):
    done = home.ok("outcome", "add", "support", "alpha", "resolved", "--at", "2026-03-03")
    assert "Not seen in any trace yet" in done
    path = sessions.write(tmp_path / "alpha.jsonl", sessions.session("alpha", 2))
    home.ok("import", path, "--workflow", "support")
    answer = home.json("explain", "alpha")
    assert answer["outcome"] == "resolved"
    assert answer["attempts"][0]["status"] == "resolving"
    assert answer["parts"]["base"] == answer["cost"] != "0"


def test_a_file_is_taken_once_and_its_bad_rows_are_named(ledger, tmp_path):
    path = tmp_path / "closed.csv"
    path.write_text(CSV + "o3,support,gamma,perhaps,,,,,\no4,support,delta,failed,much,,,,\n")
    first = ledger.json("outcome", "import", path)
    assert first["added"] == 2
    assert first["rejected"] == 2
    assert [line.split(": ")[0].rsplit(":", 1)[1] for line in first["rejects"]] == ["4", "5"]
    again = ledger.json("outcome", "import", path)
    assert again["added"] == 0
    assert outcome(ledger, "alpha") == "resolved"
    assert outcome(ledger, "beta") == "failed"
    ledger.verified()


def test_jsonl_is_read_like_csv(ledger, tmp_path):
    path = tmp_path / "closed.jsonl"
    path.write_text(json.dumps({"workflow": "support", "case": "alpha", "status": "escalated",
                                "at": "2026-03-05", "id": "o9"}) + "\n")
    assert ledger.json("outcome", "import", path)["added"] == 1
    assert outcome(ledger, "alpha") == "escalated"


def test_a_file_without_the_columns_is_refused_with_their_names(ledger, tmp_path):
    path = tmp_path / "closed.csv"
    path.write_text("ticket,result\nalpha,resolved\n")
    assert "case or case_id" in ledger.refused("outcome", "import", path)
    path.write_text("case,status\nalpha,resolved\n")
    assert "--workflow" in ledger.refused("outcome", "import", path)
    assert ledger.json("outcome", "import", path, "--workflow", "support")["added"] == 1


def test_late_and_revised_outcomes_count_from_when_they_became_known(ledger, tmp_path):
    path = tmp_path / "late.csv"
    head = "id,workflow,case,status,value,at,recorded_at\n"
    path.write_text(head +
                    "a,support,alpha,resolved,10,2026-03-03,2026-03-03\n"
                    "b,support,alpha,reopened,,2026-03-05,2026-03-08\n"
                    "c,support,alpha,failed,,2026-03-10,2026-03-11\n"
                    "c,support,alpha,resolved,11,2026-03-10,2026-03-15\n")
    assert ledger.json("outcome", "import", path)["added"] == 4
    known = {"2026-03-02T12:00:00Z": "open", "2026-03-04": "resolved", "2026-03-07": "resolved",
             "2026-03-09": "reopened", "2026-03-12": "failed", "2026-03-16": "resolved"}
    for day, wanted in known.items():
        assert outcome(ledger, "alpha", "--as-of", day) == wanted, day
    answer = ledger.json("explain", "alpha")
    assert answer["value"] == "11"
    assert len(answer["outcomes"]) == 4
    assert [row["counts"] for row in answer["outcomes"]] == [False, False, False, True]
    assert [row["stands"] for row in answer["outcomes"]] == [True, True, False, True]

    def workflow(day):
        report = ledger.json("report", "support", "--as-of", day)
        return report["workflows"][0]

    assert workflow("2026-03-04")["resolved"] == 1
    assert workflow("2026-03-09")["resolved"] == 0
    assert workflow("2026-03-09")["open"] == 2
    assert workflow("2026-03-12")["cost"]["sunk"] != "0"
    assert workflow("2026-03-16")["resolved"] == 1
    ledger.verified()


def test_the_parts_of_every_case_add_up_to_the_report(ledger):
    ledger.ok("outcome", "add", "support", "alpha", "resolved", "--at", "2026-03-03")
    report = ledger.json("report", "support")["workflows"][0]["cost"]
    for part in ("base", "retry_tail", "sunk", "rework", "human", "open"):
        total = sum(Decimal(ledger.json("explain", case)["parts"][part])
                    for case in ("alpha", "beta"))
        assert total == Decimal(report[part]), part


def test_explain_says_which_cases_a_name_may_mean(ledger, tmp_path):
    path = sessions.write(tmp_path / "other/alpha.jsonl", sessions.session("alpha2", 1))
    ledger.ok("import", path, "--workflow", "claims")
    ledger.ok("outcome", "add", "claims", "beta", "failed")
    assert "alpha of support" in ledger.refused("explain", "alp")
    assert "claims, support" in ledger.refused("explain", "beta")
    assert ledger.json("explain", "beta", "--workflow", "support")["calls"] == 2
    assert ledger.json("explain", "alpha2")["workflow"] == "claims"
    assert ledger.json("explain", "bet", "--workflow", "support")["case"] == "beta"
    assert "alpha" in ledger.refused("explain", "alhpa")


def test_explain_leaves_out_the_middle_of_a_long_attempt(home, tmp_path):
    path = sessions.write(tmp_path / "long.jsonl", sessions.session("long", 1000))
    home.ok("import", path)
    short = home.ok("explain", "long")
    gaps = re.findall(r"… ([0-9,]+) steps? in between, ([0-9.]+) USD, --all shows them", short)
    assert sum(int(count.replace(",", "")) for count, _ in gaps) == 1965  # 5 wasted ones are shown
    shown = re.findall(r"^ +[0-9]+ +[0-9:]+ llm .* ([0-9]+\.[0-9]{6})  ", short, re.M)
    total = sum(map(Decimal, shown)) + sum(Decimal(cost) for _, cost in gaps)
    assert total == Decimal(home.json("explain", "long")["cost"])
    assert len(short.splitlines()) < 110
    assert len(home.ok("explain", "long", "--all").splitlines()) > 2000
    steps = home.json("explain", "long")["attempts"][0]["steps"]
    assert [step["n"] for step in steps] == list(range(1, 2001))
    assert steps[4]["file"] == str(path)
    assert steps[4]["line"] > 0
