"""Goal: telemetry that says nothing of Bursar is attributed by rules of bursar.yaml alone.
Method: the same OpenInference spans before and after the rules are written, by import and through
the real server, with headers, a reload, and kill -9 in between."""
import json
import signal
from decimal import Decimal

import pytest

from conftest import ROOT
from test_serve import JSON, NS, Server

RULES = r"""
correlation:
  - when: {service.name: "claims-*", span.name: [ChatCompletion, close_ticket]}
    workflow: claims
    case: {from: session.id, match: '^claim-(\d+)'}
    attempt: {from: retry.count}
    input_key: {from: claim.kind}
    attributes: {region: {from: cloud.region}, team: {from: [header.X-Team, team.name]}, tier: gold}
    outcome: {from: ticket.status, map: {closed: resolved, gave_up: failed, "*": escalated}}
  - workflow: everything-else
"""


def value_of(value):
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def attributes(given):
    return [{"key": key, "value": value_of(value)} for key, value in given.items()]


def inference(number, session, name="ChatCompletion", **more):
    """An OpenInference span as its instrumentations write it."""
    given = {"openinference.span.kind": "LLM", "llm.model_name": "claude-sonnet-4-5",
             "llm.provider": "anthropic", "llm.token_count.prompt": 1000,
             "llm.token_count.completion": 100, "session.id": session, **more}
    return {"traceId": f"{number // 3 + 1:032x}", "spanId": f"{number + 1:016x}", "name": name,
            "startTimeUnixNano": str(NS + number * 1000),
            "endTimeUnixNano": str(NS + number * 1000 + 500), "attributes": attributes(given)}


def request(spans, **resource):
    resource = {"service.name": "claims-bot", "cloud.region": "eu-1", **resource}
    return {"resourceSpans": [{"resource": {"attributes": attributes(resource)},
                               "scopeSpans": [{"scope": {"name": "openinference"},
                                               "spans": spans}]}]}


def stream():
    """Nine calls on three claims; the second was tried twice, and two were closed."""
    spans = [inference(number, f"claim-{number // 3}-x", **{"retry.count": 1})
             for number in range(9)]
    spans[5]["attributes"] += attributes({"retry.count": 2})
    spans[2]["attributes"] += attributes({"ticket.status": "closed"})
    spans[8]["attributes"] += attributes({"ticket.status": "gave_up"})
    return spans


def workflows(home, *args):
    report = home.json("report", *args)
    return {row["workflow"]: row for row in report["workflows"]}


def configure(home, text):
    home.path.mkdir(exist_ok=True)
    (home.path / "bursar.yaml").write_text(text)


def check_claims(home):
    """What an independent reading of stream() says."""
    claims = workflows(home)["claims"]
    assert (claims["cases"], claims["open"], claims["attempts"]) == (3, 1, 4)
    assert (claims["resolved"], claims["calls"]) == (1, 9)
    assert Decimal(claims["cost"]["total"]) == 9 * (1000 * 3 + 100 * 15) / Decimal(1_000_000)
    case = home.json("explain", "1", "--workflow", "claims")
    assert [a["attempt"] for a in case["attempts"]] == ["1", "2"]
    assert home.json("explain", "0", "--workflow", "claims")["outcome"] == "resolved"
    assert home.json("explain", "2", "--workflow", "claims")["outcome"] == "failed"
    home.verified()


def test_spans_without_any_word_of_ours_are_attributed_by_rules_on_import(new_home, tmp_path):
    path = tmp_path / "spans.json"
    path.write_text(json.dumps(request(stream())))
    before, after = new_home("before"), new_home("after")
    before.ok("import", path)
    assert "claims" not in workflows(before)
    configure(after, RULES)
    after.ok("import", path)
    check_claims(after)
    case = after.json("explain", "0", "--workflow", "claims")
    told = {a["name"]: a["value"] for a in case["attributes"]} if isinstance(
        case["attributes"], list) else case["attributes"]
    assert told["region"] == "eu-1"
    assert told["tier"] == "gold"
    assert "team" not in told


def test_the_server_goes_by_the_rules_and_by_headers(home):
    configure(home, RULES)
    server = Server(home)
    status, body, _ = server.ask("POST", "/v1/traces", json.dumps(request(stream())),
                                 {**JSON, "X-Team": "blue"})
    assert (status, body) == (200, b"{}")
    server.settle()
    assert server.stop() == 0
    check_claims(home)
    case = home.json("explain", "0", "--workflow", "claims")
    assert case["attributes"]["team"] == "blue"


EXPLICIT = {"bursar.workflow": "told", "bursar.case.id": "T"}
TOLD_BY_HEADER = {"x-bursar-workflow": "by-header", "x-bursar-case": "H"}
BAGGAGE = {"baggage": "bursar.workflow=by%2Dbaggage;p=1 , bursar.case=B, other=x"}


