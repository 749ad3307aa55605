#!/usr/bin/env python3
"""import_logs: bursar import against ccusage, on the same Claude Code logs in the same run.

usage: bench/import_logs.py [RUNS]

Makes the logs (claude_logs.py) under build-bench/ once, then runs in turn, RUNS (7) times: ccusage
reading them all, bursar importing them all into an empty ledger, bursar importing them again. The
files are in the page cache. Before anything is timed, both must find the responses and tokens that
were written. Needs build/bursar and tools/setup bench.
"""
import json
import shutil
import sys

import claude_logs
from measure import BURSAR, CACHE, ROOT, Run, Table, median, rss_mb, say

RUNS = 7
RATIO_BAR = 2.0
AGAIN_BAR_S = 0.15
CCUSAGE = ROOT / ".deps/ccusage-20.0.24/bin/ccusage"
TOKENS = (  # in truth.json, of ccusage, of bursar
    ("input_tokens", "inputTokens", ("input_uncached",)),
    ("cache_write_tokens", "cacheCreationTokens", ("cache_write_5m", "cache_write_1h")),
    ("cache_read_tokens", "cacheReadTokens", ("cache_read",)),
    ("output_tokens", "outputTokens", ("output",)),
)


def make_logs():
    """The logs and their truth; made again when their generator has changed."""
    logs = CACHE / "claude"
    source = (ROOT / "bench/claude_logs.py").read_bytes()
    made_by = logs / "made_by.py"
    if not made_by.exists() or made_by.read_bytes() != source:
        say("writing 270 MB of logs into build-bench/claude")
        shutil.rmtree(logs, ignore_errors=True)
        logs.mkdir(parents=True)
        claude_logs.write_tree(logs, 1.0)
        made_by.write_bytes(source)
    return logs, json.loads((logs / "truth.json").read_text())


def read_all(logs):
    """Bring the files into the page cache."""
    for path in (logs / "projects").rglob("*.jsonl"):
        with open(path, "rb") as file:
            while file.read(1 << 20):
                pass


def ccusage(logs):
    home = CACHE / "nobody"  # ccusage looks for the logs of other agents there
    home.mkdir(exist_ok=True)
    return Run([CCUSAGE, "daily", "--offline", "--json"],
               {"CLAUDE_CONFIG_DIR": str(logs), "HOME": str(home), "XDG_CONFIG_HOME": str(home)})


def bursar(logs, fresh):
    home = CACHE / "home"
    if fresh:
        shutil.rmtree(home, ignore_errors=True)
    return Run([BURSAR, "--home", home, "import", logs / "projects", "--json"])


def check(truth, read, imported):
    """Both count what was written, or the measurement means nothing."""
    totals = json.loads(read.out)["totals"]
    summary = json.loads(imported.out)
    report = json.loads(Run([BURSAR, "--home", CACHE / "home", "report", "--json"]).out)
    tokens = [workflow["tokens"] for workflow in report["workflows"]]
    wrong = []
    if summary["calls"] != truth["responses"]:
        wrong.append(f"{truth['responses']} responses written, bursar counts {summary['calls']}")
    if summary["unpriced_calls"] or summary["rejected"]:
        wrong.append(f"bursar left {summary['unpriced_calls']} calls without a price and "
                     f"{summary['rejected']} lines out")
    for name, theirs, ours in TOKENS:
        written = truth[name]
        counted = sum(workflow[key] for workflow in tokens for key in ours)
        if not written == counted == totals[theirs]:
            wrong.append(f"{name}: {written} written, {counted} in bursar, "
                         f"{totals[theirs]} in ccusage")
    if wrong:
        sys.exit("import_logs: the programs do not count what was written:\n  " + "\n  ".join(wrong))
    return float(summary["cost"]), totals["totalCost"]


def measure(table, runs=RUNS):
    logs, truth = make_logs()
    read_all(logs)
    CCUSAGE.chmod(0o755)
    ours, theirs = check(truth, ccusage(logs), bursar(logs, fresh=True))
    reads, imports, agains = [], [], []
    for i in range(runs):
        say(f"import, run {i + 1} of {runs}")
        reads.append(ccusage(logs))
        imports.append(bursar(logs, fresh=True))
        agains.append(bursar(logs, fresh=False))
    read_s, import_s = median(reads, "wall_s"), median(imports, "wall_s")
    again_s = median(agains, "wall_s")
    megabytes = truth["bytes"] / 1e6
    table.add(f"logs: {megabytes:.0f} MB, {truth['files']} files, {truth['assistant_lines']:,} "
              f"answer lines", f"{truth['responses']:,} responses")
    table.add("  cost by ccusage and by bursar", f"${theirs:,.2f}  ${ours:,.2f}")
    table.add("ccusage 20.0.24 reads them", f"{read_s:.3f} s")
    table.add("  processor time, peak memory",
              f"{median(reads, 'cpu_s'):.2f} s  {rss_mb(reads):.0f} MB")
    table.add("bursar imports them into an empty ledger", f"{import_s:.3f} s")
    table.add("  processor time, peak memory",
              f"{median(imports, 'cpu_s'):.2f} s  {rss_mb(imports):.0f} MB")
    table.add("  times as fast as ccusage", f"{read_s / import_s:.2f}", f"at least {RATIO_BAR}",
              read_s / import_s >= RATIO_BAR)
    table.add("bursar imports them again, nothing new", f"{again_s:.3f} s",
              f"under {AGAIN_BAR_S} s", again_s < AGAIN_BAR_S)


def main():
    table = Table()
    measure(table, int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)
    print(table.text())
    sys.exit(table.failed > 0)


if __name__ == "__main__":
    main()
