"""Goal: bodies are kept only of workflows that ask for it, and never with what their rules name; who
reads or erases them is on record.
Method: the real program between HTTP clients and a provider that says what the test hands it; every
byte of every file of the home is searched for what was planted."""
import gzip
import http.client
import json
import os
import random
import re
import resource
import signal
import socket
import sqlite3
import stat
import threading
import time

import pytest

from clients import head_of
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


def post(server, api, body, *, workflow="claims", case="C-1", packed=False, timeout=60):
    data = json.dumps(body).encode() if not isinstance(body, bytes) else body
    fields = {"Content-Type": "application/json", "x-bursar-case": case}
    if workflow:
        fields["x-bursar-workflow"] = workflow
    if packed:
        data, fields["Content-Encoding"] = gzip.compress(data), "gzip"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    connection.request("POST", PATHS[api], data, fields)
    try:
        response = connection.getresponse()
        answer = response.read()
    except http.client.IncompleteRead as error:
        answer = error.partial
    except (http.client.RemoteDisconnected, ConnectionResetError):
        return None, b""
    connection.close()
    return response.status, answer


def handed_over(server):
    until = time.monotonic() + 60
    while any(server.metric(name) for name in (  # in the order calls go through
            "bursar_gateway_requests_under_way", "bursar_gateway_calls_waiting",
            "bursar_bodies_waiting")):
        assert time.monotonic() < until
        time.sleep(0.02)


def settle(server):
    handed_over(server)
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
    return re.sub(b"\0{9,}", b"\0", found)


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


# ---- what rules name never reaches the disk

def luhn(digits):
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10


def card(draw):
    size = draw.choice([14, 15, 16, 16, 16, 19])
    digits = str(draw.randint(3, 6)) + "".join(str(draw.randrange(10)) for _ in range(size - 2))
    last = next(end for end in "0123456789" if luhn(digits + end) == 0)
    digits += last
    separator = draw.choice(["", "", " ", "-", "\u00a0"])
    return digits if not separator else separator.join(
        digits[at:at + 4] for at in range(0, len(digits), 4))


def iban(draw):
    country, size = draw.choice([("DE", 18), ("GB", 18), ("FR", 23), ("NL", 14), ("MT", 27)])
    letters = "0123456789" + ("ABCDEFGHIJKLMNOPQRSTUVWXYZ" if country != "DE" else "")
    account = "".join(draw.choice(letters) for _ in range(size))
    number = int("".join(str(int(c, 36)) for c in account + country + "00"))
    text = f"{country}{98 - number % 97:02d}{account}"
    return text if draw.random() < 0.5 else " ".join(
        text[at:at + 4] for at in range(0, len(text), 4))


def word(draw, size=12):
    return "".join(draw.choice("bcdfghjklmnpqrstvwxz") for _ in range(size))


MARKERS = {
    "email": lambda draw: draw.choice([
        f"{word(draw)}.{word(draw, 6)}+tag@{word(draw)}.example.com", f"{word(draw)}@{word(draw)}.io",
        f"{word(draw)}%40{word(draw)}.org", f"{word(draw)}ä@{word(draw)}ü.de"]),
    "phone": lambda draw: draw.choice([
        f"+49 {draw.randrange(100, 999)} {draw.randrange(10**6, 10**7)}",
        f"+1-{draw.randrange(200, 999)}-{draw.randrange(200, 999)}-{draw.randrange(1000, 9999)}",
        f"(0{draw.randrange(100, 999)}) {draw.randrange(10**6, 10**8)}",
        f"0049{draw.randrange(10**9, 10**10)}",
        f"({draw.randrange(200, 999)}) {draw.randrange(200, 999)}-{draw.randrange(1000, 9999)}"]),
    "card": card,
    "iban": iban,
    "ip": lambda draw: draw.choice([
        ".".join(str(draw.randrange(100, 255)) for _ in range(4)),
        ":".join(f"{draw.randrange(0x1000, 0xffff):x}" for _ in range(8)),
        f"fe80::{draw.randrange(0x1000, 0xffff):x}:{draw.randrange(0x1000, 0xffff):x}"]),
    "secret": lambda draw: draw.choice([
        f"sk-proj-{word(draw, 40)}", f"ghp_{word(draw, 36)}", f"AKIA{word(draw, 16).upper()}",
        f"Bearer {word(draw, 30)}", f"password={word(draw, 12)}", f"https://bob:{word(draw)}@host/"]),
    "own": lambda draw: f"CLAIM-{draw.randrange(10**8, 10**9)}",
}
ALL_RULES = "[email, phone, card, iban, ip, secret, {pattern: 'CLAIM-[0-9]+', with: '[claim]'}, " \
            "{member: 'person.name'}]"


