"""Goal: prices given after the import reach the ledger by `bursar price update`, and only by it.
Method: the synthetic company, whose own fine-tune is in no price book, by the real program."""
import csv
from decimal import Decimal

import pytest

MODEL = "exmut-triage-ft2"
PRICES = """
prices:
  - {provider: own, model: exmut-triage-ft2, input: 0.50, output: 2, source: "hosting bill"}
"""


def calls_of(company, model):
    with open(company / "steps.csv", encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["model"] == model]


@pytest.fixture(name="company")
def fixture_company(home, tmp_path):
    out = tmp_path / "company"
    home.ok("simulate", "--workflow", "tickets", "--cases", "6000", "--out", out)
    home.ok("import", out)
    return out


def set_prices(home, text=PRICES):
    (home.path / "bursar.yaml").write_text(text, encoding="utf-8")


def test_update_takes_nothing_but_apply(home):
    assert "--apply" in home.refused("price", "update", "gpt-5", status=2)
    assert "--apply" in home.refused("price", "update", "--provider", "own", status=2)
    assert "price update" in home.refused("price", "list", "--apply", status=2)


def test_without_a_ledger_nothing_is_made(home):
    assert "import" in home.refused("price", "update", "--apply")
    assert not (home.path / "ledger.duckdb").exists()


def test_a_price_given_later_reaches_the_ledger_when_it_is_applied(home, company):
    calls = calls_of(company, MODEL)
    cost = sum(Decimal(int(c["input_uncached"]) + int(c["cache_read"]) + int(c["cache_write"]))
               * Decimal("0.5") + int(c["output"]) * 2 for c in calls) / 1000000
    before = home.verified()
    assert before["unpriced_calls"] == len(calls) > 20
    assert MODEL in home.ok("report")
    nothing = home.json("price", "update")
    assert nothing["total"]["calls"] == 0
    assert nothing["unpriced"] == len(calls)

    set_prices(home)
    shown = home.json("price", "update")
    assert shown["schema"] == "bursar.price_update/1"
    assert shown["applied"] is False
    assert shown["changes"] == [{"workflow": "tickets", "model": MODEL, "calls": len(calls),
                                 "newly_priced": len(calls), "old_cost": "0",
                                 "new_cost": shown["total"]["difference"],
                                 "difference": shown["total"]["difference"]}]
    assert Decimal(shown["total"]["new_cost"]) == cost
    assert home.verified() == before

    text = home.ok("price", "update", "--apply")
    assert max(map(len, text.splitlines())) <= 80
    assert f"tickets, {MODEL}" in text
    assert "the changes are in the ledger" in text
    after = home.verified()
    assert after["unpriced_calls"] == 0
    assert after["steps"] == before["steps"]
    assert Decimal(after["cost"]) == Decimal(before["cost"]) + cost
    assert MODEL not in home.ok("report")

    assert home.json("price", "update", "--apply")["total"]["calls"] == 0
    assert "nothing changes" in home.ok("price", "update", "--apply")
    assert home.verified() == after
    assert home.ok("import", company).startswith("Nothing new")


def test_a_changed_contract_is_whole_again_after_the_update(home, company):
    set_prices(home)
    home.ok("price", "update", "--apply")
    first = home.verified()
    set_prices(home, PRICES.replace("0.50", "1.00").replace("output: 2", "output: 4"))
    told = home.refused("verify")  # what it was priced by is no longer in the book
    assert told.startswith("bursar: 1 check of the ledger failed") and "bursar price update" in told
    change = home.json("price", "update", "--apply")["total"]
    second = home.verified()
    assert change["calls"] == len(calls_of(company, MODEL))
    assert change["newly_priced"] == 0
    assert Decimal(change["new_cost"]) == 2 * Decimal(change["old_cost"])
    assert (Decimal(second["cost"]) - Decimal(first["cost"])) == Decimal(change["difference"])


def test_a_price_taken_away_is_not_lost(home, company):
    set_prices(home)
    home.ok("price", "update", "--apply")
    cost = home.verified()["cost"]
    set_prices(home, "")
    kept = home.json("price", "update", "--apply")
    assert kept["kept"] == len(calls_of(company, MODEL))
    assert kept["total"]["calls"] == 0
    assert home.json("report")["total"] is not None
    set_prices(home)
    assert home.verified()["cost"] == cost
