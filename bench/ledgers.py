"""ledgers: large ledgers for measuring reports, made once under build-bench/."""
import shutil

from measure import CACHE, ROOT, Run, say

CALLS_PER_CASE = 10


def make_ledger(name, cases, workflows, attributes):
    """A home with `cases` cases and ten times as many calls. Made again when what makes it has
    changed."""
    home = CACHE / name
    made_by = home / "made_by"
    sources = b"".join((ROOT / path).read_bytes() for path in (
        "bench/fill_ledger.sql", "bench/fill_ledger.c", "src/model/columns.def",
        "src/model/ledger.h"))
    if not made_by.exists() or made_by.read_bytes() != sources:
        say(f"writing {cases:,} cases into build-bench/{name}")
        shutil.rmtree(home, ignore_errors=True)
        Run([ROOT / "build/bench/fill_ledger", home, cases, workflows, attributes,
             ROOT / "bench/fill_ledger.sql"])
        made_by.write_bytes(sources)
    return home
