"""Goal: what each workflow cost is right one second after the last acknowledgement, and a report
computed meanwhile is of one moment.
Method: 200,000 calls whose costs are summed here in exact arithmetic, from four clients at once,
30,000 a second in all; reports asked for the whole time. The ledger is written with what others
leave of the processors: the second counts where, as the kernel tells, nobody waited for one."""
import http.client
import json
import threading
import time
from fractions import Fraction
from pathlib import Path

from test_serve import JSON, NS, Server, request

BATCHES, CALLS, CLIENTS = 400, 500, 4
WORKFLOWS = ["claims", "refunds", "leads", "invoices", "contracts"]
TAG = "7a67" * 2  # stands for the batch in every identity
LATER_S = 1
WAITED_SHARE_MAX = 0.1  # of the time, for a processor or a disk
CALLS_A_SECOND = 30_000


def tokens(index):
    return 100 + 7 * index, 10 + index % 13


def template():
    """A batch as JSON; its number is to be put for the tag."""
    def call(index):
        given, made = tokens(index)
        texts = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "claude-sonnet-4-5",
                 "gen_ai.response.id": f"msg_{TAG}_{index}", "bursar.case.id": f"c-{TAG}-{index // 5}",
                 "bursar.workflow": WORKFLOWS[index % 5]}
        counts = {"gen_ai.usage.input_tokens": given, "gen_ai.usage.output_tokens": made}
        return {"traceId": f"{TAG}{index // 5 + 1:024x}", "spanId": f"{TAG}{index + 1:08x}",
                "name": "chat", "kind": 3, "startTimeUnixNano": str(NS + index),
                "endTimeUnixNano": str(NS + index + 500),
                "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in texts.items()]
                + [{"key": k, "value": {"intValue": str(v)}} for k, v in counts.items()]}
    return json.dumps(request([call(index) for index in range(CALLS)])).encode()


def expected():
    """USD a workflow: $3 a million tokens in, $15 out."""
    costs = dict.fromkeys(WORKFLOWS, Fraction(0))
    for index in range(CALLS):
        given, made = tokens(index)
        costs[WORKFLOWS[index % 5]] += BATCHES * Fraction(3 * given + 15 * made, 1_000_000)
    return costs


def waited_s():
    """How long somebody on this machine has waited for a processor or a disk; none where the kernel
    does not tell. Source: Documentation/accounting/psi.rst."""
    try:
        return sum(int(Path(f"/proc/pressure/{of}").read_text("ascii").split()[4].split("=")[1])
                   for of in ("cpu", "io")) / 1e6
    except OSError:
        return None


def test_costs_are_right_one_second_after_the_last_acknowledgement(home):
    server = Server(home)
    body = template()
    refused = []

    def send(first):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for batch in range(first, BATCHES, CLIENTS):
            time.sleep(max(0, began + batch * CALLS / CALLS_A_SECOND - time.monotonic()))
            connection.request("POST", "/v1/traces",
                               body.replace(TAG.encode(), b"%08x" % (batch + 1)), JSON)
            answer = connection.getresponse()
            if (answer.status, answer.read()) != (200, b"{}"):
                refused.append(batch)

    threads = [threading.Thread(target=send, args=(first,)) for first in range(CLIENTS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    meanwhile = []
    while any(thread.is_alive() for thread in threads):
        meanwhile.append(server.ask("GET", "/api/v1/report"))
        time.sleep(0.5)
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    waiting = server.metric("bursar_inbox_messages")
    last, before = time.monotonic(), waited_s()
    server.settle()
    later, after = time.monotonic() - last, waited_s()
    report = server.get("/api/v1/report")[1]
    print(f"{BATCHES * CALLS / took:.0f} calls/s, {waiting:.0f} batches in the inbox at the end, "
          f"all of them in the ledger {later:.2f} s later")
    assert later < LATER_S or after is None or after - before > WAITED_SHARE_MAX * later
    assert server.stop() == 0
    assert refused == []
    for status, said, _ in meanwhile[1:]:
        assert status == 200
        for one in json.loads(said)["workflows"]:
            batches = Fraction(one["calls"], CALLS // 5)
            assert batches.denominator == 1
            assert Fraction(one["cost"]["total"]) == expected()[one["workflow"]] / BATCHES * batches
    got = {one["workflow"]: (one["calls"], Fraction(one["cost"]["total"]))
           for one in report["workflows"]}
    assert got == {name: (BATCHES * CALLS // 5, cost) for name, cost in expected().items()}
    home.verified()
