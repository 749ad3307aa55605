"""Judges by other people's programs, run with .sdks/python, as the tests themselves need none of them:

    described.py openapi DOCUMENT < answers     one JSON object a line: path, method, status, type, body
    described.py openmetrics < text             prints {name: [[labels, value], …]}

Says what is wrong on standard error and exits with 1."""
import json
import sys


def openapi(path):
    from jsonschema import Draft202012Validator
    from openapi_spec_validator import OpenAPIV31SpecValidator
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    assert document["openapi"].startswith("3.1."), document["openapi"]
    OpenAPIV31SpecValidator(document).validate()
    bad = 0
    for line in sys.stdin:
        answer = json.loads(line)
        operation = document["paths"][answer["path"]][answer["method"].lower()]
        response = operation["responses"][str(answer["status"])]
        while "$ref" in response:
            response = document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
        schema = response["content"][answer["type"]].get("schema", {})
        body = json.loads(answer["body"]) if answer["type"] == "application/json" else answer["body"]
        judge = Draft202012Validator({**schema, "components": document["components"]})
        for error in judge.iter_errors(body):
            bad += 1
            print(answer["method"], answer["path"], answer["status"], error.json_path,
                  error.message[:300], [e.message[:200] for e in error.context or ()],
                  file=sys.stderr)
    return bad


def openmetrics():
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
    families = {}
    for family in text_string_to_metric_families(sys.stdin.read()):
        assert family.documentation, family.name
        for sample in family.samples:
            families.setdefault(sample.name, []).append([sample.labels, sample.value])
    print(json.dumps(families))
    return 0


if __name__ == "__main__":
    sys.exit(1 if {"openapi": openapi, "openmetrics": openmetrics}[sys.argv[1]](*sys.argv[2:]) else 0)
