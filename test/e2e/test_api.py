"""Goal: what is written through the running server is in the ledger once, whole, and prints what it
prints without a server; what is wrong is refused by row, field and reason.
Method: the real program on loopback; kill -9 behind the answer; the same commands with a server and
without one, in two homes."""
import gzip
import json
import os
import pwd
import resource
import signal
import sqlite3
import threading
import time
from contextlib import closing

import pytest
import sessions
from test_serve import JSON, Server, span

LINES = {"Content-Type": "application/x-ndjson"}
GOOD = {"workflow": "claims", "case": "case-1", "status": "resolved"}
OUTCOMES = "/api/v1/outcomes"


@pytest.fixture(name="server")
def fixture_server(home):
    server = Server(home)
    yield server
    server.stop()


def post(server, rows, path=OUTCOMES, headers=None):
    status, body, _ = server.ask("POST", path, json.dumps(rows), headers or JSON)
    return status, json.loads(body)


def stored(home, case="case-1", workflow="claims"):
    """The revisions the ledger has of a case's outcomes, read by another program of ours."""
    return home.json("explain", case, "--workflow", workflow)["outcome"]


@pytest.mark.parametrize("method, path, body, headers, status", [
    ("GET", OUTCOMES, None, {}, 405),
    ("PUT", OUTCOMES, b"{}", JSON, 405),
    ("POST", OUTCOMES, b"", JSON, 400),
    ("POST", OUTCOMES, b" \n", LINES, 400),
    ("POST", OUTCOMES, b"[]", JSON, 400),
    ("POST", OUTCOMES, b"{", JSON, 400),
    ("POST", OUTCOMES, b"\xff\xfe", JSON, 400),
    ("POST", OUTCOMES, b"7", JSON, 400),
    ("POST", OUTCOMES, b'{"case": NaN}', JSON, 400),
    ("POST", OUTCOMES, b"{}", {}, 415),
    ("POST", OUTCOMES, b"{}", {"Content-Type": "text/plain"}, 415),
    ("POST", OUTCOMES, b"{}", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ("POST", OUTCOMES, b"x", {**JSON, "Content-Encoding": "zstd"}, 415),
    ("POST", OUTCOMES, b"x", {**JSON, "Content-Encoding": "gzip"}, 400),
    ("POST", OUTCOMES, gzip.compress(json.dumps(GOOD).encode())[:-9],
     {**JSON, "Content-Encoding": "gzip"}, 400),
    ("POST", OUTCOMES, gzip.compress(b" " * (65 << 20)), {**JSON, "Content-Encoding": "gzip"}, 413),
    ("POST", OUTCOMES, b"{}\n" * 100_001, LINES, 413),
    ("POST", OUTCOMES, b"[" * 2000 + b"]" * 2000, JSON, 413),
    ("POST", OUTCOMES + "?workflow=%ff", b"{}", JSON, 400),
    ("POST", OUTCOMES + "?workflow=%zz", b"{}", JSON, 400),
    ("POST", OUTCOMES + "?nope=1", b"{}", JSON, 400),
    ("POST", OUTCOMES, b"{}", {**JSON, "Host": "elsewhere.example"}, 403),
    ("GET", "/api/v1/outcome?arg=add&arg=claims&arg=case-1&arg=resolved", None, {}, 405),
    ("POST", "/api/v1/outcome?arg=add&arg=claims&arg=case-1&arg=resolved", b"", {}, 415),
    ("POST", "/api/v1/outcome?arg=add&arg=claims&arg=case-1&arg=done", b"", JSON, 400),
    ("GET", "/api/v1/import?arg=/etc/passwd", None, {}, 405),
    ("POST", "/api/v1/import?arg=/etc/passwd", b"", JSON, 400),
    ("POST", "/api/v1/outcome?arg=import&arg=/etc/passwd", b"", JSON, 400),
    ("POST", "/api/v1/outcome?arg=import&arg=x.csv&map=/etc/passwd", b"", JSON, 400),
    ("POST", "/api/v1/kpi?arg=import&arg=/etc/passwd", b"", JSON, 400),
    ("POST", "/api/v1/price?arg=update", b"", JSON, 405),
    ("GET", "/api/v1/price?arg=update&apply", None, {}, 405),
    ("GET", "/api/v1/price?model=claude-sonnet-4-5", None, {}, 404),
    ("GET", "/api/v1/report?config=/etc/passwd", None, {}, 400),
    ("GET", "/api/v1/utility?workflow=claims&caps=@/etc/passwd", None, {}, 400),
    ("POST", "/api/v1/report", b"", JSON, 405),
], ids=lambda value: "" if isinstance(value, (bytes, dict)) else None)
def test_what_is_wrong_is_refused_and_the_server_goes_on(server, method, path, body, headers, status):
    got, answer, _ = server.ask(method, path, body, headers)
    assert got == status, answer
    assert json.loads(answer)["error"]["code"] == status
    assert b"root:" not in answer
    assert post(server, GOOD)[0] == 200


@pytest.mark.parametrize("change, field, found", [
    ({"case": None}, "case", None),
    ({"case": ""}, "case", None),
    ({"workflow": None}, "workflow", None),
    ({"status": None}, "status", None),
    ({"status": "done"}, "status", "done"),
    ({"status": ["resolved"]}, "status", '["resolved"]'),
    ({"value": -1}, "value", "-1"),
    ({"value": "NaN"}, "value", "NaN"),
    ({"value": "12,50"}, "value", "12,50"),
    ({"value": 1e30}, "value", "1e+30"),
    ({"value": {"usd": 1}}, "value", '{"usd":1}'),
    ({"value_usd": "-0.01"}, "value_usd", "-0.01"),
    ({"minutes": -1}, "minutes", "-1"),
    ({"quality": 1.01}, "quality", "1.01"),
    ({"at": "yesterday"}, "at", "yesterday"),
    ({"at": "2200-01-01"}, "at", "2200-01-01"),
    ({"recorded_at": "2200-01-01"}, "recorded_at", "2200-01-01"),
    ({"case_id": "x"}, "case_id", "x"),
    ({"reference": "r" * 4097}, "reference", "r" * 60),
])
def test_a_bad_row_is_told_by_field_and_the_good_ones_are_kept(server, home, change, field, found):
    rows = [{**GOOD, "id": "a"}, {**GOOD, **change}, {**GOOD, "case": "case-2"}]
    status, answer = post(server, rows)
    assert status == 200
    assert (answer["accepted"], answer["rejected"]) == (2, 1)
    [reject] = answer["rejects"]
    assert (reject["index"], reject["field"], reject["found"]) == (1, field, found)
    assert reject["message"]
    status, answer = post(server, rows[1])
    assert (status, answer["accepted"], answer["error"]["code"]) == (400, 0, 400)
    server.settle()
    assert home.verified()["cases"] == 2


def test_lines_are_taken_and_a_broken_one_is_told_by_its_line(server, home):
    body = b'{"case":"case-1","status":"resolved"}\n\n{"case":"ca\n7\n{"case":"case-2","status":"failed"}'
    status, answer, _ = server.ask("POST", OUTCOMES + "?workflow=claims", body, LINES)
    answer = json.loads(answer)
    assert (status, answer["accepted"]) == (200, 2)
    assert [(r["index"], r["line"]) for r in answer["rejects"]] == [(1, 3), (2, 4)]
    server.settle()
    assert home.verified()["cases"] == 2


def test_names_that_mean_nothing_are_said(server):
    assert post(server, {**GOOD, "minuts": 3})[1]["ignored"] == ["minuts"]


def test_an_outcome_counts_once_however_often_it_is_sent(server, home):
    server.post([span(1)])
    row = {**GOOD, "id": "o-1", "value": 12.1, "minutes": 3, "quality": 0.5, "source": "crm"}
    body = json.dumps([row, row]).encode()
    for _ in range(3):
        assert server.ask("POST", OUTCOMES, body, JSON)[0] == 200
    packed = {**JSON, "Content-Encoding": "gzip"}
    assert server.ask("POST", OUTCOMES, gzip.compress(body), packed)[0] == 200
    server.settle()
    report = home.json("report", "claims")["workflows"][0]
    assert (report["cases"], report["resolved"], report["value"]["total"]) == (1, 1, "12.1")
    home.verified()


def test_what_is_sent_later_under_the_same_id_corrects_what_was_sent_before(server, home):
    server.post([span(1), span(2, case="case-2")])
    for status in ("failed", "escalated", "resolved"):  # quicker than the ledger takes them
        assert post(server, {**GOOD, "id": "o-1", "status": status})[0] == 200
    assert post(server, [{**GOOD, "case": "case-2", "id": "o-2", "status": status}
                         for status in ("resolved", "reopened", "failed")])[0] == 200
    server.settle()
    assert stored(home) == "resolved"
    assert stored(home, "case-2") == "failed"
    late = {**GOOD, "id": "o-1", "recorded_at": "2026-01-02"}
    assert post(server, [{**late, "status": "failed"}])[0] == 200
    server.settle()
    home.verified()


def test_what_was_answered_outlives_kill_9_and_is_there_once(home):
    """Killed right behind the answer, before the tenth of a second after which it is moved."""
    rows = [{"workflow": "claims", "case": f"case-{n}", "status": "resolved", "id": f"o-{n}"}
            for n in range(20)]
    server = Server(home)
    server.post([span(n + 1, case=f"case-{n}") for n in range(20)])
    for first in range(0, 20, 5):
        assert post(server, rows[first:first + 5])[0] == 200
        server.stop(signal.SIGKILL)
        server = Server(home)
    assert post(server, rows)[1]["accepted"] == 20
    server.settle()
    report = home.json("report", "claims")["workflows"][0]
    assert (report["cases"], report["resolved"]) == (20, 20)
    assert server.stop() == 0
    home.verified()



def test_commands_that_write_do_so_through_the_server_and_print_the_same(new_home, tmp_path):
    """The same lines in two homes, one with a server; paths are relative to where they are typed."""
    sessions.write(tmp_path / "logs/alpha.jsonl", sessions.session("alpha", 40))
    (tmp_path / "closed.csv").write_text(
        "id,workflow,case,status,value\no1,support,alpha,resolved,12.5\no2,support,beta,done,\n")
    (tmp_path / "kpi.csv").write_text("name,unit,at,value\ntickets,1,2026-03-01,4\n")
    lines = [
        ("import", "logs", "--workflow", "support"), ("import", "logs", "--workflow", "support"),
        ("import", "logs", "--workflow", "support", "--json"),
        ("outcome", "import", "closed.csv"), ("outcome", "import", "closed.csv", "--json"),
        ("outcome", "add", "support", "alpha", "escalated", "--at", "2026-03-05"),
        ("outcome", "add", "support", "alpha", "escalated", "--at", "2026-03-05"),
        ("outcome", "add", "support", "alpha", "nonsense"),
        ("outcome", "import", "absent.csv"), ("import", "absent"),
        ("kpi", "import", "kpi.csv", "--workflow", "support"), ("kpi",), ("kpi", "--json"),
        ("price", "update"), ("price", "update", "--apply"), ("price", "update", "--json"),
        ("report", "--json"), ("verify", "--json"),
    ]
    alone, served = new_home("alone"), new_home("served")
    server = Server(served)
    for line in lines:
        if line == ("price", "update"):
            for each in alone, served:
                (each.path / "bursar.yaml").write_text(
                    "prices:\n  - {provider: anthropic, discount: 12%, from: 2026-01-01, source: x}\n")
        here = alone.run(*line, cwd=tmp_path)
        there = served.run(*line, cwd=tmp_path)
        assert here.stdout.replace(str(alone.path), "HOME") == \
            there.stdout.replace(str(served.path), "HOME"), line
        assert here.returncode == there.returncode, line
        assert here.stderr == there.stderr.replace(f"{tmp_path}/", ""), line
    assert server.metric("bursar_changes_answered_total") > 5
    assert server.stop() == 0
    assert served.ok("report", "--json") == alone.ok("report", "--json")
    assert served.verified() == alone.verified()


def test_a_command_that_reads_names_files_where_it_is_typed(server, home, tmp_path):
    server.post([span(number, case=f"case-{number}") for number in range(1, 9)])
    post(server, [{**GOOD, "case": f"case-{number}", "value": 1} for number in range(1, 9)])
    server.settle()
    (tmp_path / "caps.txt").write_text("0.001\n0.01\n")
    (tmp_path / "other.yaml").write_text("workflows: {claims: {unit: claim}}\n")
    curve = home.json("utility", "claims", "--caps", "@caps.txt", cwd=tmp_path)["curve"]
    assert [point["cap_usd"] for point in curve] == [
        point["cap_usd"] for point in home.json("utility", "claims", "--caps", "0.001,0.01")["curve"]]
    report = home.json("report", "claims", "--config", "other.yaml", cwd=tmp_path)
    assert report["workflows"][0]["unit"] == "claim"
    assert home.json("report", "claims")["workflows"][0]["unit"] == "case"


def test_a_command_over_http_writes_and_leaves_a_trail(server, home):
    server.post([span(1)])
    server.settle()
    path = "/api/v1/outcome?arg=add&arg=claims&arg=case-1&arg=resolved&value=3"
    status, body, _ = server.ask("POST", path, b"", JSON)
    assert (status, json.loads(body)["added"]) == (200, 1)
    status, body, _ = server.ask("POST", "/api/v1/price?arg=update&apply", b"{}", JSON)
    assert (status, json.loads(body)["applied"]) == (200, True)
    assert stored(home) == "resolved"
    assert server.get("/api/v1/explain?case=case-1&workflow=claims")[0] == 200


def trail(home):
    with closing(sqlite3.connect(home.path / "control.sqlite")) as control:
        return control.execute("SELECT actor, action, subject, detail FROM audit").fetchall()


def test_each_write_leaves_a_line_in_the_audit_trail(server, home, tmp_path):
    sessions.write(tmp_path / "logs/alpha.jsonl", sessions.session("alpha", 2))
    (tmp_path / "kpi.csv").write_text("name,unit,at,value\ntickets,1,2026-03-01,4\n")
    me = pwd.getpwuid(os.getuid()).pw_name
    assert post(server, [GOOD, {**GOOD, "case": "case-2"}, {**GOOD, "status": "x"}])[0] == 200
    server.settle()
    home.ok("import", tmp_path / "logs", "--workflow", "support")
    home.ok("outcome", "add", "support", "alpha", "resolved")
    home.ok("kpi", "import", tmp_path / "kpi.csv", "--workflow", "support")
    server.ask("POST", "/api/v1/outcome?arg=add&arg=claims&arg=case-1&arg=failed", b"", JSON)
    lines = trail(home)
    assert [line[:2] for line in lines] == [
        ("http 127.0.0.1", "outcomes post"), (me, "import"), (me, "outcome add"),
        (me, "kpi import"), ("http 127.0.0.1", "outcome add")]
    assert lines[0][2:] == ("case-1 of claims and others", "2 received")
    home.refused("outcome", "add", "support", "alpha", "done", status=2)
    assert post(server, {**GOOD, "status": "x"})[0] == 400
    assert trail(home) == lines


@pytest.mark.parametrize("text", ["\u0000", "a\u0000b", "\ud83d\ude00", "'; DROP TABLE steps", "a\nb",
                                  "\u202e", "x" * 4095], ids=range(7))
def test_strange_names_are_kept_as_they_are(server, home, text):
    row = {**GOOD, "workflow": "w" + text, "case": text, "id": text, "source": text}
    for _ in range(2):
        assert post(server, row)[0] == 200
    server.settle()
    assert home.verified()["cases"] == 1


def test_what_cannot_be_written_is_not_acknowledged_and_is_taken_when_it_can(server, home):
    """A limit on the size of files stands in for a full disk."""
    assert post(server, GOOD)[0] == 200
    server.settle()
    limit = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (16, limit[1]))
    status, body, fields = server.ask("POST", OUTCOMES, json.dumps({**GOOD, "case": "x"}), JSON)
    assert (status, fields["Retry-After"]) == (503, "1"), body
    assert server.post([span(1)])[0] == 503
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limit)
    assert post(server, {**GOOD, "case": "case-2"})[0] == 200
    assert server.post([span(2)])[0] == 200
    server.settle()
    totals = home.verified()
    assert (totals["cases"], totals["steps"]) == (2, 1)


