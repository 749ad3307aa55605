"""Goal: `bursar price` as a person or a script uses it: figures, refusals and exit status.
Method: the real program on golden calls and on every kind of wrong input."""
import json
import os
import subprocess
from pathlib import Path

import pytest

BURSAR = os.environ.get("BURSAR", str(Path(__file__).resolve().parents[2] / "build/bursar"))
SOL = '{"input_uncached":200000,"cache_read":100000,"output":1000}'


def bursar(*args, text=None):
    return subprocess.run([BURSAR, "price", *args], input=text, capture_output=True, text=True,
                          timeout=60, check=False)


@pytest.fixture(name="home")
def fixture_home(tmp_path):
    return ["--home", str(tmp_path)]


@pytest.mark.parametrize("usage", [
    "", "{", "[]", '{"output":-1}', '{"output":1e300}', '{"output":NaN}', '{"output":1.5}',
    '{"output":"3"}', '{"output":1000000001}', '{"outptu":1}', '{"output":1,"reasoning":2}',
    '{"output":1,"output":2}',
])
def test_usage_that_is_none_is_wrong_use(home, usage):
    done = bursar("gpt-5", "--usage", usage, *home)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("bursar: --usage: ")


def test_an_unknown_model_is_refused_with_the_nearest_names(home):
    done = bursar("gpt-5.6-soll", "--usage", "{}", "--provider", "openai", *home)
    assert done.returncode == 1
    assert "nearest: openai/gpt-5.6-sol" in done.stderr


def test_what_has_no_price_is_refused_with_the_reason(home):
    done = bursar("gpt-5", "--usage", '{"output":1}', "--tier", "fast", *home)
    assert done.returncode == 1
    assert "service tier" in done.stderr


@pytest.mark.parametrize("at, cost", [("2026-08-01", "2.145"), ("2026-11-22", "1.71")])
def test_sol_costs_what_it_did_on_either_day(home, at, cost):
    done = bursar("gpt-5.6-sol", "--usage", SOL, "--at", at, "--json", *home)
    answer = json.loads(done.stdout)
    assert done.returncode == 0
    assert answer["schema"] == "bursar.price/1"
    assert answer["cost"] == cost
    assert answer["context_over"] == 271999
    assert [part["class"] for part in answer["parts"]] == ["input_uncached", "cache_read", "output"]


def test_the_table_fits_80_columns(home):
    done = bursar("claude-sonnet-4-5", "--usage",
                  '{"input_uncached":40000,"cache_read":210000,"output":2000}',
                  "--at", "2026-01-15", *home)
    assert "0.411" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def test_contract_prices_come_from_the_configuration(tmp_path, home):
    (tmp_path / "bursar.yaml").write_text(
        "prices:\n  - {provider: openai, model: gpt-5.6-sol, from: 2026-09-01, input: 7.20, "
        'output: 27, source: "contract 1234"}\n', encoding="utf-8")
    done = bursar("gpt-5.6-sol", "--usage", SOL, "--at", "2026-11-22", "--json", *home)
    assert json.loads(done.stdout)["cost"] == "1.547"
    assert json.loads(done.stdout)["source"] == "contract 1234"
    (tmp_path / "bursar.yaml").write_text("prices:\n  - {provider: openai, discount: 12}\n",
                                          encoding="utf-8")
    done = bursar("gpt-5.6-sol", "--usage", SOL, *home)
    assert done.returncode == 1
    assert "bursar.yaml:2: prices" in done.stderr


def test_a_batch_answers_every_line(home):
    lines = ['{"model":"gpt-5","usage":{"output":5}}', '{"model":"zzz","usage":{}}', "nonsense"]
    done = bursar("--batch", "-", *home, text="\n".join(lines))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["line"] for answer in answers] == [1, 2, 3]
    assert answers[0]["cost"] == "0.00005"
    assert "unpriced" in answers[1]
    assert "error" in answers[2]
    assert done.returncode == 1


def test_list_and_diff_show_what_changed(home):
    done = bursar("diff", "2026-08-01", "2026-11-22", "openai/gpt-5.6-sol", "--tier", "standard",
                  "--json", *home)
    changes = json.loads(done.stdout)["changes"]
    assert {"before": "30", "after": "20"}.items() <= next(
        c for c in changes if c["rate"] == "output" and c["context_over"] == 0).items()
    done = bursar("list", "openai/gpt-5.6-sol", "--json", *home)
    assert any(price["rates"]["input"] == "4" for price in json.loads(done.stdout)["prices"])
    assert bursar("list", "no-such-thing", *home).returncode == 1
