"""Goal: compressed bodies are read, changed where they must be and metered; what a budget posted is
what the ledger has, also when prices change under way; estimated calls are said to be estimated.
Method: the real program, plain HTTP clients, a provider on loopback (upstream.py)."""
import concurrent.futures
import gzip
import http.client
import json
import signal
import time
import zlib
from decimal import Decimal

import pytest

from test_budget import reload
from test_gateway import (ask, chat, cost, fixture_start, fixture_upstream,  # noqa: F401
                          spent)

PACKERS = {"gzip": gzip.compress, "deflate": zlib.compress,
           "bare": lambda body: zlib.compress(body, wbits=-15)}


def send(server, body, packing, path="/v1/chat/completions"):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", path, body, {"Content-Type": "application/json",
                                            "Content-Encoding": packing})
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response.status, {k.lower(): v for k, v in response.getheaders()}, data


def question(**more):
    return json.dumps({"model": "gpt-4.1", "max_tokens": 50, "messages": [
        {"role": "user", "content": json.dumps({"input": 321, "output": 7})}], **more}).encode()


@pytest.mark.parametrize("body, packing, words", [
    (b"no gzip at all", "gzip", "gzip"), (gzip.compress(b"[]"), "gzip", "object"),
    (gzip.compress(question())[:-30], "gzip", "JSON"), (question(), "br", "compressed as br"),
    (gzip.compress(b" " * (48 << 20)), "gzip", "times as large"),
])
def test_what_cannot_be_unpacked_is_not_forwarded(start, upstream, body, packing, words):
    server = start()
    before = server.memory()
    status, _, data = send(server, body, packing)
    assert status == 400
    assert words in json.loads(data)["error"]["message"]
    assert upstream.log == []
    assert server.memory() - before < 64 << 20


@pytest.mark.parametrize("name", PACKERS)
def test_a_packed_request_goes_on_as_it_came(home, start, upstream, name):
    server = start()
    packed = PACKERS[name](question())
    packing = "deflate" if name == "bare" else name
    if name == "bare":
        status, _, _ = send(server, packed, packing, "/openai/v1/other")
        assert status == 200
        assert upstream.log[0]["body"] == packed
        return
    status, headers, _ = send(server, packed, packing)
    assert status == 200
    assert upstream.log[0]["body"] == packed
    assert upstream.log[0]["fields"]["content-encoding"] == packing
    assert Decimal(headers["x-bursar-cost-usd"]) == cost(upstream.answered()[0])
    assert spent(home, server) == cost(upstream.answered()[0])


def test_a_packed_request_that_is_changed_goes_on_plain(start, upstream):
    server = start("routes: [{match: {model: gpt-4.1}, model: gpt-4.1-mini}]")
    assert send(server, gzip.compress(question()), "gzip")[0] == 200
    entry = upstream.log[0]
    assert "content-encoding" not in entry["fields"]
    assert json.loads(entry["body"])["model"] == "gpt-4.1-mini"


@pytest.mark.parametrize("path, model", [("/v1/chat/completions", "gpt-4.1"),
                                         ("/v1/responses", "gpt-4.1"),
                                         ("/v1/messages", "claude-sonnet-4-5")])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("packing", ["gzip", "deflate"])
def test_a_packed_answer_passes_untouched_and_is_metered(home, start, upstream, path, model,
                                                         stream, packing):
    server = start()
    more = {"max_tokens": 200} if path.endswith("messages") else {}
    status, headers, body = ask(server, path, {"input": 500, "output": 33, "pack": packing},
                                model=model, stream=stream, **more)
    assert status == 200
    assert headers["content-encoding"] == packing
    plain = gzip.decompress(body) if packing == "gzip" else zlib.decompress(body)
    assert b"usage" in plain
    assert spent(home, server) == cost(upstream.answered()[0])
    assert server.metric("bursar_gateway_calls_metered_total") == 1


def test_an_answer_that_cannot_be_read_is_estimated_and_said_to_be(home, start):
    server = start()
    status, _, _ = chat(server, {"input": 500, "pack": "br"}, max_tokens=50,
                        headers={"x-bursar-case": "c1", "x-bursar-workflow": "w"})
    assert status == 200
    total = spent(home, server)
    assert total > 0
    assert server.metric("bursar_gateway_calls_estimated_total") == 1
    assert server.metric("bursar_gateway_estimated_usd_total") == float(total)
    assert Decimal(home.json("report")["total"]["estimated"]["cost"]) == total
    assert home.json("report")["total"]["estimated"]["calls"] == 1
    assert "estimated" in home.run("explain", "c1", "--workflow", "w").stdout