def test_telemetry_goes_on_while_a_long_import_has_the_ledger(server, home, tmp_path):
    calls = sessions.write_tree(tmp_path / "logs", 60, 500)
    importing = home.start("import", tmp_path / "logs", "--workflow", "support", "--json")
    number = 0
    slowest = 0
    while importing.poll() is None:
        number += 1
        began = time.monotonic()
        assert server.post([span(number)])[0] == 200
        assert post(server, {**GOOD, "id": f"o-{number}"})[0] == 200
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.02)
    out, said = importing.communicate()
    assert importing.returncode == 0, said
    assert json.loads(out)["calls"] == calls
    assert number > 0
    assert slowest < 30
    server.settle()
    report = {w["workflow"]: w for w in home.json("report")["workflows"]}
    assert report["claims"]["calls"] == number
    assert report["support"]["calls"] == calls
    home.verified()


def until_asked(server):
    """Until somebody else has asked the server for something."""
    first = server.metric("bursar_http_requests_total")
    own, until = 1, time.monotonic() + 60
    while server.metric("bursar_http_requests_total") == first + own:
        assert time.monotonic() < until
        own += 1
        time.sleep(0.005)


def test_a_client_that_leaves_does_not_leave_an_import_half_done(server, home, tmp_path):
    calls = sessions.write_tree(tmp_path / "logs", 60, 500)
    importing = home.start("import", tmp_path / "logs", "--workflow", "support")
    until_asked(server)
    importing.kill()
    importing.communicate()
    until = time.monotonic() + 60
    while server.metric("bursar_changes_answered_total") == 0:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert home.json("report")["workflows"][0]["calls"] == calls
    home.verified()


def test_a_server_that_stops_ends_an_import_between_groups(home, tmp_path):
    calls = sessions.write_tree(tmp_path / "logs", 200, 500)
    server = Server(home)
    importing = home.start("import", tmp_path / "logs", "--workflow", "support")
    until_asked(server)
    assert server.stop() == 0
    importing.communicate()
    home.verified()
    home.run("import", tmp_path / "logs", "--workflow", "support")
    assert home.json("report")["workflows"][0]["calls"] == calls


def test_many_write_at_once_and_nothing_is_lost_or_twice(server, home):
    def add(worker):
        for number in range(5):
            case = f"case-{worker}-{number}"
            server.post([span(worker * 100 + number + 1, case=case)])
            home.ok("outcome", "add", "claims", case, "resolved", "--value", "1")
            post(server, {**GOOD, "case": case, "id": case, "status": "resolved", "value": 1})

    threads = [threading.Thread(target=add, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.settle()
    report = home.json("report", "claims")["workflows"][0]
    assert (report["cases"], report["resolved"], report["value"]["total"]) == (20, 20, "20")
    home.verified()