def windows(marker):
    """Pieces of a marker that nothing else has."""
    plain = marker.replace(" ", "").replace("\u00a0", "")
    core = plain[8:] if plain.startswith(("sk-proj-", "https://")) else plain
    core = core.split("=")[-1].replace("Bearer", "").replace("CLAIM-", "").replace("/", "")
    core = core.removeprefix("bob:").removesuffix("@host").replace(".example.com", "")
    core = core.encode()
    return {core[at:at + 8] for at in range(len(core) - 7)}


class Planter:
    def __init__(self, seed):
        self.draw, self.markers = random.Random(seed), []

    def marker(self):
        kind = self.draw.choice(list(MARKERS))
        text = MARKERS[kind](self.draw)
        self.markers.append((kind, text))
        return text

    def text(self):
        before, after = self.draw.choice([("Hello ", " there"), ("(", ")"), ("mail: ", "."),
                                          ("\"", "\""), ("<", ">"), ("\n", "\n"), ("=", ","),
                                          ("Grüße, ", " – ok"), ("", "")])
        return before + self.marker() + after

    def value(self, depth=0):
        choice = self.draw.random()
        if depth < 3 and choice < 0.2:
            return {self.text() if self.draw.random() < 0.3 else word(self.draw): self.value(depth + 1)
                    for _ in range(self.draw.randint(1, 3))}
        if depth < 3 and choice < 0.35:
            return [self.value(depth + 1) for _ in range(self.draw.randint(1, 3))]
        if choice < 0.5:  # JSON in a text, its signs escaped
            return self.escaped(json.dumps(self.value(depth + 1)))
        if choice < 0.55:
            number = int(card(random.Random(self.draw.random())).replace(" ", "").replace(
                "-", "").replace("\u00a0", ""))
            self.markers.append(("card", str(number)))
            return number
        if choice < 0.62:
            name = word(self.draw, 20)
            self.markers.append(("member", name))
            return {"person": [{"name": name, "n": 1}]}
        return self.text()

    def escaped(self, text):
        return "".join(f"\\u{ord(c):04x}" if c in "@+.-" and self.draw.random() < 0.3 else c
                       for c in text)

    def leaks(self, found):
        pieces = {piece: marker for marker in self.markers for piece in windows(marker[1])}
        return [(piece, pieces[piece]) for piece in
                {found[at:at + 8] for at in range(len(found) - 7)} & pieces.keys()]


def pieces_of(draw, text):
    cuts = sorted(draw.sample(range(1, len(text)), min(len(text) - 1, draw.randint(1, 12))))
    return [text[a:b] for a, b in zip([0] + cuts, cuts + [len(text)])]


def usage(api):
    return {"chat": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}.get(
        api, {"input_tokens": 3, "output_tokens": 2})


def whole_answer(planter, api, number):
    """One document with markers in it."""
    text, arguments = planter.text(), planter.escaped(json.dumps({"to": planter.value()}))
    if api == "chat":
        return {"id": f"chatcmpl-{number:012d}", "model": "gpt-4.1", "usage": usage(api),
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text,
                             "tool_calls": [{"id": "call_1", "type": "function", "function": {
                                 "name": "send", "arguments": arguments}}]}}],
                "more": planter.value()}
    if api == "responses":
        return {"id": f"resp_{number:012d}", "model": "gpt-4.1", "status": "completed",
                "usage": usage(api), "output": [
                    {"type": "message", "content": [{"type": "output_text", "text": text}]},
                    {"type": "function_call", "name": "send", "arguments": arguments}]}
    return {"id": f"msg_{number:012d}", "type": "message", "model": "claude-sonnet-4-5",
            "usage": usage(api), "content": [
                {"type": "thinking", "thinking": planter.text(), "signature": "x"},
                {"type": "text", "text": text},
                {"type": "tool_use", "id": "t", "name": "send", "input": planter.value()}]}


