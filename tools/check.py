#!/usr/bin/env python3
"""check: what `make test` runs, cheapest first. Prints a line a step and the count of all checks.

Steps that do not need one another still run when one fails. What a failed step printed is shown;
everything printed is kept in build-check/, and by meson in <folder>/meson-logs/.
"""
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3"
OUTPUT_LINES_MAX = 150  # of a failed step, on the terminal
PLAIN = "build"
ASAN = "build-asan"
WORKERS = 3
# What takes longest is begun first, so that nobody works on alone at the end. A wrong order, or a
# name that is no more, costs seconds and no check.
FIRST = ("sim-route_recovery", "e2e-api", "e2e-gateway_sdks", "e2e-counted_once",
         "e2e-counted_once_gateway", "e2e-bodies", "e2e-sdks", "e2e-conformance",
         "sim-segments_recovery", "e2e-killed", "e2e-interrupt", "e2e-keys",
         "e2e-gateway_complaints", "e2e-a_second_later", "sim-utility_recovery")
# Stacks of two calls for what is allocated: of the time in DuckDB a fifth went into remembering all
# thirty. meson's own options are given again, since it leaves them out where there are others.
ASAN_OPTIONS = "halt_on_error=1:abort_on_error=1:print_summary=1:malloc_context_size=2"
LOGS = ROOT / "build-check"


class Counts:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def line(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"

    def add_junit(self, path):
        """Every test case of a JUnit file, as meson and pytest write it."""
        for case in xml.parse(path).getroot().iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                self.failed += 1
            elif case.find("skipped") is not None:
                self.skipped += 1
            else:
                self.passed += 1


def run(name, command, env=None):
    """Run one step; its output goes to a log, and to the terminal when it fails."""
    began = time.monotonic()
    log = LOGS / f"{name}.log"
    with open(log, "wb") as out:
        code = subprocess.run(command, cwd=ROOT, env={**os.environ, **(env or {})},
                              stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.STDOUT).returncode
    lines = log.read_text(errors="replace").splitlines()
    if code != 0:
        print("\n".join(lines[-OUTPUT_LINES_MAX:]))
    print(f"{'ok' if code == 0 else 'FAILED':<7}{name:<27}{time.monotonic() - began:6.1f} s",
          flush=True)
    return code == 0


def step(counts, name, command, env=None):
    """A step that is one check."""
    ok = run(name, command, env)
    counts.passed += ok
    counts.failed += not ok
    return ok


def suite(counts, name, command, junit, env=None):
    """A step that leaves its checks in a JUnit file; without one it is a failure itself."""
    junit = ROOT / junit
    junit.unlink(missing_ok=True)
    failed = counts.failed
    ok = run(name, command, env)
    if junit.exists():
        counts.add_junit(junit)
    if not ok and counts.failed == failed:
        counts.failed += 1


def configure(folder, *options):
    """The meson command that makes a build folder with tests, or nothing when it is there."""
    options = ("-Dtests=enabled", *options)
    if (ROOT / folder / "build.ninja").exists():
        listed = ROOT / folder / "meson-info/intro-tests.json"
        if listed.exists() and '"bursar:unit"' in listed.read_text():
            return []
        return ["meson", "setup", "--reconfigure", folder, *options]
    duckdb = os.environ.get("DUCKDB_DIR")
    options += (f"-Dduckdb_dir={os.path.abspath(duckdb)}",) if duckdb else ()
    return ["meson", "setup", folder, *options]


def build(counts, name, folder, *options):
    first = configure(folder, *options)
    if first and not step(counts, f"{name}-setup", first):
        return False
    return step(counts, f"{name}-build", ["ninja", "-C", folder])


def meson_test(counts, name, folder, *left_out, env=None):
    """Every suite of a build folder but those left out, so that a new one is never forgotten."""
    chosen = [word for suite_name in left_out for word in ("--no-suite", suite_name)]
    jobs = len(os.sched_getaffinity(0)) + 1  # some wait, for a deadline or a disk
    suite(counts, name, ["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs",
                         "--num-processes", str(jobs), *chosen],
          f"{folder}/meson-logs/testlog.junit.xml", env)


def pytest(counts, name, *tests, env=None):
    junit = f"build-check/{name}.xml"
    suite(counts, name, [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml", junit,
                         *tests], junit, env)


def side_by_side(counts, env):
    """End-to-end tests and simulations, file by file: whoever is ready takes the next."""
    files = {f"{folder}-{path.stem.removeprefix('test_')}": str(path.relative_to(ROOT))
             for folder in ("e2e", "sim") for path in sorted((ROOT / "test" / folder).glob("test_*.py"))}
    names = sorted(files, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    own = [Counts() for _ in names]
    with concurrent.futures.ThreadPoolExecutor(max_workers=WORKERS) as pool:
        runs = [pool.submit(pytest, count, name, files[name], env=env)
                for count, name in zip(own, names)]
        for done in runs:
            done.result()
    for part in own:
        counts.passed += part.passed
        counts.failed += part.failed
        counts.skipped += part.skipped


def c_files():
    found = []
    for folder in ("src", "test", "fuzz", "bench"):
        for kind in ("*.c", "*.h", "*.cc"):
            found += (ROOT / folder).rglob(kind)
    return sorted(str(path.relative_to(ROOT)) for path in found)


def main():
    counts = Counts()
    LOGS.mkdir(exist_ok=True)
    (LOGS / "counts.txt").unlink(missing_ok=True)
    step(counts, "tidy", [PYTHON, "tools/tidy.py", "."])
    step(counts, "format", ["clang-format-14", "--dry-run", "-Werror", *c_files()])
    pytest(counts, "tools", "test/tools")
    plain = build(counts, "plain", PLAIN)
    asan = build(counts, "asan", ASAN, "-Db_sanitize=address,undefined", "-Db_lundef=false")
    if asan:
        meson_test(counts, "asan", ASAN, "style", "oracle", env={"ASAN_OPTIONS": ASAN_OPTIONS})
    if plain:
        # Whose judges of tests without memory are the sanitizers, just before.
        meson_test(counts, "plain", PLAIN, "style", env={"TEST_REFUSALS": "0"} if asan else None)
        side_by_side(counts, {"BURSAR": str(ROOT / PLAIN / "bursar")})
    (LOGS / "counts.txt").write_text(counts.line() + "\n")
    print(counts.line())
    return counts.failed > 0


if __name__ == "__main__":
    sys.exit(main())
