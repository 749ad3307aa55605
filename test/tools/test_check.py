"""Goal: `make test` takes every file of tests once and counts what each one says.
Method: tools/check.py on files made here, and on those of this project with nobody to run them."""
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(name="check")
def fixture_check(tmp_path, monkeypatch):
    """The tool, with logs of its own."""
    spec = importlib.util.spec_from_file_location("check", ROOT / "tools/check.py")
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    monkeypatch.setattr(check, "LOGS", tmp_path / "build-check")
    check.LOGS.mkdir()
    return check


def test_every_file_end_to_end_and_of_simulations_is_run_once(check, monkeypatch):
    ran = []

    def run(counts, name, *tests, env=None):
        assert env == {"BURSAR": "x"}
        ran.append((name, *tests))
        counts.passed, counts.failed, counts.skipped = 5, 2, 1
    monkeypatch.setattr(check, "pytest", run)
    counts = check.Counts()
    check.side_by_side(counts, {"BURSAR": "x"})
    files = [str(path.relative_to(ROOT)) for folder in ("e2e", "sim")
             for path in (ROOT / "test" / folder).glob("test_*.py")]
    assert sorted(test for _, test in ran) == sorted(files) and len(files) > 50
    assert len({name for name, _ in ran}) == len(files)
    assert (counts.passed, counts.failed, counts.skipped) == (
        5 * len(files), 2 * len(files), len(files))


def test_what_is_to_begin_first_is_there(check):
    for name in check.FIRST:
        folder, stem = name.split("-")
        assert (ROOT / f"test/{folder}/test_{stem}.py").exists(), name


def made(check, monkeypatch, tmp_path, **files):
    """A project of those end-to-end tests alone; what they come to."""
    monkeypatch.setattr(check, "ROOT", tmp_path)
    folder = tmp_path / "test/e2e"
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text)
    counts = check.Counts()
    check.side_by_side(counts, {})
    return counts.line()


def test_passed_failed_and_skipped_are_summed_over_the_files(check, monkeypatch, tmp_path, capsys):
    passes = "def test_a(): pass\ndef test_b(): pass\n"
    fails = "def test_a(): assert 0, 'here it is'\n"
    skips = "import pytest\n@pytest.mark.skip(reason='x')\ndef test_a(): pass\n"
    said = made(check, monkeypatch, tmp_path, passes=passes, fails=fails, skips=skips)
    assert said == "2 passed, 1 failed, 1 skipped"
    assert "here it is" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["import absent_module\n", "import os\nos._exit(3)\n", ""],
                         ids=["import", "exit", "no test"])
def test_a_file_that_does_not_come_to_a_test_is_a_failure(check, monkeypatch, tmp_path, text):
    assert made(check, monkeypatch, tmp_path, broken=text).startswith("0 passed, 1 failed")