def events_of(planter, api, number, cut=False):
    """The same as a stream, its texts in pieces."""
    draw = planter.draw
    text, thought = planter.text() + " and " + planter.text(), planter.text()
    arguments = planter.escaped(json.dumps({"to": planter.value(), "cc": planter.text()}))
    if api == "chat":
        common = {"id": f"chatcmpl-{number:012d}", "model": "gpt-4.1"}
        deltas = [{"reasoning_content": piece} for piece in pieces_of(draw, thought)]
        deltas += [{"content": piece} for piece in pieces_of(draw, text)]
        deltas += [{"tool_calls": [{"index": 0, "id": "call_1", "function": {
            "name": "send", "arguments": ""}}]}]
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
                   for piece in pieces_of(draw, arguments)]
        return [{**common, "choices": [{"index": 0, "delta": delta}]} for delta in deltas] + [
            {**common, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {**common, "choices": [], "usage": usage(api)}]
    if api == "responses":
        place = {"output_index": 0, "content_index": 0}
        events = [{"type": "response.created", "response": {"id": f"resp_{number:012d}"}}]
        events += [{"type": "response.reasoning_summary_text.delta", "output_index": 1, "delta": p}
                   for p in pieces_of(draw, thought)]
        events += [{"type": "response.output_text.delta", **place, "delta": p}
                   for p in pieces_of(draw, text)]
        events += [{"type": "response.output_item.added", "output_index": 2,
                    "item": {"type": "function_call", "name": "send", "call_id": "c"}}]
        events += [{"type": "response.function_call_arguments.delta", "output_index": 2, "delta": p}
                   for p in pieces_of(draw, arguments)]
        if cut:
            return events
        return events + [{"type": "response.completed", "response": {
            "id": f"resp_{number:012d}", "model": "gpt-4.1", "status": "completed",
            "usage": usage(api), "output": [
                {"type": "message", "content": [{"type": "output_text", "text": text}]},
                {"type": "function_call", "name": "send", "arguments": arguments}]}}]
    events = [{"type": "message_start", "message": {
        "id": f"msg_{number:012d}", "model": "claude-sonnet-4-5", "usage": usage(api)}}]
    for index, (block, kind, name, content) in enumerate([
            ({"type": "thinking", "thinking": ""}, "thinking_delta", "thinking", thought),
            ({"type": "text", "text": ""}, "text_delta", "text", text),
            ({"type": "tool_use", "id": "t", "name": "send", "input": {}}, "input_json_delta",
             "partial_json", arguments)]):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index,
                    "delta": {"type": kind, name: piece}} for piece in pieces_of(draw, content)]
        events.append({"type": "content_block_stop", "index": index})
    return events + [{"type": "message_delta", "delta": {"stop_reason": "end_turn"},
                      "usage": {"output_tokens": 2}}, {"type": "message_stop"}]


def request_of(planter, api, stream):
    body = {"model": "claude-sonnet-4-5" if api == "messages" else "gpt-4.1", "max_tokens": 10,
            "stream": stream, "extra": planter.value(),
            "tools": [{"name": "send", "x": planter.value()}]}
    body["input" if api == "responses" else "messages"] = [
        {"role": "user", "content": planter.text()},
        {"role": "user", "content": [{"type": "text", "text": planter.text()}]}]
    text = json.dumps(body, ensure_ascii=planter.draw.random() < 0.5)
    return text.replace("@", "\\u0040") if planter.draw.random() < 0.5 else text


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("api", list(PATHS))
def test_no_marker_is_anywhere_in_the_home(home, start, speaker, api, keeps):
    planter = Planter(f"{api} {keeps}")
    server = start(KEEPS.format(rules=ALL_RULES) if keeps else
                   KEEPS.format(rules=ALL_RULES).replace("claims", "others"))
    for number in range(24):
        stream, packed, cut = number % 2 == 1, number % 3 == 1, number % 8 == 3
        if stream:
            speaker.say_events(events_of(planter, api, number, cut), done=not cut and api == "chat",
                               step=planter.draw.choice([0, 7, 100]), cut=cut,
                               packed=packed and not cut)
        else:
            speaker.say(json.dumps(whole_answer(planter, api, number)).encode(), packed=packed)
        post(server, api, request_of(planter, api, stream).encode(), packed=packed,
             case=f"C-{number}")
    settle(server)
    live = everything(home)
    kept = [record for number in range(24) for record in bodies(home, f"C-{number}")] \
        if keeps else []
    server.stop()
    assert planter.leaks(live + everything(home)) == []
    if not keeps:
        assert not (home.path / "bodies").exists()
        return
    assert len(kept) == 24
    assert planter.leaks(json.dumps(kept, ensure_ascii=False).encode()) == []
    states = [record[which]["state"] for record in kept for which in ("request", "answer")]
    assert states.count("kept") == 48, [record for record in kept
                                        if record["answer"]["state"] != "kept"][:2]
    for kind in ("email", "card", "iban", "phone", "ip", "secret", "claim"):
        assert f"[{kind}]" in json.dumps(kept)


