"""Goal: bodies are kept only of workflows that ask for it, and never with what their rules name; who
reads or erases them is on record.
Method: the real program between HTTP clients and a provider that says what the test hands it; every
byte of every file of the home is searched for what was planted."""
import gzip
import http.client
import json
import os
import random
import stat
import threading
import time

import pytest

from speaker import Speaker
from test_serve import Server

RULES = "[email, phone, card, iban, ip, secret]"
KEEPS = "workflows: {{claims: {{keep_bodies: {{days: 30, redact: {rules}}}}}}}\n"
CONFIG = "upstreams: {{openai: {{base_url: \"{url}\"}}, anthropic: {{base_url: \"{url}\"}}}}\n"
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}


@pytest.fixture(name="speaker")
def fixture_speaker():
    speaker = Speaker()
    yield speaker
    speaker.stop()


@pytest.fixture(name="start")
def fixture_start(home, speaker):
    servers = []

    def start(more="", **options):
        home.path.mkdir(exist_ok=True)
        (home.path / "bursar.yaml").write_text(CONFIG.format(url=speaker.url) + more)
        servers.append(Server(home, **options))
        return servers[-1]
    yield start
    for server in servers:
        server.stop()


def post(server, api, body, *, workflow="claims", case="C-1", packed=False, timeout=30, read=True):
    data = json.dumps(body).encode() if not isinstance(body, bytes) else body
    fields = {"Content-Type": "application/json", "x-bursar-case": case}
    if workflow:
        fields["x-bursar-workflow"] = workflow
    if packed:
        data, fields["Content-Encoding"] = gzip.compress(data), "gzip"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    connection.request("POST", PATHS[api], data, fields)
    if not read:
        return connection
    response = connection.getresponse()
    try:
        answer = response.read()
    except http.client.IncompleteRead as error:
        answer = error.partial
    connection.close()
    return response.status, answer


def settle(server):
    until = time.monotonic() + 20
    while server.metric("bursar_gateway_calls_waiting") or server.metric("bursar_bodies_waiting") \
            or server.metric("bursar_gateway_requests_under_way"):
        assert time.monotonic() < until
        time.sleep(0.02)
    server.settle()


def bodies(home, case="C-1"):
    """The records of a case's calls, in order."""
    attempts = home.json("explain", case, "--bodies")["attempts"]
    return [step["body"]["record"] for attempt in attempts for step in attempt["steps"]
            if step["body"]]


def everything(home):
    """Every byte of every file below the home, and the names."""
    found = b""
    for folder, _, names in os.walk(home.path):
        for name in names:
            if name == "bursar.yaml":
                continue
            with open(os.path.join(folder, name), "rb") as file:
                found += name.encode() + b"\0" + file.read() + b"\0"
    return found


def chat_of(text, model="gpt-4.1", **more):
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def chat_answer(text, number=1):
    return json.dumps({"id": f"chatcmpl-answer-{number}", "object": "chat.completion",
                       "model": "gpt-4.1", "choices": [{"index": 0, "finish_reason": "stop",
                       "message": {"role": "assistant", "content": text}}],
                       "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
                      ).encode()


def test_nothing_is_kept_without_being_asked_for(home, start, speaker):
    server = start("workflows: {claims: {unit: claim}}\n")
    speaker.say(chat_answer("the answer is MARKER-ANSWER"))
    assert post(server, "chat", chat_of("MARKER-REQUEST"))[0] == 200
    settle(server)
    assert not (home.path / "bodies").exists()
    assert bodies(home) == []
    server.stop()
    assert b"MARKER" not in everything(home)


def test_a_call_is_kept_and_shown(home, start, speaker):
    server = start(KEEPS.format(rules="[email]"))
    speaker.say(chat_answer("write to bob@example.org, please"))
    assert post(server, "chat", chat_of("I am alice@example.com"))[0] == 200
    settle(server)
    record, = bodies(home)
    assert record["workflow"] == "claims" and record["case"] == "C-1" and record["status"] == 200
    assert record["request"]["body"]["messages"][0]["content"] == "I am [email]"
    answer = record["answer"]["body"]["choices"][0]["message"]["content"]
    assert answer == "write to [email], please"
    assert record["request"]["state"] == record["answer"]["state"] == "kept"
    assert record["request"]["removed"] == 1
    text = home.ok("explain", "C-1")
    assert "bodies are kept" in text and "[email]" not in text
    assert "I am [email]" in home.ok("explain", "C-1", "--bodies")
    server.stop()
    assert "I am [email]" in home.ok("explain", "C-1", "--bodies")
    found = everything(home)
    assert b"alice" not in found and b"bob@" not in found
