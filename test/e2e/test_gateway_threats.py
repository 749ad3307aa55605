"""Goal: what docs/threat-model.md says of the gateway holds: calls reach configured upstreams only,
keys go where they belong, no field is forged, no page of another site calls a model, no body stays.
Method: requests byte by byte to the real program; what the provider got; the bytes of the home."""
import json
import socket

import pytest

from test_gateway import CONFIG, chat, fixture_start, fixture_upstream, spent  # noqa: F401
from test_serve import Server

SECRET = "sk-upstream-0123456789"


def raw(server, body, *fields, path="/v1/chat/completions"):
    """Status line, fields and body as bytes."""
    data = json.dumps(body).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        head = "".join(f"{field}\r\n" for field in (
            f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close",
            "Content-Type: application/json", f"Content-Length: {len(data)}", *fields))
        connection.sendall(head.encode() + b"\r\n" + data)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


def body(model="gpt-4.1", **wish):
    return {"model": model, "messages": [{"role": "user", "content": json.dumps(wish)}]}


@pytest.mark.parametrize("path", ["/openai/v1/../admin", "/openai/v1/a/..%2fadmin",
                                  "/openai/v1/%2e%2e/admin", "/openai/v1/.%2E/admin",
                                  "/openai/v1//evil.example/x", "/openai/v1/..\\admin"])
def test_no_path_leaves_the_base_url(start, upstream, path):
    server = start()
    status = raw(server, body(), path=path).split(b" ", 2)[1]
    assert status in (b"404", b"400")
    assert upstream.log == []


def test_a_redirect_is_an_answer_and_is_not_followed(start, upstream):
    server = start()
    assert chat(server, {"status": 307})[0] == 307
    assert len(upstream.log) == 1


def test_the_upstreams_key_takes_the_place_of_the_clients(home, upstream, monkeypatch, tmp_path):
    monkeypatch.setenv("SOME_UPSTREAM_KEY", SECRET)
    home.path.mkdir()
    (home.path / "bursar.yaml").write_text(CONFIG.format(url=upstream.url, more="").replace(
        'openai: {', 'openai: {api_key_env: SOME_UPSTREAM_KEY, '))
    server = Server(home)
    try:
        for field in ("Authorization: Bearer sk-mine", "x-api-key: sk-mine", "api-key: sk-mine"):
            assert b" 200 " in raw(server, body(), field).split(b"\r\n")[0]
            got = upstream.log[-1]["fields"]
            assert got["authorization"] == f"Bearer {SECRET}"
            assert "sk-mine" not in str(got)
        spent(home, server)
        assert SECRET not in server.ask("GET", "/metrics")[1].decode()
    finally:
        server.stop()
    kept = b"".join(path.read_bytes() for path in home.path.iterdir() if path.is_file())
    assert SECRET.encode() not in kept
    assert SECRET not in home.ok("explain", "--help") + home.ok("budget") + str(home.json("report"))


def test_names_with_line_breaks_forge_no_field(start, upstream):
    server = start("routes: [{match: {workflow: w}, model: gpt-4.1-mini, fallback: [gpt-4.1]}]")
    forged = "gpt-4.1\r\nX-Evil: 1\r\n\r\nHTTP/1.1 200 OK"
    for answer in (raw(server, body(forged)), raw(server, body(forged, status=500)),
                   raw(server, body(), "baggage: bursar.workflow=w%0d%0aX-Evil:%201"),
                   raw(server, body(forged, status=500), "x-bursar-workflow: w")):
        head = answer.split(b"\r\n\r\n")[0].lower()
        assert b"\r\nx-evil" not in head and head.count(b"http/1.1") == head.count(b"http/1.1 ")
    assert all("x-evil" not in entry["fields"] for entry in upstream.log)


def test_fields_of_ours_reach_no_upstream(start, upstream):
    server = start()
    raw(server, body(), "x-bursar-workflow: w", "x-bursar-anything: x", "Cookie: a=b")
    got = upstream.log[0]["fields"]
    assert not any(name.startswith("x-bursar") for name in got)
    assert got["cookie"] == "a=b"


@pytest.mark.parametrize("field", ["Origin: https://evil.example", "Origin: null"])
def test_a_page_of_another_site_calls_no_model(start, upstream, field):
    server = start()
    assert b" 403 " in raw(server, body(), field).split(b"\r\n")[0]
    assert upstream.log == []


def test_no_body_reaches_the_disk(home, start, upstream):
    server = start()
    request = body()
    request["messages"].insert(0, {"role": "user", "content": "the prompt QX7-PROMPT-MARK"})
    assert b"Done." in raw(server, request, "x-bursar-workflow: w", "x-bursar-case: c")
    assert b"QX7-PROMPT-MARK" in upstream.log[0]["body"]
    spent(home, server)
    server.stop()
    kept = b"".join(path.read_bytes() for path in home.path.iterdir() if path.is_file())
    assert b"QX7-PROMPT-MARK" not in kept and b"Done." not in kept
