"""measure: run programs, take their time and memory, and print results against their bars."""
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / "build-bench"  # what is made once: logs, ledgers, homes
BURSAR = ROOT / "build" / "bursar"


class Run:
    """One finished process: its output, wall and processor seconds, peak memory in bytes."""

    def __init__(self, command, env=None):
        began = time.monotonic()
        with subprocess.Popen([str(word) for word in command], env={**os.environ, **(env or {})},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            self.out = process.stdout.read()
            said = process.stderr.read().decode(errors="replace")
            _, status, usage = os.wait4(process.pid, 0)
            self.wall_s = time.monotonic() - began
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))}: exit status {process.returncode}\n{said}")
        self.cpu_s = usage.ru_utime + usage.ru_stime
        self.rss_bytes = usage.ru_maxrss * 1024


def median(runs, what):
    return statistics.median(getattr(run, what) for run in runs)


def rss_mb(runs):
    return max(run.rss_bytes for run in runs) / 1e6


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Table:
    """Rows "what, measured, bar, pass or fail", printed aligned."""

    def __init__(self):
        self.rows = []
        self.failed = 0

    def add(self, what, measured, bar="", passed=None):
        word = "" if passed is None else "pass" if passed else "FAIL"
        self.failed += passed is False
        self.rows.append((what, measured, bar, word))

    def text(self):
        rows = [("", "measured", "bar", ""), *self.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        return "\n".join(f"{what:<{widths[0]}}  {measured:>{widths[1]}}  {bar:<{widths[2]}}  {word}"
                         .rstrip() for what, measured, bar, word in rows)