# ---- refusals

@pytest.mark.parametrize("text, words", [
    ("{days: 30}", "keep_bodies: redact is missing"),
    ("{redact: none}", "days is missing"),
    ("{days: 0, redact: none}", "days"),
    ("{days: 30, redact: [mail]}", "email"),
    ("{days: 30, redact: some}", "none to keep texts as they are"),
    ("{days: 30, redact: [{pattern: '('}]}", "after byte"),
    ("{days: 30, redact: [{pattern: 'a*'}]}", "where nothing is"),
    ("{days: 30, redact: [{pattern: a, member: b}]}", "one of pattern and member"),
    ("{days: 30, redact: [{with: x}]}", "one of pattern and member"),
    ("{days: 30, redact: [{member: 'a..b'}]}", "a name is empty"),
    ("{days: 30, redact: none, max_kb: 99999}", "max_kb"),
    ("{days: 30, redact: none, maxkb: 1}", "max_kb"),
    ("yes", "mapping"),
])
def test_what_is_wrong_is_refused_with_file_line_and_key(home, text, words):
    home.path.mkdir(exist_ok=True)
    (home.path / "bursar.yaml").write_text(f"workflows:\n  claims:\n    keep_bodies: {text}\n")
    said = home.refused("bodies")
    assert "bursar.yaml:3" in said and "workflows.claims.keep_bodies" in said and words in said, said


def test_a_pattern_that_never_ends_withholds_the_text_and_harms_no_call(home, start, speaker):
    server = start(KEEPS.format(rules="[{pattern: '(a+)+$'}]"))
    speaker.say(chat_answer("fine"))
    assert post(server, "chat", chat_of("a" * 5000 + "! MARKER-IN-IT"))[0] == 200
    settle(server)
    record, = bodies(home)
    assert record["request"]["state"] == "withheld" and "steps" in record["request"]["why"]
    assert record["answer"]["state"] == "kept"
    assert server.metric("bursar_bodies_withheld_total") == 1
    server.stop()
    assert b"MARKER-IN" not in everything(home)


def test_what_is_no_json_is_not_kept(home, start, speaker):
    server = start(KEEPS.format(rules="none"))
    speaker.say(b"MARKER-IN-HTML", kind="text/html")
    post(server, "chat", chat_of("hello"))
    settle(server)
    record, = bodies(home)
    assert record["request"]["state"] == "kept"
    assert record["answer"]["state"] == "withheld" and "body" not in record["answer"]
    server.stop()
    assert b"MARKER-IN" not in everything(home)


# ---- who may read and erase, and for how long

def make_key(home, role, *more):
    return json.loads(home.ok("key", "create", "--role", role, "--json", *more))["secret"]


