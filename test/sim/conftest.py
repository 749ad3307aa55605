"""Estimates of the program beside the truth of the companies it was given, printed as one table."""
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BURSAR = os.environ.get("BURSAR", str(ROOT / "build/bursar"))
ROWS = []


class Company:
    """A simulated company, imported into a home of its own."""

    def __init__(self, folder, **options):
        self.out = folder / "company"
        self.home = folder / "home"
        words = [f"--{name}={value}" for name, value in options.items()]
        run([BURSAR, "simulate", "--out", self.out, *words])
        with open(self.out / "truth.json", encoding="ascii") as file:
            truth = json.load(file)
        self.workflows = {workflow["workflow"]: workflow for workflow in truth["workflows"]}

    def imported(self):
        self.home.mkdir()
        (self.home / "bursar.yaml").write_bytes((self.out / "bursar.yaml").read_bytes())
        run([BURSAR, "--home", self.home, "import", self.out])
        return self

    def json(self, *words):
        return json.loads(run([BURSAR, "--home", self.home, *words, "--json"]))

    def text(self, *words):
        return run([BURSAR, "--home", self.home, *words])


def run(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=300, check=False)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def in_parallel(function, arguments):
    """Results in order; two at a time, since the work is done by other processes."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(function, arguments))


@pytest.fixture(name="company", scope="session")
def fixture_company(tmp_path_factory):
    """company(seed=…, cases=…) -> Company, not imported yet."""
    return lambda **options: Company(tmp_path_factory.mktemp("company"), **options)


@pytest.fixture(name="recovered", scope="session")
def fixture_recovered():
    """recovered(what, truth, estimate): a row of the table; whether the interval holds the truth."""
    def add(what, truth, estimate, decimals=4):
        low, high = estimate.get("low"), estimate.get("high")
        holds = None if low is None or high is None else low <= truth <= high
        number = f"{{:.{decimals}f}}".format
        interval = "" if holds is None else f"[{number(low)}, {number(high)}]"
        ROWS.append((what, number(truth), number(estimate["value"]), interval,
                     "" if holds is None else "holds" if holds else "misses"))
        return holds
    return add


@pytest.fixture(name="counted", scope="session")
def fixture_counted():
    """counted(what, bar, count): a row of the table for a count over seeds."""
    def add(what, bar, count):
        ROWS.append((what, f"{bar}", f"{count}", "", ""))
    return add


def pytest_terminal_summary(terminalreporter):
    if not ROWS:
        return
    rows = [("", "truth", "estimate", "95 % interval", ""), *ROWS]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for row in rows:
        terminalreporter.write_line(
            f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  "
            f"{row[3]:<{widths[3]}}  {row[4]}".rstrip())
    terminalreporter.flush() if hasattr(terminalreporter, "flush") else sys.stdout.flush()
