"""Goal: what holds of every command: help with an example, exit status, plain output, JSON.
Method: the commands as `bursar --help` lists them."""
import json
import re
import shlex
import subprocess

import pytest
import sessions
from conftest import BURSAR


def commands():
    listed = subprocess.run([BURSAR, "--help"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^  (\w+) {2,}\S", listed, re.M)


REPORTS = [("report",), ("return",), ("explain", "alpha"), ("verify",), ("doctor",), ("version",),
           ("price", "gpt-5", "--usage", '{"output":1}'), ("price", "list"), ("import", "LOGS"),
           ("outcome", "add", "w", "alpha", "resolved")]


@pytest.fixture(name="filled")
def fixture_filled(home, tmp_path):
    sessions.write(tmp_path / "logs/alpha.jsonl", sessions.session("alpha", 2))
    home.ok("import", tmp_path / "logs")
    return home, str(tmp_path / "logs")


@pytest.mark.parametrize("name", commands())
def test_help_has_an_example_that_names_the_command(home, name):
    text = home.ok(name, "--help")
    assert text.startswith(f"usage: bursar {name}")
    example = text.split("\nExample\n")[1]
    assert f"bursar {name}" in example
    assert max(map(len, text.splitlines())) <= 100
    assert home.ok(name, "-h") == text


@pytest.mark.parametrize("name", [name for name in commands() if name != "serve"])
def test_its_example_is_no_wrong_use(home, tmp_path, name):
    """What it asks for need not be in an empty ledger, which is status 1."""
    for line in home.ok(name, "--help").split("\nExample\n")[1].splitlines():
        words = shlex.split(line)
        if words[:1] == ["bursar"]:
            done = home.run(*words[1:], cwd=tmp_path)
            assert done.returncode in (0, 1), f"{line}\n{done.stderr}"


@pytest.mark.parametrize("name", commands())
def test_an_unknown_option_is_wrong_use(home, name):
    assert "--no-such-option" in home.refused(name, "--no-such-option", status=2)


@pytest.mark.parametrize("args", [
    ("nonsense",), ("report", "--since", "soon"), ("report", "--until"), ("import",), ("explain",),
    ("explain", "a", "b"), ("price",), ("explain", "x", "--as-of", "never"), ("outcome",),
])
def test_wrong_use_is_exit_status_2(home, args):
    home.refused(*args, status=2)


def test_without_a_command_it_says_what_there_is():
    done = subprocess.run([BURSAR], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "usage: bursar" in done.stdout
    assert done.stdout == subprocess.run([BURSAR, "--help"], capture_output=True, text=True,
                                         check=True).stdout


@pytest.mark.parametrize("name", ["report", "return", "verify", "explain"])
def test_without_a_ledger_it_says_how_to_start(home, name):
    args = (name, "x") if name == "explain" else (name,)
    assert "bursar import" in home.refused(*args)
    assert not home.path.exists()


@pytest.mark.parametrize("args", REPORTS, ids=lambda args: args[0])
def test_json_is_one_document_with_a_schema(filled, args):
    home, logs = filled
    args = [logs if arg == "LOGS" else arg for arg in args]
    done = home.run(*args, "--json")
    assert done.returncode in (0, 1), done.stderr
    answer = json.loads(done.stdout)
    if args[0] != "version":
        assert re.fullmatch(r"bursar\.[\w.]+/1", answer["schema"])
    assert "NaN" not in done.stdout
    assert "Infinity" not in done.stdout


@pytest.mark.parametrize("args", REPORTS, ids=lambda args: args[0])
def test_output_to_a_pipe_has_no_control_characters(filled, args):
    home, logs = filled
    done = home.run(*(logs if arg == "LOGS" else arg for arg in args))
    for text in (done.stdout, done.stderr):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)


def test_escape_codes_in_a_log_do_not_reach_the_terminal(home, tmp_path):
    line = sessions.call("alpha", 1, model="claude-\x1b[31mred\x07")
    line["gitBranch"] = "\x1b]0;title\x07\u009b31m"
    home.ok("import", sessions.write(tmp_path / "alpha.jsonl", [line]))
    for command in (("explain", "alpha"), ("report",)):
        text = home.ok(*command)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\x80-\x9f]", text), command


def test_a_reader_that_leaves_early_is_no_disaster(filled):
    home, _ = filled
    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    reader.wait()
    done = subprocess.run(home.command("explain", "alpha"), stdout=reader.stdin,
                          stderr=subprocess.PIPE, timeout=60, check=False)
    reader.stdin.close()
    assert done.returncode in (1, -13)
    assert b"CHECK" not in done.stderr
