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
    try:
        response = connection.getresponse()
        answer = response.read()
    except http.client.IncompleteRead as error:
        answer = error.partial
    except (http.client.RemoteDisconnected, ConnectionResetError):
        return None, b""
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