def test_viewers_see_that_bodies_are_kept_and_not_what_they_say(home, start, speaker):
    home.path.mkdir(exist_ok=True)
    keys = {role: make_key(home, role) for role in ("viewer", "approver", "admin", "ingest")}
    keys["bound"] = make_key(home, "admin", "--workflow", "claims")
    server = start(KEEPS.format(rules="[email]"))
    speaker.say(chat_answer("SAID-SO"))
    post(server, "chat", chat_of("ASKED-SO"))
    settle(server)

    def get(role, query):
        status, body, _ = server.ask("GET", f"/api/v1/explain?case=C-1{query}",
                                     headers={"x-api-key": keys[role]})
        return status, body
    status, body = get("viewer", "")
    assert status == 200 and json.loads(body)["kept_bodies"] == 1 and b"SAID-SO" not in body
    for role in ("viewer", "ingest", "bound"):
        status, body = get(role, "&bodies")
        assert status == 403 and b"SAID-SO" not in body, role
        assert get(role, "&bodies=true")[0] == 403
    before = home.ok("bodies")
    for role in ("approver", "admin"):
        status, body = get(role, "&bodies")
        assert status == 200 and b"SAID-SO" in body and b"ASKED-SO" in body
    assert "claims" in before and "1 rule" in before
    trail = audit(home)
    assert [row[1:3] for row in trail if row[1] == "bodies read"] == [
        ("bodies read", "claims/C-1")] * 2
    erasing = {"x-api-key": keys["viewer"], **{"Content-Type": "application/json"}}
    path = "/api/v1/bodies?arg=erase&arg=C-1"
    assert server.ask("POST", path, "", erasing)[0] == 403
    erasing["x-api-key"] = keys["approver"]
    status, body, _ = server.ask("POST", path, "", erasing)
    assert status == 200 and json.loads(body)["calls"] == 1
    assert json.loads(get("admin", "&bodies")[1])["kept_bodies"] == 0


def audit(home):
    database = sqlite3.connect(f"file:{home.path}/control.sqlite?mode=ro", uri=True)
    try:
        return database.execute("SELECT actor, action, subject, detail FROM audit ORDER BY rowid"
                                ).fetchall()
    finally:
        database.close()


@pytest.mark.parametrize("running", [True, False])
def test_an_erased_case_is_gone_from_the_disk(home, start, speaker, running):
    server = start(KEEPS.format(rules="none"))
    for case in ("C-1", "C-2"):
        speaker.say(chat_answer(f"ANSWER-OF-{case}", case))
        post(server, "chat", chat_of(f"REQUEST-OF-{case}"), case=case)
    settle(server)
    assert b"REQUEST-OF-C-1" in everything(home)
    if not running:
        server.stop()
    home.refused("bodies", "erase", status=2)
    home.refused("bodies", "erase", "C-1", "--all", status=2)
    assert json.loads(home.ok("bodies", "erase", "C-1", "--json"))["calls"] == 1
    found = everything(home)
    assert b"REQUEST-OF-C-1" not in found and b"ANSWER-OF-C-1" not in found
    assert b"REQUEST-OF-C-2" in found
    assert home.json("explain", "C-1")["kept_bodies"] == 0
    assert "bodies erased" in [row[1] for row in audit(home)]
    assert json.loads(home.ok("bodies", "erase", "--workflow", "claims", "--json"))["calls"] == 1
    assert b"REQUEST-OF" not in everything(home)


def test_folder_and_files_are_the_owners_alone(home, start, speaker):
    server = start(KEEPS.format(rules="none"))
    speaker.say(chat_answer("x"))
    post(server, "chat", chat_of("x"))
    settle(server)
    folder = home.path / "bodies"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_server_that_is_killed_keeps_what_was_written(home, start, speaker):
    server = start(KEEPS.format(rules="none"))
    speaker.say(chat_answer("FIRST"))
    post(server, "chat", chat_of("x"))
    settle(server)
    server.process.kill()
    server.process.wait()
    file, = (home.path / "bodies").glob("*.log")
    with open(file, "ab") as end:
        end.write(os.urandom(50))  # torn
    server = start(KEEPS.format(rules="none"))
    speaker.say(chat_answer("SECOND", 2))
    post(server, "chat", chat_of("x"), case="C-2")
    settle(server)
    assert b"FIRST" in json.dumps(bodies(home, "C-1")).encode()
    assert b"SECOND" in json.dumps(bodies(home, "C-2")).encode()
    assert list((home.path / "bodies").glob("*.log")) == [file]


def test_opting_out_leaves_what_is_kept_until_it_is_erased(home, start, speaker):
    server = start(KEEPS.format(rules="none"))
    speaker.say(chat_answer("FIRST"))
    post(server, "chat", chat_of("x"))
    settle(server)
    path = home.path / "bursar.yaml"
    path.write_text(CONFIG.format(url=speaker.url))
    server.process.send_signal(signal.SIGHUP)
    until = time.monotonic() + 60
    while home.json("bodies")["workflows"][0]["keeps"]:
        assert time.monotonic() < until
        time.sleep(0.05)
    speaker.say(chat_answer("SECOND", 2))
    post(server, "chat", chat_of("x"), case="C-2")
    settle(server)
    assert len(bodies(home, "C-1")) == 1 and bodies(home, "C-2") == []
    path.write_text(CONFIG.format(url=speaker.url) + "workflows: {claims: {keep_bodies: {days: x}}}")
    server.process.send_signal(signal.SIGHUP)  # refused: the one before holds on
    assert json.loads(server.ask("GET", "/api/v1/bodies")[1])["workflows"][0]["calls"] == 1