def test_a_response_in_the_background_is_settled_by_the_reply_that_tells_its_usage(home, start,
                                                                                     upstream):
    """Its money stays held until it is fetched and done; then it costs what it used, once."""
    server = start("budgets: [{scope: org, period: total, usd: 5}]")

    def balance():
        row, = home.json("budget")["budgets"]
        return Decimal(row["spent"]), Decimal(row["held"])

    def fetch():
        status, body, fields = server.ask("GET", f"/openai/v1/responses/{entry['id']}")
        assert status == 200
        return json.loads(body)["status"], fields.get("x-bursar-cost-usd")
    wish = json.dumps({"input": 900, "output": 400, "polls": 2})
    body = json.dumps({"model": "gpt-4.1", "background": True, "input": wish,
                       "max_output_tokens": 5000})
    status, _, _ = server.ask("POST", "/openai/v1/responses", body, {
        "Content-Type": "application/json", "x-bursar-workflow": "w", "x-bursar-case": "c1"})
    assert status == 200
    entry = upstream.log[0]
    spent_usd, held = balance()
    assert spent_usd == 0 and held > Decimal("0.04")  # 5,000 tokens of output
    assert spent(home, server) == 0
    row, = home.json("explain", "c1", "--workflow", "w")["attempts"][0]["steps"]
    assert row["cost"] is None and "goes on in the background" in row["note"]
    assert [fetch()[0] for _ in range(2)] == ["in_progress"] * 2
    assert balance() == (0, held)
    cost_usd = (2 * 900 + 8 * 400) / Decimal(1_000_000)
    done, told = fetch()
    assert done == "completed" and Decimal(told) == cost_usd
    assert balance() == (cost_usd, 0)
    assert fetch() == ("completed", "0") and balance() == (cost_usd, 0)
    assert spent(home, server) == cost_usd
    row, = home.json("explain", "c1", "--workflow", "w")["attempts"][0]["steps"]
    assert Decimal(row["cost"]) == cost_usd and "of a later reply" in row["note"]
    assert home.verified()["unpriced_calls"] == 0


def test_an_answer_without_usage_is_estimated_by_its_text(home, start, upstream):
    server = start()
    _, headers, _ = chat(server, {"no_usage": True}, max_tokens=50)
    # '{"no_usage": true}' is six tokens, its frame seven at $2 a million; "Done." two at $8.
    assert headers["x-bursar-cost-usd"] == "0.000042"
    assert spent(home, server) == Decimal(headers["x-bursar-cost-usd"])


def test_a_price_that_changes_under_way_parts_no_ledger_from_its_budget(home, start, upstream):
    more = ("budgets: [{scope: org, period: month, usd: 100}]\n"
            "prices: [{model: gpt-4.1, provider: openai, input: PRICE, output: 8}]\n")
    server = start(more.replace("PRICE", "20"))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        call = pool.submit(chat, server, {"input": 1000, "output": 0, "gate": "later"}, max_tokens=10)
        while not upstream.log:
            time.sleep(0.01)
        reload(server, home, upstream, more.replace("PRICE", "2"))
        upstream.open("later")
        headers = call.result()[1]
    assert Decimal(headers["x-bursar-cost-usd"]) == Decimal("0.02")
    assert spent(home, server) == Decimal("0.02")
    assert chat(server, {"input": 1000, "output": 0}, max_tokens=10)[1]["x-bursar-cost-usd"] == "0.002"
    assert spent(home, server) == Decimal("0.022")


# ---- what the budgets were charged, and the ledger


def settled_check(home, status=0):
    done = home.run("verify", "--json")
    assert done.returncode == status, done.stdout + done.stderr
    check, = [check for check in json.loads(done.stdout)["checks"] if "charged" in check["check"]]
    return check


def test_verify_holds_the_log_of_holds_against_the_ledger(home, start, upstream):
    """While calls are on their way, after a kill, and with a ledger that lost one of them."""
    server = start("budgets: [{scope: org, period: total, usd: 5}]")
    assert chat(server, {"input": 10, "output": 5})[0] == 200
    spent(home, server)
    assert settled_check(home) == {"check": "what the budgets were charged is what the calls cost",
                                   "ok": True, "found": []}
    server.stop()
    older = (home.path / "ledger.duckdb").read_bytes()
    server = start("budgets: [{scope: org, period: total, usd: 5}]")
    for _ in range(20):
        assert chat(server, {"input": 10, "output": 5})[0] == 200
        assert settled_check(home)["ok"]
    server.stop(signal.SIGKILL)
    (home.path / "serve.json").unlink()
    assert settled_check(home)["ok"]  # what waits in the inbox is not lost
    server = start("")
    assert spent(home, server) == sum(map(cost, upstream.answered()))
    server.stop()
    assert settled_check(home)["ok"]
    (home.path / "ledger.duckdb").write_bytes(older)
    check = settled_check(home, 1)
    assert not check["ok"] and len(check["found"]) == 5
    assert all("is settled and not in the ledger" in line for line in check["found"])
