"""Goal: killed at any moment - under load, while it starts, while it stops - the server has lost
nothing that it acknowledged, and counts nothing twice.
Method: kill -9 in rounds while several clients send requests of several kinds; afterwards every
acknowledged request is sent again, of which nothing may be new to the ledger, then those whose
answer never came: each call and each outcome must be there exactly once. KILL_ROUNDS says how many rounds
(`make soak`: 100)."""
import gzip
import http.client
import json
import os
import random
import signal
import subprocess
import threading
import time

from test_serve import JSON, NS, Server, request, span

ROUNDS = int(os.environ.get("KILL_ROUNDS", "15"))
START_S_MAX = 2  # of a processor
RECORDS = 5  # of a request


def spans(first):
    body = request([span(n, case=f"case-{n % 97}") for n in range(first, first + RECORDS)])
    return "/v1/traces", json.dumps(body).encode(), JSON


def packed_spans(first):
    path, body, fields = spans(first)
    return path, gzip.compress(body, 1), {**fields, "Content-Encoding": "gzip"}


def outcomes(first):
    """An agent's span with the outcome of its case, and its calls."""
    whole = [span(n, case=f"done-{first}") for n in range(first, first + RECORDS)]
    whole[0]["attributes"] += [{"key": "bursar.outcome", "value": {"stringValue": "resolved"}}]
    return "/v1/traces", json.dumps(request(whole)).encode(), JSON


def events(first):
    """Log records as Claude Code sends them."""
    def record(n):
        values = {"event.name": "api_request", "session.id": f"s-{n % 97}", "model": "claude-sonnet-4-5",
                  "input_tokens": 1000, "output_tokens": 100, "request_id": f"req_{n:012}",
                  "event.sequence": n, "bursar.workflow": "claims"}
        return {"timeUnixNano": str(NS + n * 1000), "body": {"stringValue": "claude_code.api_request"},
                "attributes": [{"key": key, "value": {"intValue": str(value)} if isinstance(value, int)
                                else {"stringValue": value}} for key, value in values.items()]}
    body = {"resourceLogs": [{"scopeLogs": [{"scope": {"name": "com.anthropic.claude_code.events"},
                                             "logRecords": [record(n) for n in
                                                            range(first, first + RECORDS)]}]}]}
    return "/v1/logs", json.dumps(body).encode(), JSON


def posted(first):
    """Outcomes of another system, of cases that have no calls."""
    rows = [{"id": f"crm-{n}", "workflow": "claims", "case": f"crm-{n}", "status": "resolved"}
            for n in range(first, first + RECORDS)]
    return "/api/v1/outcomes", json.dumps(rows).encode(), JSON


KINDS = [spans, packed_spans, outcomes, events, posted]


class Client(threading.Thread):
    """Sends on one connection until the server is gone."""

    def __init__(self, server, kind, first):
        super().__init__()
        self.server, self.kind, self.next = server, kind, first
        self.acknowledged, self.in_doubt = [], []

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        while True:
            first = self.next
            self.next += RECORDS
            try:
                connection.request("POST", *self.kind(first))
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                self.in_doubt.append((self.kind, first))
                return
            (self.acknowledged if answer.status == 200 else self.in_doubt).append((self.kind, first))


def kill_while_it_starts(home, draw):
    """However far it came with what an earlier run left."""
    process = subprocess.Popen(home.command("serve", "--listen", "127.0.0.1:0"),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    time.sleep(draw.uniform(0, 0.25))
    process.kill()
    process.wait()


def send(server, sent):
    for kind, first in sent:
        path, body, fields = kind(first)
        assert server.ask("POST", path, body, fields)[0] == 200
    server.settle()


def test_nothing_acknowledged_is_lost_or_twice_however_often_it_is_killed(home):
    draw = random.Random(2026)
    acknowledged, in_doubt = [], []
    slowest = 0
    for rounds in range(ROUNDS):
        server = Server(home)
        slowest = max(slowest, server.processor_s())
        clients = [Client(server, KINDS[i % len(KINDS)], 1 + (rounds * 8 + i) * 1_000_000) for i in range(6)]
        for client in clients:
            client.start()
        time.sleep(draw.uniform(0.02, 0.6))
        if rounds % 3 == 1:
            server.process.send_signal(signal.SIGTERM)
            time.sleep(draw.uniform(0, 0.2))
        server.stop(signal.SIGKILL)
        for client in clients:
            client.join()
            acknowledged += client.acknowledged
            in_doubt += client.in_doubt
        if rounds % 3 == 2:
            kill_while_it_starts(home, draw)
    server = Server(home)
    server.settle()
    added = ("bursar_ledger_steps_added_total", "bursar_ledger_outcomes_added_total")
    before = [server.metric(name) for name in added]
    send(server, acknowledged)
    lost = [server.metric(name) - old for name, old in zip(added, before)]
    send(server, in_doubt)
    report = server.get("/api/v1/report")[1]
    assert server.stop() == 0
    print(f"{ROUNDS} rounds, {len(acknowledged) * RECORDS} records acknowledged, {len(in_doubt)} "
          f"requests in doubt, lost {lost}, slowest start {slowest:.2f} s")
    assert len(acknowledged) > ROUNDS
    assert lost == [0, 0]
    kinds = [kind for kind, _ in acknowledged + in_doubt]
    assert kinds.count(posted) > ROUNDS / 2
    steps = RECORDS * (len(kinds) - kinds.count(posted))
    assert home.verified()["steps"] == steps
    assert sum(one["calls"] for one in report["workflows"]) == steps
    assert sum(one["resolved"] for one in report["workflows"]) == kinds.count(outcomes)
    untraced = sum(one["outcomes_without_attempts"] for one in report["workflows"])
    assert untraced == RECORDS * kinds.count(posted)
    assert slowest < START_S_MAX