@pytest.mark.parametrize("span, headers, workflow, case", [
    ({}, {}, "claims", "7"),
    ({"gen_ai.workflow.name": "hint"}, {}, "claims", "7"),
    ({}, BAGGAGE, "by-baggage", "B"),
    ({}, {**BAGGAGE, **TOLD_BY_HEADER}, "by-header", "H"),
    (EXPLICIT, {**BAGGAGE, **TOLD_BY_HEADER}, "told", "T"),
    ({"bursar.workflow": "told"}, {}, "told", "7"),
    ({"session.id": "other"}, {}, "claims", "other"),
])
def test_of_several_that_name_the_work_the_strongest_counts(home, span, headers, workflow, case):
    configure(home, RULES)
    server = Server(home)
    body = json.dumps(request([inference(0, "claim-7", **span)]))
    assert server.ask("POST", "/v1/traces", body, {**JSON, **headers})[0] == 200
    server.settle()
    assert server.stop() == 0
    assert list(workflows(home)) == [workflow]
    assert home.json("explain", case)["workflow"] == workflow


def test_new_rules_count_after_a_hangup_and_wrong_ones_change_nothing(home):
    configure(home, "{}\n")
    server = Server(home)

    def post(number):
        body = json.dumps(request([inference(number * 3, f"claim-{number}")]))
        assert server.ask("POST", "/v1/traces", body, JSON)[0] == 200
        server.settle()

    post(1)
    configure(home, RULES)
    server.process.send_signal(signal.SIGHUP)
    while "read anew" not in (said := server.process.stderr.readline()):
        assert said, "the server does not say that it read the file"
    post(2)
    configure(home, "correlation: [{workflow: }]\n")
    server.process.send_signal(signal.SIGHUP)
    while "bursar.yaml:1: correlation" not in (said := server.process.stderr.readline()):
        assert said, "the server does not say what is wrong"
    post(3)
    assert server.stop() == 0
    configure(home, RULES)
    assert workflows(home)["claims"]["cases"] == 2
    assert home.json("report")["total"]["unattributed"]["calls"] == 1


def test_headers_are_kept_with_what_they_came_with(home):
    """Whatever moment the server dies at, the rows are those of the headers."""
    configure(home, "correlation: [{workflow: {from: header.x-flow}, "
                    "case: {from: baggage.ticket}}]\n")
    for number in range(12):
        server = Server(home)
        body = json.dumps(request([inference(number * 3, "s")]))
        headers = {**JSON, "X-Flow": f"flow-{number}", "Baggage": f"ticket=t%20{number}"}
        assert server.ask("POST", "/v1/traces", body, headers)[0] == 200
        server.stop(signal.SIGKILL)
    server = Server(home)
    server.settle()
    assert server.stop() == 0
    assert sorted(workflows(home)) == sorted(f"flow-{number}" for number in range(12))
    for number in range(12):
        assert home.json("explain", f"t {number}")["workflow"] == f"flow-{number}"


def test_a_value_made_to_be_slow_is_given_up_and_told_of(home):
    configure(home, "correlation: [{workflow: w, case: {from: session.id, "
                    "match: '^(a+)+$'}}]\n")
    server = Server(home)
    hostile = "a" * 500 + "!"
    body = json.dumps(request([inference(number, hostile) for number in range(2000)]))
    before = server.processor_s()
    status, answer, _ = server.ask("POST", "/v1/traces", body, JSON)
    assert status == 200
    assert server.processor_s() - before < 5
    assert "too hard" in json.loads(answer)["partialSuccess"]["errorMessage"]
    server.settle()
    assert server.stop() == 0
    assert workflows(home)["w"]["calls"] == 2000


def test_doctor_says_which_rule_would_name_a_service_and_the_rule_is_right(new_home, tmp_path):
    path = tmp_path / "spans.json"
    path.write_text(json.dumps(request(stream(), **{"service.name": 'the "odd": service'})))
    home, again = new_home("first"), new_home("again")
    home.ok("import", path)
    notes = [c for c in home.json("doctor")["checks"] if c["check"] == "correlation"]
    assert len(notes) == 1
    assert notes[0]["found"].startswith("9 calls, 0.04 USD")
    rule = notes[0]["mend"]
    configure(again, f"correlation:\n  {rule}\n")
    again.ok("import", path)
    assert workflows(again)['the "odd": service']["calls"] == 9
    assert not [c for c in again.json("doctor")["checks"] if c["check"] == "correlation"]


DECISION = {"bursar.decision.kind": "refund", "bursar.decision.choice": "approve",
            "bursar.decision.by": "human", "bursar.decision.rule": "R-7 goodwill",
            "bursar.decision.reason": "the parcel was late",
            "bursar.decision.override": "policy P-2", "bursar.decision.precedent": "claim-3",
            "bursar.decision.evidence": "tracking record"}


def log_record(given, number=1):
    return {"timeUnixNano": str(NS + number), "eventName": "refund.decided",
            "attributes": attributes({**given, "bursar.workflow": "w", "bursar.case.id": "c"})}