def test_a_client_that_leaves_leaves_what_was_said_so_far(home, start, speaker):
    server = start(KEEPS.format(rules="[email, card]"))
    gate = threading.Event()
    events = [{"id": "chatcmpl-000000000001", "choices": [{"index": 0, "delta": {"content": text}}]}
              for text in ("Write to al", "ice@example.com or pay to 4111 1111 1", "111 1111")]
    pieces = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    speaker.say(*pieces, kind="text/event-stream", gate=gate)
    data = json.dumps(chat_of("x", stream=True)).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(head_of(PATHS["chat"], data, [("x-bursar-workflow", "claims"),
                                                         ("x-bursar-case", "C-1")]))
        got = b""
        while b"4111" not in got:
            got += connection.recv(1000)
    settle(server)
    gate.set()
    record, = bodies(home)
    assert record["answer"]["broke_off"] is True
    part, = record["answer"]["body"]["parts"]
    assert part["text_so_far"].startswith("Write to [email] or pay")
    server.stop()
    found = everything(home)
    assert b"4111" not in found and b"alice" not in found


def test_pictures_are_told_by_kind_and_size(home, start, speaker):
    server = start(KEEPS.format(rules="none"))
    speaker.say(chat_answer("x"))
    picture = "iVBORw0KGgo" + "QUJDRE" * 200
    body = chat_of("x")
    body["messages"][0]["content"] = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}},
        {"type": "image", "source": {"type": "base64", "data": picture}}]
    post(server, "chat", body)
    settle(server)
    text = json.dumps(bodies(home)[0]["request"]["body"])
    assert text.count("[image/png, ") == 2 and "QUJDRE" not in text


def test_a_long_body_is_cut_and_says_so(home, start, speaker):
    server = start("workflows: {claims: {keep_bodies: {days: 1, max_kb: 2, redact: none}}}\n")
    speaker.say(chat_answer("short"))
    post(server, "chat", chat_of("word " * 2000))
    settle(server)
    record, = bodies(home)
    assert record["request"]["state"] == "cut" and record["request"]["bytes"] > 10000
    assert 1500 < len(json.dumps(record["request"]["body"])) < 2500
    assert record["answer"]["state"] == "kept"


def test_doctor_notes_what_is_kept_as_it_is_and_open_modes(home):
    home.path.mkdir(exist_ok=True)
    (home.path / "bursar.yaml").write_text(
        "workflows: {claims: {keep_bodies: {days: 3, redact: none}},"
        " support: {keep_bodies: {days: 3, redact: [email]}}}")
    (home.path / "bodies").mkdir(mode=0o755)
    (home.path / "bodies").chmod(0o755)
    checks = [(check["state"], check["found"]) for check in home.json("doctor")["checks"]
              if check["check"] == "bodies"]
    assert len(checks) == 3
    assert any(state == "note" and "755" in found for state, found in checks)
    assert any(state == "note" and "claims" in found and "nothing is taken out" in found
               for state, found in checks)
    assert any(state == "ok" and "support" in found for state, found in checks)


def test_a_full_disk_stops_the_keeping_and_no_call(home, start, speaker):
    """The disk is one file's limit: what is longer is refused by the kernel."""
    server = start(KEEPS.format(rules="none").replace("30", "30, max_kb: 4096"))
    limit = 256 << 10
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
    for number, size in enumerate((10, 600_000, 10)):
        speaker.say(chat_answer(f"ANSWER-{number}", number))
        assert post(server, "chat", chat_of("w " * (size // 2)), case=f"C-{number}")[0] == 200
        handed_over(server)
    assert server.metric("bursar_bodies_failed_total") == 1
    found = b"".join(path.read_bytes() for path in (home.path / "bodies").glob("*.log"))
    assert b"ANSWER-0" in found and b"ANSWER-1" not in found and b"ANSWER-2" in found
