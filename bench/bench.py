#!/usr/bin/env python3
"""bench: every measurement, in one table with its bars. Run by `make bench`.

usage: bench/bench.py [import_logs] [report_cases] [attribution] [receive_spans]
                      [proxy_bare]                                      default: all
"""
import os
import platform
import sys

import attribution
import import_logs
import proxy_bare
import receive_spans
import report_cases
from measure import Table

MEASUREMENTS = {"import_logs": import_logs, "report_cases": report_cases,
                "attribution": attribution, "receive_spans": receive_spans,
                "proxy_bare": proxy_bare}


def processor():
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def main():
    names = sys.argv[1:] or list(MEASUREMENTS)
    if unknown := [name for name in names if name not in MEASUREMENTS]:
        sys.exit(f"bench: there is no {unknown[0]}; there are {', '.join(MEASUREMENTS)}")
    table = Table()
    table.add(f"machine: {processor()}, {os.cpu_count()} processors",
              f"load {os.getloadavg()[0]:.1f} before")
    for name in names:
        MEASUREMENTS[name].measure(table)
    print(table.text())
    print(f"\n{table.failed} of the bars missed" if table.failed else "\nevery bar met")
    sys.exit(table.failed > 0)


if __name__ == "__main__":
    main()
