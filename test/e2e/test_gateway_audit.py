"""Goal: whoever holds the id of a request finds its row, and from there every figure ties: what was
held, what it cost, what its budgets were charged, what the report adds up; and why that model.
Method: the real program; figures of its own commands against one another and the provider's log."""
from decimal import Decimal

from test_gateway import chat, cost, fixture_start, fixture_upstream, spent  # noqa: F401

CLAIMS = {"x-bursar-workflow": "claims", "x-bursar-case": "c1"}
CALL = {"input": 1000, "output": 10}


def step_of(home, request):
    """The call of that request, found by its id alone."""
    told = home.json("explain", request)
    found = [step for attempt in told["attempts"] for step in attempt["steps"]
             if step["request_id"] == request]
    assert len(found) == 1, told
    return told, found[0]


def test_a_request_is_followed_from_its_answer_to_the_report(home, start, upstream):
    server = start("budgets: [{scope: org, period: month, usd: 1}]")
    for _ in range(3):
        status, fields, _ = chat(server, CALL, max_tokens=10, headers=CLAIMS)
        assert status == 200
    total = spent(home, server)
    case, step = step_of(home, fields["x-bursar-request-id"])
    assert case["case"] == "c1" and case["workflow"] == "claims"
    paid = cost(upstream.log[-1])
    assert Decimal(step["cost"]) == Decimal(fields["x-bursar-cost-usd"]) == paid
    assert step["tokens"]["input_uncached"] == 1000 and step["tokens"]["output"] == 10
    why, held, request = step["note"].split("; ")
    assert why == fields["x-bursar-reason"] == "as asked"
    assert request == fields["x-bursar-request-id"]
    sent = len(upstream.log[-1]["body"])
    assert Decimal(held.removeprefix("held $")) == (2 * (sent + 1024) + 8 * 10) / Decimal(1_000_000)
    assert total == Decimal(case["cost"]) == 3 * paid
    assert Decimal(home.json("budget")["budgets"][0]["spent"]) == total
    assert 1 - Decimal(fields["x-bursar-budget-remaining-usd"]) == total
    server.stop()
    home.verified()


def test_a_refused_request_is_found_by_its_id(home, start, upstream):
    server = start('budgets: [{scope: "workflow:claims", period: month, usd: 0.0001}]')
    status, fields, _ = chat(server, CALL, max_tokens=10, headers=CLAIMS)
    assert status == 402
    assert spent(home, server) == 0
    told = home.json("explain", fields["x-bursar-request-id"])
    assert told["case"] == "c1" and told["decisions"][0]["rule"] == "budget of workflow:claims, month"
    assert fields["x-bursar-request-id"] in told["decisions"][0]["evidence"]
    assert upstream.log == []


def test_an_id_that_no_request_had_is_said_to_be_none(home, start):
    server = start()
    assert chat(server, CALL, headers=CLAIMS)[0] == 200
    spent(home, server)
    assert "req_00000000000000000000" in home.refused("explain", "req_00000000000000000000")


def test_why_a_model_served_names_the_rule_and_the_budget(home, start, upstream):
    server = start('budgets: [{scope: "workflow:claims", period: month, usd: 0.004}, {scope: org, '
                   "period: month, usd: 1, at: [{share: 0.000001, do: shape}, {share: 1, do: refuse}]}]\n"
                   "routes: [{match: {workflow: other}, model: gpt-4.1}, {match: {workflow: claims}, "
                   "model: gpt-4.1, under_pressure: gpt-4.1-mini}, "
                   "{match: {}, model: gpt-4.1-nano, fallback: [gpt-4.1-mini]}]")
    _, first, _ = chat(server, CALL, max_tokens=300, headers=CLAIMS)
    _, second, _ = chat(server, CALL, max_tokens=10, headers=CLAIMS)
    _, third, _ = chat(server, CALL, max_tokens=10, headers={"x-bursar-case": "c2"})
    assert first["x-bursar-reason"] == ("the budget of workflow:claims has no room for the dearer "
                                        "model; route 2 in place of gpt-4.1")
    assert second["x-bursar-reason"] == ("the budget of org says to save; route 2 in place of "
                                         "gpt-4.1")
    assert third["x-bursar-reason"] == "route 3 in place of gpt-4.1"
    spent(home, server)
    for fields in (first, second, third):
        _, step = step_of(home, fields["x-bursar-request-id"])
        assert step["note"].startswith(fields["x-bursar-reason"] + "; held $")
        assert step["model"] == fields["x-bursar-model"]
    text = home.ok("explain", "c1", "--workflow", "claims")
    assert "route 2 in place of gpt-4.1" in text
    assert len(upstream.log) == 3