def test_a_decision_is_on_record_whole_and_once_from_span_or_event(new_home, tmp_path):
    plain = {"traceId": "1" * 32, "spanId": "2" * 16, "name": "decide",
             "startTimeUnixNano": str(NS), "endTimeUnixNano": str(NS + 5),
             "attributes": attributes({**DECISION, "bursar.workflow": "w",
                                       "bursar.case.id": "c", "bursar.human_ms": 60000})}
    span_file, log_file = tmp_path / "span.json", tmp_path / "log.json"
    span_file.write_text(json.dumps(request([plain])))
    log_file.write_text(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [
        log_record(DECISION)]}]}]}))
    for name, path in (("span", span_file), ("log", log_file)):
        home = new_home(name)
        home.ok("import", path)
        home.ok("import", path)
        case = home.json("explain", "c")
        assert len(case["decisions"]) == 1
        found = case["decisions"][0]
        assert {key: found[key] for key in ("kind", "by", "decision", "choice", "rule", "reason",
                                            "against", "precedents", "evidence")} == {
            "kind": "human", "by": "human", "decision": "refund", "choice": "approve",
            "rule": "R-7 goodwill", "reason": "the parcel was late", "against": "policy P-2",
            "precedents": "claim-3", "evidence": "tracking record"}
        assert "by rule R-7 goodwill, because the parcel was late, overriding policy P-2" in (
            " ".join(home.ok("explain", "c").split()))
        home.verified()


@pytest.mark.parametrize("by, kind, who", [("agent", "decision", "agent"),
                                           ("policy", "guard", "rule"), ("user", "human", "human"),
                                           ("somebody", "decision", "agent")])
def test_who_decided_is_told(home, tmp_path, by, kind, who):
    path = tmp_path / "log.json"
    path.write_text(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [
        log_record({"bursar.decision.choice": "denied", "bursar.decision.by": by})]}]}]}))
    home.ok("import", path)
    found = home.json("explain", "c")["decisions"]
    assert {(d["kind"], d["by"], d["choice"]) for d in found} >= {(kind, who, "denied")}
    assert found[0]["status"] == "rejected"


@pytest.mark.parametrize("given, outcome", [
    ({"gen_ai.evaluation.name": "solved", "gen_ai.evaluation.score.value": 0.81}, "resolved"),
    ({"gen_ai.evaluation.name": "solved", "gen_ai.evaluation.score.value": 0.8}, "resolved"),
    ({"gen_ai.evaluation.name": "solved", "gen_ai.evaluation.score.value": 0}, "failed"),
    ({"gen_ai.evaluation.name": "solved", "gen_ai.evaluation.score.value": "n/a"}, "open"),
    ({"gen_ai.evaluation.name": "politeness", "gen_ai.evaluation.score.value": 1.0}, "open"),
    ({"gen_ai.evaluation.name": "solved", "gen_ai.evaluation.score.value": 0.1,
      "bursar.outcome": "escalated"}, "escalated"),
])
def test_an_evaluation_is_the_outcome_where_a_rule_says_so(home, tmp_path, given, outcome):
    configure(home, "correlation: [{when: {gen_ai.evaluation.name: solved}, "
                    "outcome: {from: gen_ai.evaluation.score.value, at_least: 0.8}}]\n")
    path = tmp_path / "log.json"
    record = {**log_record(given), "eventName": "gen_ai.evaluation.result"}
    path.write_text(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}))
    home.ok("import", path)
    assert home.json("explain", "c")["outcome"] == outcome


def test_the_example_of_the_manual_is_what_it_says(home):
    folder = ROOT / "examples/correlation"
    home.ok("import", folder, "--config", folder / "bursar.yaml")
    report = home.json("report", "--config", folder / "bursar.yaml")
    rows = {row["workflow"]: row for row in report["workflows"]}
    assert (rows["claims"]["cases"], rows["claims"]["resolved"]) == (2, 1)
    assert rows["claims"]["cost_per_outcome"]["value"] == pytest.approx(0.0774)
    assert rows["otlp"]["calls"] == 1


def test_a_rule_may_look_at_the_team_of_a_key_and_the_key_goes_before_the_span(home):
    configure(home, "correlation: [{when: {key.team: blue}, workflow: of-blue}]\n")
    secrets = [home.json("key", "create", "--role", "ingest", "--name", name, *bound)["secret"]
               for name, bound in (("a", ["--team", "blue"]), ("b", ["--workflow", "bound"]))]
    server = Server(home)
    for number, (secret, said) in enumerate(zip(secrets, ({}, {"bursar.workflow": "told"}))):
        body = json.dumps(request([inference(number * 3, "s", **said)]))
        headers = {**JSON, "Authorization": f"Bearer {secret}", "x-bursar-workflow": "by-header"
                   if said else ""}
        assert server.ask("POST", "/v1/traces", body, headers)[0] == 200
        server.stop(signal.SIGKILL)
        server = Server(home)
    server.settle()
    assert server.stop() == 0
    assert sorted(workflows(home)) == ["bound", "of-blue"]
