#!/usr/bin/env python3
"""attribution: drivers, utility, route and segments over a million cases and ten million calls.

usage: bench/attribution.py [RUNS]

Two ledgers of three models and twelve attributes a case, made (fill_ledger) under build-bench/
once: one whose cases are spread over six workflows, of which one is asked for, and one whose cases
are all of one workflow. The files are in the page cache. Each report is also compared with itself:
the same ledger gives the same bytes. Needs build/bursar and build/bench/fill_ledger.
"""
import sys

from ledgers import make_ledger
from measure import BURSAR, Run, Table, median, rss_mb, say

RUNS = 3
CASES = 1_000_000
ATTRIBUTES = 12
WORKFLOW = "claims"
LEDGERS = {"workflows": 6, "workflow": 1}
SECONDS_BARS = {"drivers": 3.0, "utility": 3.0, "route": 3.0, "segments": 10.0}
MEGABYTES_BAR = 2000
CONFIGURATION = f"""workflows:
  {WORKFLOW}:
    value_per_outcome: 1.20
    human_rate_per_hour: 40
    baseline:
      bpo: {{price: 2.10, success_rate: 0.94}}
"""


def measure(table, runs=RUNS):
    for name, workflows in LEDGERS.items():
        home = make_ledger(name, CASES, workflows=workflows, attributes=ATTRIBUTES)
        (home / "bursar.yaml").write_text(CONFIGURATION, encoding="ascii")
        table.add(f"one of {workflows} workflows" if workflows > 1 else "one workflow of all cases",
                  f"{CASES // workflows:,} cases")
        for command, bar in SECONDS_BARS.items():
            measure_command(table, home, command, bar, runs)


def measure_command(table, home, command, bar, runs):
    timed = []
    for i in range(runs):
        say(f"{command} in {home.name}, run {i + 1} of {runs}")
        timed.append(Run([BURSAR, "--home", home, command, WORKFLOW, "--json"]))
    if len({run.out for run in timed}) != 1:
        sys.exit(f"attribution: bursar {command} said different things of the same ledger")
    seconds = median(timed, "wall_s")
    table.add(f"  bursar {command}", f"{seconds:.2f} s", f"under {bar:.0f} s", seconds < bar)
    table.add("    peak memory", f"{rss_mb(timed):.0f} MB", f"under {MEGABYTES_BAR} MB",
              rss_mb(timed) < MEGABYTES_BAR)


def main():
    table = Table()
    measure(table, int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)
    print(table.text())
    sys.exit(table.failed > 0)


if __name__ == "__main__":
    main()
