"""Goal: whatever kind of file a path leads to, its calls are counted once, and none is left out
without a word. Method: the real program on the same file by two paths, pipes, files the system
refuses to read, and one longer than is decoded at a stretch."""
import json
import os
import random
import resource
import signal
import threading

import pytest
import sessions

STRETCH_BYTES = 256 << 20


def committing(session):
    """A session with a git commit in it: a candidate for an outcome."""
    lines = sessions.session(session, 2)
    lines[0]["message"]["content"][0]["input"]["command"] = "git commit -m done"
    lines[1]["message"]["content"][0]["content"] = "[main 1a2b3c4] done\n 1 file changed"
    return lines


def test_a_file_that_two_paths_lead_to_is_read_once(home, tmp_path):
    path = sessions.write(tmp_path / "logs/alpha.jsonl", committing("alpha"))
    got = home.json("import", path, tmp_path / "logs", path)
    assert got["files"] == 1
    assert got["calls"] == 2
    assert got["outcome_candidates"] == 1
    home.verified()


def test_a_copy_in_the_same_import_says_no_outcome_again(home, tmp_path):
    for folder in ("a", "b"):
        sessions.write(tmp_path / "logs" / folder / "alpha.jsonl", committing("alpha"))
    got = home.json("import", tmp_path / "logs")
    assert got["files"] == 2
    assert got["calls"] == 2
    assert got["outcome_candidates"] == 1
    home.verified()


def test_a_pipe_is_refused_and_not_waited_for(home, tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert "neither a file nor a directory" in home.refused("import", tmp_path / "pipe.jsonl")
    sessions.write(tmp_path / "alpha.jsonl", sessions.session("alpha", 2))
    assert home.json("import", tmp_path)["calls"] == 2


def test_a_file_that_cannot_be_read_further_is_tried_again(home):
    memory = f"/proc/{os.getpid()}/mem"  # opens, but nothing lies at its start
    for _ in range(2):
        got = home.json("import", memory, "--format", "codex")
        assert got["files_unchanged"] == 0
        assert "cannot be read further" in got["rejects"][0]


def test_a_full_disk_ends_it_with_a_sentence_and_a_rerun_completes_it(home, tmp_path):
    sessions.write(tmp_path / "logs/alpha.jsonl", sessions.session("alpha", 2000))

    def keep_files_small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    said = home.refused("import", tmp_path / "logs", preexec_fn=keep_files_small)
    assert "File too large" in said
    home.ok("import", tmp_path / "logs")
    assert home.verified()["steps"] == 4000


@pytest.fixture(name="long_log", scope="module")
def fixture_long_log(tmp_path_factory):
    """A log longer than a stretch: calls at its start, around the stretch's end and at its end."""
    path = tmp_path_factory.mktemp("long") / "alpha.jsonl"
    filler = json.dumps({"type": "progress", "sessionId": "alpha", "data": "x" * (1 << 20)}) + "\n"
    with open(path, "wb") as file:
        for number in range(290):
            if number < 3 or number > 240:
                file.write(sessions.text(sessions.session("alpha", 1, first=number)))
            file.write(filler.encode())
    assert path.stat().st_size > STRETCH_BYTES
    return path


def test_a_file_longer_than_a_stretch_is_counted_once_and_whole(home, long_log):
    assert home.json("import", long_log)["calls"] == 3 + 49
    assert home.json("import", long_log)["files_unchanged"] == 1
    home.verified()


def test_stopped_within_a_long_file_it_does_not_say_that_all_is_done(new_home, long_log):
    draw = random.Random(3)
    for seed in range(12):
        home = new_home(f"long-{seed}")
        importing = home.start("import", long_log)
        timer = threading.Timer(draw.uniform(0.1, 0.5),
                                lambda: importing.send_signal(signal.SIGINT))
        timer.start()
        importing.communicate(timeout=300)
        timer.cancel()
        again = home.json("import", long_log)
        assert importing.returncode != 0 or again["files_unchanged"] == 1
        assert home.verified()["steps"] == 2 * (3 + 49)
