"""Goal: what the server says of itself is true: the OpenAPI document is valid and lists what answers,
the answers have the schemas it promises, and the metrics are OpenMetrics.
Method: judges written by others (openapi-spec-validator, jsonschema, prometheus_client) over the real
server; see described.py."""
import json
import subprocess
import time

import pytest
from conftest import ROOT
from test_api import GOOD, LINES, OUTCOMES, post
from test_serve import JSON, PROTOBUF, Server, span

PYTHON = ROOT / ".sdks/python/bin/python"
DOCUMENT = "/api/v1/openapi.json"


def judge(*args, text=""):
    done = subprocess.run([PYTHON, ROOT / "test/e2e/described.py", *args], input=text, text=True,
                          capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(name="judges", scope="session", autouse=True)
def fixture_judges():
    wanted = "import openapi_spec_validator, prometheus_client"
    if not PYTHON.exists() or subprocess.run([PYTHON, "-c", wanted], capture_output=True,
                                             check=False).returncode != 0:
        pytest.skip(".sdks/python is not there or older than its pins; run tools/setup test")


@pytest.fixture(name="company", scope="module")
def fixture_company(tmp_path_factory):
    """A server that holds a company with every kind of report in it."""
    from conftest import Home
    path = tmp_path_factory.mktemp("company")
    home = Home(path / "home")
    home.ok("simulate", "--seed", "3", "--cases", "300", "--out", path / "files")
    home.ok("import", path / "files")
    (home.path / "bursar.yaml").write_bytes((path / "files/bursar.yaml").read_bytes())
    server = Server(home)
    server.path = path
    yield server
    server.stop()


def ask(server, answers, method, path, listed, body=None, headers=None):
    status, answer, fields = server.ask(method, path, body, headers)
    kind = fields["Content-Type"].split(";")[0]
    answers.append(json.dumps({"path": listed, "method": method, "status": status, "type": kind,
                               "body": answer.decode("utf-8", "replace")}))
    return status


def query_of(operation, values):
    """Every parameter that must be there, and a boolean both ways."""
    parts = []
    for parameter in operation.get("parameters", ()):
        if parameter.get("required"):
            parts += [f"{parameter['name']}={value}" for value in values[parameter["name"]]]
    return "?" + "&".join(parts) if parts else ""


def test_every_path_listed_answers_what_is_promised(company):
    status, text, fields = company.ask("GET", DOCUMENT)
    assert (status, fields["Content-Type"]) == (200, "application/json")
    document = json.loads(text)
    (company.path / "openapi.json").write_bytes(text)
    workflow = company.get("/api/v1/report")[1]["workflows"][0]["workflow"]
    case = company.get(f"/api/v1/waste?workflow={workflow}")[1]["labels"][0]["examples"][0]["case"]
    values = {"workflow": [workflow], "case": [case], "scope": ["org"]}
    words = {("get", "/api/v1/price"): ["update"],
             ("post", "/api/v1/bodies"): ["erase", case],
             ("post", "/api/v1/outcome"): ["add", workflow, case, "resolved"],
             ("post", "/api/v1/price"): ["update"]}
    answers = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "gateway" in operation["tags"]:  # what providers answer: test_gateway.py
                continue
            values["arg"] = words.get((method, path), [])
            query = query_of(operation, values)
            headers, body = {}, None
            if (method, path) == ("post", "/api/v1/price"):
                query += "&apply"
            if path == OUTCOMES:
                body = json.dumps(GOOD)
            if method == "post":
                headers, body = JSON, body or "{}"
            status = ask(company, answers, method.upper(), path + query, path, body, headers)
            assert status == 200, (method, path, query, answers[-1])
            other = "POST" if method == "get" else "GET"
            if other.lower() not in operations:
                assert company.ask(other, path + query)[0] == 405, path
            if path.startswith("/api/v1/") and method == "get" and path != DOCUMENT:
                assert ask(company, answers, "GET", path + "?nonsense=1", path) == 400
    ask(company, answers, "POST", "/v1/traces", "/v1/traces", b"{", JSON)
    ask(company, answers, "POST", "/v1/traces", "/v1/traces", b"x", {"Content-Type": "text/plain"})
    ask(company, answers, "POST", "/v1/traces", "/v1/traces", b"", PROTOBUF)
    for rows in (b"[]", b'[{"case":"x"}]', json.dumps([GOOD, {"case": 3}]).encode()):
        ask(company, answers, "POST", OUTCOMES, OUTCOMES, rows, JSON)
    ask(company, answers, "POST", OUTCOMES, OUTCOMES, json.dumps(GOOD).encode(), LINES)
    ask(company, answers, "GET", "/api/v1/report?workflow=nope", "/api/v1/report")
    ask(company, answers, "GET", "/api/v1/drivers?workflow=" + workflow, "/api/v1/drivers")
    judge("openapi", str(company.path / "openapi.json"), text="\n".join(answers) + "\n")


def test_the_document_lists_every_command_that_uses_the_ledger_and_every_option(company, home):
    """The help of each command, which another part of the program prints, against the document."""
    document = json.loads(company.ask("GET", DOCUMENT)[1])
    listed = home.ok("--help").splitlines()
    names = [line.split()[0] for line in listed if line.startswith("  ") and len(line.split()) > 2]
    served = [name for name in names if company.ask("GET", f"/api/v1/{name}?nonsense=1")[0] != 404]
    assert set(served) - {"import"} == {
        path.removeprefix("/api/v1/") for path in document["paths"]
        if path.startswith("/api/v1/") and path not in (DOCUMENT, OUTCOMES)}
    for name in set(served) - {"import", "outcome", "kpi", "price"}:
        text = home.ok(name, "--help").split("Options of every command")[0]
        options = {line.split()[0][2:] for line in text.splitlines() if line.startswith("  --")}
        operation = document["paths"][f"/api/v1/{name}"]["get"]
        assert options <= {p["name"] for p in operation["parameters"] if "name" in p}, name
    assert "post" not in document["paths"]["/api/v1/kpi"]
    fields = document["components"]["schemas"]["outcome_row"]["properties"]
    assert {"id", "workflow", "case", "status", "value", "minutes", "at", "recorded_at", "quality",
            "source", "reference"} <= set(fields)


def test_a_flag_is_said_by_its_name_or_with_true_or_false(company):
    workflow = company.get("/api/v1/report")[1]["workflows"][0]["workflow"]
    path = f"/api/v1/route?workflow={workflow}"
    plain, given = company.ask("GET", path)[1], company.ask("GET", path + "&cascade")[1]
    assert company.ask("GET", path + "&cascade=false")[1] == plain
    assert company.ask("GET", path + "&cascade=true")[1] == given
    assert company.ask("GET", path + "&cascade=perhaps")[0] == 400


def test_metrics_are_openmetrics_and_count_what_happened(home):
    server = Server(home)
    try:
        server.post([span(1, workflow=""), span(2), {**span(3), "traceId": "x"}])
        unpriced = span(4)
        unpriced["attributes"][2]["value"]["stringValue"] = "model-of-nobody"
        server.post([unpriced])
        post(server, [GOOD, {**GOOD, "value": -1}])
        server.settle()
        server.get("/api/v1/report")
        home.ok("outcome", "add", "claims", "case-1", "failed")
        until = time.monotonic() + 60  # figures of the ledger are taken now and then
        while server.metric("bursar_ledger_calls") < 3:
            assert time.monotonic() < until
            time.sleep(0.2)
        text = server.ask("GET", "/metrics")[1].decode()
        assert text.endswith("# EOF\n")
        families = json.loads(judge("openmetrics", text=text))

        def value(name, **labels):
            [found] = [v for l, v in families[name] if l == labels]
            return found
        assert value("bursar_otlp_records_rejected_total") == 1
        assert value("bursar_outcomes_accepted_total") == 1
        assert value("bursar_outcomes_rejected_total") == 1
        assert value("bursar_questions_answered_total") == 1
        assert value("bursar_changes_answered_total") == 1
        assert value("bursar_inbox_messages") == 0
        assert value("bursar_inbox_bytes") == 0
        assert value("bursar_inbox_queue_bytes") == 0
        assert value("bursar_journal_bytes") > 0
        assert value("bursar_ledger_failing") == 0
        assert value("bursar_ledger_unattributed_calls") == 1
        assert value("bursar_ledger_unattributed_dollars") == pytest.approx(0.0045)
        assert value("bursar_ledger_unpriced_calls") == 1
        assert value("bursar_ledger_figures_age_seconds") < 60
        commits = value("bursar_inbox_commits_total")
        assert value("bursar_inbox_commit_seconds_count") == commits
        buckets = {float(l["le"]): v for l, v in families["bursar_inbox_commit_seconds_bucket"]}
        assert buckets[float("inf")] == commits
        assert sorted(buckets.values()) == [buckets[le] for le in sorted(buckets)]
    finally:
        server.stop()
