"""Goal: an import cut off at any moment leaves a whole ledger, and a rerun completes it.
Method: kill -9 and SIGINT at moments drawn from fixed seeds while a tree of some 40 MB is read."""
import random
import signal
import subprocess
import time

import pytest
import sessions
from conftest import Home

FILES, CALLS = 110, 380
SEEDS = range(10)


@pytest.fixture(name="whole", scope="module")
def fixture_whole(tmp_path_factory):
    """The tree, how long an import of it takes, and what it comes to when nothing disturbs it."""
    folder = tmp_path_factory.mktemp("interrupt")
    calls = sessions.write_tree(folder / "logs", FILES, CALLS)
    home = Home(folder / "home")
    began = time.monotonic()
    assert home.json("import", folder / "logs")["calls"] == calls
    seconds = time.monotonic() - began
    return folder / "logs", seconds, what_it_comes_to(home)


def what_it_comes_to(home):
    return home.json("report"), home.verified(), home.json("explain", "session-00003")


def interrupt(home, logs, after, how):
    """Whether the import was still running when the signal came."""
    importing = home.start("import", logs)
    try:
        if after is None:  # in its middle: the ledger is made, nothing is done
            while not (home.path / "ledger.duckdb").exists() and importing.poll() is None:
                time.sleep(0.001)
            importing.send_signal(how)
        importing.wait(timeout=after)
    except subprocess.TimeoutExpired:
        importing.send_signal(how)
    out, errors = importing.communicate(timeout=300)
    return importing.returncode, out, errors


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_any_moment_it_is_whole_and_a_rerun_completes_it(new_home, whole, seed):
    logs, seconds, wanted = whole
    home = new_home(f"killed-{seed}")
    draw = random.Random(seed)
    for _ in range(2):
        code, _, _ = interrupt(home, logs, draw.uniform(0.02, seconds), signal.SIGKILL)
        assert code in (0, -signal.SIGKILL)
        if (home.path / "ledger.duckdb").exists():
            done = home.run("verify")
            # killed before its first commit, it holds nothing yet, and says so
            assert done.returncode == 0 or "import something first" in done.stderr, done.stderr
    home.ok("import", logs)
    assert what_it_comes_to(home) == wanted


def test_ctrl_c_ends_it_with_a_sentence_and_a_rerun_completes_it(new_home, whole):
    logs, seconds, wanted = whole
    stopped = 0
    for after in (None, seconds * 0.3, seconds * 0.6):
        home = new_home(f"stopped-{after}")
        code, _, errors = interrupt(home, logs, after, signal.SIGINT)
        if code == 1:
            stopped += 1
            assert "run the same import again" in errors
            home.verified()
        home.ok("import", logs)
        assert what_it_comes_to(home) == wanted
    assert stopped > 0


@pytest.mark.parametrize("is_begun", [True, False])
def test_two_that_make_the_ledger_at_once_lose_nothing_of_what_they_say(new_home, tmp_path, is_begun):
    """One is told that the other has the ledger, or comes behind it; what one reported is there."""
    logs = [tmp_path / name for name in ("one", "two", "three")]
    for folder in logs:
        folder.mkdir()
        (folder / "a.jsonl").write_bytes(sessions.text(sessions.session(f"of-{folder.name}", 5)))
    for number in range(8):
        home = new_home(f"made-{number}")
        home.path.mkdir()
        if is_begun:
            (home.path / "ledger.duckdb").touch()  # as a kill leaves it
        running = [(folder, home.start("import", folder, "--json")) for folder in logs]
        done = []
        for folder, process in running:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0 or "ledger.duckdb" in errors, errors
            done += [folder] if process.returncode == 0 else []
        assert done
        for folder in done:
            again = home.json("import", folder)
            assert (again["calls"], again["steps"]) == (0, 0), (number, folder.name)
        assert home.json("report")["total"]["cases"] == len(done)
