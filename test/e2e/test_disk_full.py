"""Goal: a disk that is full or takes no more of a file: the server says 503 and when to come
again, keeps what it acknowledged, answers reports, and goes on by itself when there is room.
Method: the real program on a small disk of its own (tmpfs, where tests may mount one), filled to
several points and emptied again; under a limit on the size of files."""
import json
import os
import resource
import shutil
import subprocess
import threading
import time

import pytest
from conftest import Home
from test_serve import Server, span

DISK_BYTES = 64 << 20
RECOVERED_S_MAX = 60
FILLED_S_MAX = 60
FURTHER = 20  # requests after the first refusal


@pytest.fixture(name="disk")
def fixture_disk(tmp_path):
    """A small disk, unmounted afterwards."""
    path = tmp_path / "disk"
    path.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(path)],
        capture_output=True, check=False).returncode == 0
    if not mounted:
        pytest.skip("tmpfs cannot be mounted here (not root)")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


class Sender:
    """Posts batches and counts the spans that were acknowledged."""

    def __init__(self, home):
        self.server = Server(home)
        self.home = home
        self.number = 1
        self.acknowledged = 0
        self.log = []
        threading.Thread(target=lambda: self.log.extend(self.server.process.stderr),
                         daemon=True).start()

    def send(self, count=100):
        batch = [span(n, case=f"case-{n % 50}") for n in range(self.number, self.number + count)]
        self.number += count
        status, body, fields = self.server.post(batch)
        self.acknowledged += count if status == 200 else 0
        return status, json.loads(body), fields

    def send_until_refused(self):
        """The first refusal; sends on for a while."""
        refusals = []
        until = time.monotonic() + FILLED_S_MAX
        further = FURTHER
        while further > 0:
            status, body, fields = self.send()
            if status != 200:
                assert status == 503
                assert fields["Retry-After"]
                assert body["message"]
                refusals.append(body["message"])
            assert refusals or time.monotonic() < until, "the disk does not fill up"
            further -= len(refusals) > 0
        return refusals[0]

    def recovered(self):
        """Takes spans, is ready, and all that was acknowledged is in the report once."""
        until = time.monotonic() + RECOVERED_S_MAX
        while self.send()[0] != 200 or self.server.ask("GET", "/readyz")[0] != 200:
            assert time.monotonic() < until, self.log[-3:]
            time.sleep(0.1)
        self.server.settle()
        assert self.server.process.poll() is None
        report = self.server.get("/api/v1/report")[1]
        assert sum(one["calls"] for one in report["workflows"]) == self.acknowledged

    def end(self):
        if self.server.process.poll() is None:
            self.server.process.terminate()
        assert self.server.process.wait(300) == 0, self.log[-3:]
        assert self.home.verified()["steps"] == self.acknowledged


def free_bytes(path):
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize


def fill(path, left):
    with open(path / "fill", "wb", buffering=0) as file:
        while (more := free_bytes(path) - left) > 0:
            file.write(bytes(min(more, 1 << 20)))


def test_a_full_disk_is_answered_with_503_and_recovered_from_without_a_restart(disk):
    sender = Sender(Home(disk / "home"))
    sender.send()
    for left in (0, 1 << 18, 3 << 20):
        sender.server.settle()
        fill(disk, left)
        refused = sender.send_until_refused()
        assert "full" in refused
        assert sender.server.ask("GET", "/readyz")[0] == 503
        assert sender.server.ask("GET", "/healthz")[0] == 200
        assert sender.server.get("/api/v1/report")[0] == 200
        (disk / "fill").unlink()
        sender.recovered()
    assert len(sender.log) < 20, "the log fills the disk further"
    sender.end()


def test_killed_on_a_full_disk_it_starts_when_there_is_room_and_has_lost_nothing(disk):
    home = Home(disk / "home")
    sender = Sender(home)
    sender.send()
    fill(disk, 2 << 20)
    assert "full" in sender.send_until_refused()
    sender.server.process.kill()
    sender.server.process.wait()
    (disk / "fill").unlink()
    acknowledged = sender.acknowledged
    sender = Sender(home)
    sender.acknowledged, sender.number = acknowledged, 1_000_000
    sender.recovered()
    sender.end()


def test_a_ledger_that_fails_in_the_middle_of_a_commit_is_opened_anew(home):
    """The ledger's log may not grow further; the journal, which is begun anew, may."""
    log = home.path / "ledger.duckdb.wal"
    sender = Sender(home)
    while not log.exists() or log.stat().st_size < 1_000_000:
        sender.send(1000)
        sender.server.settle()
    sender.server.process.kill()
    sender.server.process.wait()
    for journal in home.path.glob("inbox/*"):
        journal.unlink()
    acknowledged = sender.acknowledged
    sender = Sender(home)
    sender.acknowledged, sender.number = acknowledged, 1_000_000
    assert log.stat().st_size > 1_000_000
    pid = sender.server.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (log.stat().st_size + 2000, hard))
    assert sender.send(4)[0] == 200
    until = time.monotonic() + 60  # the ledger is written with what other programs leave
    while sender.server.metric("bursar_ledger_failing") == 0:
        assert time.monotonic() < until
    for _ in range(20):
        assert sender.server.get("/api/v1/report")[0] == 200
        time.sleep(0.05)
    assert sender.server.ask("GET", "/readyz")[0] == 503
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
    sender.recovered()
    sender.end()


def test_a_command_whose_commit_fails_says_so_and_leaves_no_trouble_behind(home, tmp_path):
    """The same of a command that the server runs, while nothing else is written. Were the ledger
    not opened anew, what the failed commit left in memory would be found as rows of others."""
    log = home.path / "ledger.duckdb.wal"
    table = tmp_path / "crm.csv"
    table.write_text("id,workflow,case,status\n" + "".join(
        f"crm-{n},claims,crm-{n},resolved\n" for n in range(3000)))
    sender = Sender(home)
    while not log.exists() or log.stat().st_size < 200_000:  # the journal's files are smaller
        sender.send()
        sender.server.settle()
    pid = sender.server.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (log.stat().st_size + 3000, hard))
    assert "committing" in home.refused("outcome", "import", table)
    for _ in range(3):
        report = sender.server.get("/api/v1/report")[1]
        assert [one["outcomes_without_attempts"] for one in report["workflows"]] == [0]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
    assert sender.server.ask("GET", "/readyz")[0] == 200
    assert [home.json("outcome", "import", table)["added"] for _ in range(3)] == [3000, 0, 0]
    sender.recovered()
    sender.end()


def test_a_home_on_a_disk_that_may_not_be_written_is_refused_at_start(disk):
    """While files on it are open to write, Linux lets nobody make it read-only."""
    home = Home(disk / "home")
    sender = Sender(home)
    sender.send()
    sender.end()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    said = home.refused("serve", "--listen", "127.0.0.1:0")
    assert str(home.path) in said
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert home.verified()["steps"] == sender.acknowledged
