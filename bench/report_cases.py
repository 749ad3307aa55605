#!/usr/bin/env python3
"""report_cases: bursar report over a million cases and ten million model calls.

usage: bench/report_cases.py [RUNS]

Makes the ledger (fill_ledger) under build-bench/ once and checks that the report counts what was
written. The file is in the page cache. Needs build/bursar and build/bench/fill_ledger.
"""
import json
import sys

from ledgers import CALLS_PER_CASE, make_ledger
from measure import BURSAR, Run, Table, median, rss_mb, say

RUNS = 5
CASES = 1_000_000
SECONDS_BAR = 1.5
MEGABYTES_BAR = 1500


def measure(table, runs=RUNS):
    home = make_ledger("cases", CASES, workflows=6, attributes=0)
    command = [BURSAR, "--home", home, "report"]
    workflows = json.loads(Run([*command, "--json"]).out)["workflows"]
    calls = sum(workflow["calls"] for workflow in workflows)
    if calls != CASES * CALLS_PER_CASE:
        sys.exit(f"report_cases: {CASES * CALLS_PER_CASE} calls written, {calls} reported")
    timed = []
    for i in range(runs):
        say(f"report, run {i + 1} of {runs}")
        timed.append(Run(command))
    seconds = median(timed, "wall_s")
    size_mb = (home / "ledger.duckdb").stat().st_size / 1e6
    table.add(f"ledger: {CASES:,} cases, {calls:,} calls", f"{size_mb:.0f} MB")
    table.add("bursar report", f"{seconds:.3f} s", f"under {SECONDS_BAR} s", seconds < SECONDS_BAR)
    table.add("  processor time", f"{median(timed, 'cpu_s'):.2f} s")
    table.add("  peak memory", f"{rss_mb(timed):.0f} MB", f"under {MEGABYTES_BAR} MB",
              rss_mb(timed) < MEGABYTES_BAR)


def main():
    table = Table()
    measure(table, int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)
    print(table.text())
    sys.exit(table.failed > 0)


if __name__ == "__main__":
    main()
