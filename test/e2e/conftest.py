"""What the end-to-end tests share: the real program in a home of its own, and small inputs."""
import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BURSAR = os.environ.get("BURSAR", str(ROOT / "build/bursar"))
SHARED = Path(os.environ.get("SHARED_DATA", ROOT.parent / "shared/data"))


class Home:
    """A home directory and the program that works in it."""

    def __init__(self, path):
        self.path = path

    def command(self, *args):
        return [BURSAR, *map(str, args), "--home", str(self.path)]

    def run(self, *args, timeout=300, **options):
        return subprocess.run(self.command(*args), capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, check=False, **options)

    def start(self, *args):
        return subprocess.Popen(self.command(*args), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ok(self, *args, **options):
        """Standard output of a run that must succeed."""
        done = self.run(*args, **options)
        assert done.returncode == 0, f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *args, **options):
        return json.loads(self.ok(*args, "--json", **options))

    def refused(self, *args, status=1, **options):
        """The one sentence of a run that must fail with that status."""
        done = self.run(*args, **options)
        assert done.returncode == status, f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.stderr.startswith("bursar: ")
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr

    def verified(self):
        """The totals of a ledger that is whole."""
        verdict = self.json("verify")
        assert verdict["ok"] is True
        return {name: verdict[name] for name in ("steps", "cases", "cost", "unpriced_calls")}


@pytest.fixture(name="home")
def fixture_home(tmp_path):
    return Home(tmp_path / "home")


@pytest.fixture(name="new_home")
def fixture_new_home(tmp_path):
    """Further homes by name."""
    return lambda name: Home(tmp_path / name)


@pytest.fixture(name="shared", scope="session")
def fixture_shared():
    """A folder of the shared data, or a skip that says which is absent."""
    def find(name):
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"{name} is not in the shared data ({SHARED})")
        return path
    return find
