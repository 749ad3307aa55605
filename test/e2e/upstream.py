"""A provider of models on loopback as the gateway meets it: OpenAI's and Anthropic's APIs, streamed
or not, with a log of what each answer used and of how its connection ended. For tests.

What an answer is like is said in the last message, as JSON: {"input", "cached", "written",
"output": tokens; "chunks": of a stream, "every": seconds between two; "wait": before the head;
"status": an error, of "type" in the provider's words, with "retry_after" seconds, for the first
"fails" calls that ask the same (all); "cut": chunks after which the
connection is closed; "reset": close at once; "error_after": events of a stream after which it tells
of an error and ends; "no_usage": tell none; "pack": gzip or deflate the answer, or say it is br;
"pad": bytes of text a chunk; "tool": call one with "arguments"; "thinking": think first; "hour":
tokens written to a cache for an hour; "reasoning": tokens of the output; "tier", "geo": as served;
"gate": answered once open() names it; "halt": events of a stream after which, or with an error
behind its first byte, it waits until open() names "halt"; "polls": of a response in the background,
how often it is fetched before it is done}."""
import asyncio
import gzip
import json
import threading
import zlib

DEFAULT = {"input": 100, "cached": 0, "written": 0, "output": 20, "chunks": 4, "every": 0}
MESSAGES = ("/v1/messages",)


def wishes(request):
    """What the last message asks of the answer."""
    messages = request.get("messages") or request.get("input") or []
    content = messages if isinstance(messages, str) else (messages[-1] if messages else {})
    if isinstance(content, dict):
        content = content.get("content", "")
    parts = ([part.get("text", "") for part in content if isinstance(part, dict)]
             if isinstance(content, list) else [content])
    told = {}
    for part in parts:
        try:
            read = json.loads(part)
        except ValueError:
            continue
        told = read if isinstance(read, dict) else told
    return {**DEFAULT, **told}


def chat_usage(wish):
    prompt = wish["input"] + wish["cached"]
    return {"prompt_tokens": prompt, "completion_tokens": wish["output"],
            "total_tokens": prompt + wish["output"],
            "prompt_tokens_details": {"cached_tokens": wish["cached"]},
            "completion_tokens_details": {"reasoning_tokens": wish.get("reasoning", 0)}}


def responses_usage(wish):
    prompt = wish["input"] + wish["cached"]
    return {"input_tokens": prompt, "input_tokens_details": {"cached_tokens": wish["cached"]},
            "output_tokens": wish["output"],
            "output_tokens_details": {"reasoning_tokens": wish.get("reasoning", 0)},
            "total_tokens": prompt + wish["output"]}


def messages_usage(wish, output=None):
    return {"input_tokens": wish["input"], "cache_read_input_tokens": wish["cached"],
            "cache_creation_input_tokens": wish["written"] + wish.get("hour", 0),
            "cache_creation": {"ephemeral_5m_input_tokens": wish["written"],
                               "ephemeral_1h_input_tokens": wish.get("hour", 0)},
            "output_tokens": wish["output"] if output is None else output,
            "service_tier": wish.get("tier", "standard"),
            **({"inference_geo": wish["geo"]} if "geo" in wish else {})}


def halves(text):
    return text[:len(text) // 2], text[len(text) // 2:]


def text_of(wish, number):
    return f"part {number} " + "x" * wish.get("pad", 0)


def chat_message(wish):
    message = {"role": "assistant", "content": "Done.", "refusal": None}
    if wish.get("tool"):
        message["tool_calls"] = [{"id": "call_1", "type": "function",
                                  "function": {"name": wish["tool"], "arguments": "{\"a\":1}"}}]
    return message


def chat(entry, request, wish):
    common = {"id": entry["id"], "created": 1_790_000_000, "model": request["model"],
              "service_tier": wish.get("tier", "default")}
    usage = {} if wish.get("no_usage") else {"usage": chat_usage(wish)}
    finish = "tool_calls" if wish.get("tool") else "stop"
    if not request.get("stream"):
        return {**common, "object": "chat.completion", **usage,
                "choices": [{"index": 0, "message": chat_message(wish), "finish_reason": finish,
                             "logprobs": None}]}
    common["object"] = "chat.completion.chunk"
    told = (request.get("stream_options") or {}).get("include_usage", False)
    entry["asked_usage"] = told
    empty = {"usage": None} if told else {}
    deltas = [{"role": "assistant", "content": ""}]
    if wish.get("tool"):
        deltas += [{"tool_calls": [{"index": 0, "id": "call_1", "type": "function",
                                    "function": {"name": wish["tool"], "arguments": ""}}]},
                   {"tool_calls": [{"index": 0, "function": {"arguments": "{\"a\":1}"}}]}]
    deltas += [{"content": text_of(wish, number)} for number in range(wish["chunks"])]
    events = [{**common, **empty, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
              for delta in deltas]
    events.append({**common, **empty,
                   "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if told and usage:
        events.append({**common, "choices": [], **usage})
    return [f"data: {json.dumps(event)}\n\n" for event in events] + ["data: [DONE]\n\n"]


def responses(entry, request, wish):
    text = "".join(text_of(wish, number) for number in range(wish["chunks"]))
    output = [{"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
               "content": [{"type": "output_text", "text": text, "annotations": []}]}]
    whole = {"id": entry["id"], "object": "response", "created_at": 1_790_000_000,
             "status": "completed", "model": request["model"], "output": output, "error": None,
             "incomplete_details": None, "instructions": None, "metadata": {}, "tools": [],
             "parallel_tool_calls": True, "temperature": 1.0, "top_p": 1.0, "tool_choice": "auto",
             "service_tier": wish.get("tier", "default"), "usage": responses_usage(wish)}
    if request.get("background"):
        entry["done"] = whole
        return {**whole, "status": "queued", "output": [], "usage": None}
    if not request.get("stream"):
        return whole
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    item = {**output[0], "status": "in_progress", "content": []}
    part = {"type": "output_text", "text": "", "annotations": []}
    place = {"item_id": "msg_1", "output_index": 0}
    events = [{"type": "response.created", "response": begun},
              {"type": "response.in_progress", "response": begun},
              {"type": "response.output_item.added", "output_index": 0, "item": item},
              {"type": "response.content_part.added", **place, "content_index": 0, "part": part}]
    events += [{"type": "response.output_text.delta", **place, "content_index": 0, "logprobs": [],
                "delta": text_of(wish, number)} for number in range(wish["chunks"])]
    events += [{"type": "response.output_text.done", **place, "content_index": 0, "text": text,
                "logprobs": []},
               {"type": "response.content_part.done", **place, "content_index": 0,
                "part": {**part, "text": text}},
               {"type": "response.output_item.done", "output_index": 0, "item": output[0]},
               {"type": "response.completed", "response": whole}]
    return [f"event: {event['type']}\n"
            f"data: {json.dumps({**event, 'sequence_number': number})}\n\n"
            for number, event in enumerate(events)]


def messages(entry, request, wish):
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}] * bool(
        wish.get("thinking"))
    blocks.append({"type": "text", "text": "Done."})
    if wish.get("tool"):
        blocks.append({"type": "tool_use", "id": f"toolu_{entry['id']}", "name": wish["tool"],
                       "input": wish.get("arguments", {"a": 1})})
    stop = "tool_use" if wish.get("tool") else "end_turn"
    message = {"id": entry["id"], "type": "message", "role": "assistant",
               "model": request["model"], "content": blocks, "stop_reason": stop,
               "stop_sequence": None, "usage": messages_usage(wish)}
    if not request.get("stream"):
        return message
    events = [{"type": "message_start",
               "message": {**message, "content": [], "stop_reason": None,
                           "usage": messages_usage(wish, 1)}}, {"type": "ping"}]
    for index, block in enumerate(blocks):
        deltas = {
            "thinking": [{"type": "thinking_delta", "thinking": "Hm."},
                         {"type": "signature_delta", "signature": "c2ln"}],
            "text": [{"type": "text_delta", "text": text_of(wish, number)}
                     for number in range(wish["chunks"])],
            "tool_use": [{"type": "input_json_delta", "partial_json": part}
                         for part in halves(json.dumps(block.get("input")))],
        }[block["type"]]
        empty = {"thinking": {"type": "thinking", "thinking": "", "signature": ""},
                 "text": {"type": "text", "text": ""},
                 "tool_use": {**block, "input": {}}}[block["type"]]
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        events += [{"type": "content_block_delta", "index": index, "delta": delta}
                   for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    # Two tellings of a running total: the second takes the place of the first.
    events.append({"type": "message_delta", "delta": {"stop_reason": None, "stop_sequence": None},
                   "usage": {"output_tokens": max(1, wish["output"] // 2)}})
    events.append({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None},
                   "usage": {"input_tokens": wish["input"],
                             "cache_read_input_tokens": wish["cached"],
                             "cache_creation_input_tokens": wish["written"] + wish.get("hour", 0),
                             "output_tokens": wish["output"]}})
    events.append({"type": "message_stop"})
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]


def embeddings(_, request, wish):
    return {"object": "list", "model": request["model"],
            "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
            "usage": {"prompt_tokens": wish["input"], "total_tokens": wish["input"]}}


# What each provider says with a status: its type, and OpenAI's code.
ERRORS = {400: ("invalid_request_error", "invalid_request_error", "bad_value"),
          401: ("authentication_error", "invalid_request_error", "invalid_api_key"),
          402: ("billing_error", "insufficient_quota", "billing_hard_limit_reached"),
          404: ("not_found_error", "invalid_request_error", "model_not_found"),
          413: ("request_too_large", "invalid_request_error", None),
          429: ("rate_limit_error", "requests", "rate_limit_exceeded"),
          500: ("api_error", "server_error", None), 503: ("api_error", "server_error", None),
          529: ("overloaded_error", "server_error", None)}


def error_of(path, wish, status, name):
    """An error in the words of the provider whose path that is."""
    of_anthropic, of_openai, code = ERRORS.get(status, ERRORS[500])
    if path in MESSAGES:
        return {"type": "error", "request_id": f"req_{name}",
                "error": {"type": wish.get("type", of_anthropic), "message": "not this time"}}
    return {"error": {"type": wish.get("type", of_openai), "code": code, "param": None,
                      "message": "not this time"}}


MAKERS = {"/v1/chat/completions": ("chatcmpl", chat), "/v1/responses": ("resp", responses),
          "/v1/messages": ("msg", messages), "/v1/embeddings": ("emb", embeddings)}
MODEL = {"id": "gpt-4.1", "object": "model", "type": "model", "created": 1, "owned_by": "test",
         "created_at": "2026-01-01T00:00:00Z", "display_name": "GPT-4.1"}
MODELS = {"object": "list", "data": [MODEL], "has_more": False, "first_id": "gpt-4.1",
          "last_id": "gpt-4.1"}


def pack(packing, body):
    """The body as that encoding; "br" is only said, as the
    standard library has none."""
    return {"gzip": gzip.compress, "deflate": zlib.compress,
            "br": zlib.compress}.get(packing, bytes)(body)


class Upstream:
    """Answers until stopped. `log`: one entry an answer, in order of their requests."""

    def __init__(self):
        self.log = []
        self.gates = {}
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        threading.Thread(target=self.run, args=(started,), daemon=True).start()
        started.wait()

    def run(self, started):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(
            asyncio.start_server(self.serve, "127.0.0.1", 0, limit=1 << 26, backlog=4096))
        self.port = self.server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        started.set()
        self.loop.run_forever()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)

    def gate(self, name):
        return self.gates.setdefault(name, asyncio.Event())

    async def wait(self, reader, wish):
        """As long as is wished; False: whoever asked has gone meanwhile."""
        if "gate" not in wish and "wait" not in wish:
            return True
        waits = self.gate(wish["gate"]).wait() if "gate" in wish else asyncio.sleep(
            wish["wait"])
        waiting = asyncio.ensure_future(waits)
        pause = 0.01
        while not waiting.done() and not reader.at_eof():
            await asyncio.wait([waiting], timeout=pause)
            pause = min(2 * pause, 0.5)  # thousands may wait
        waiting.cancel()
        return not reader.at_eof()

    def open(self, name):
        """Let go what waits for it, and what will come."""
        self.loop.call_soon_threadsafe(lambda: self.gate(name).set())

    async def serve(self, reader, writer):
        try:
            while await self.exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            if not self.loop.is_closed():
                writer.close()

    async def exchange(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        fields = {name.lower(): value.strip() for name, _, value in
                  (line.partition(":") for line in lines[1:] if line)}
        body = await reader.readexactly(int(fields.get("content-length", 0)))
        path = path.partition("?")[0]
        entry = {"path": path, "method": method, "fields": fields, "body": body, "sent": 0,
                 "ended": None}
        self.log.append(entry)
        begun = next((one for one in self.log if path == f"/v1/responses/{one.get('id')}"), None)
        if method == "GET" and begun is not None:
            begun["polled"] = begun.get("polled", 0) + 1
            done = begun["polled"] > begun["wish"].get("polls", 0)
            return await self.whole(writer, 200, begun["done"] if done else {
                **begun["done"], "status": "in_progress", "output": [], "usage": None})
        if method == "GET":
            return await self.whole(writer, 200, MODELS if path.endswith("/models") else MODEL)
        if path == "/v1/messages/count_tokens":
            return await self.whole(writer, 200, {"input_tokens": 42})
        if path not in MAKERS:
            return await self.whole(writer, 200, {"ok": True, "path": path})
        packing = fields.get("content-encoding", "")
        request = json.loads(gzip.decompress(body) if packing == "gzip" else
                             zlib.decompress(body) if packing == "deflate" else body)
        wish = wishes(request)
        prefix, make = MAKERS[path]
        entry.update(wish=wish, model=request["model"], request=request,
                     id=f"{prefix}-{self.port}-{len(self.log):08}")
        try:
            return await self.answer(reader, writer, entry, make(entry, request, wish))
        except ConnectionError:
            entry["ended"] = "cancelled"
            return False

    async def answer(self, reader, writer, entry, made):
        wish = entry["wish"]
        if not await self.wait(reader, wish):
            entry["ended"] = "cancelled"
            return False
        if wish.get("reset"):
            entry["ended"] = "reset"
            writer.transport.abort()
            return False
        same = sum(other.get("wish") == wish for other in self.log)
        if wish.get("status") and same <= wish.get("fails", same):
            entry["ended"] = "error"
            error = error_of(entry["path"], wish, wish["status"], entry["id"])
            rest = self.wait(reader, {"gate": "halt"}) if "halt" in wish else None
            return await self.whole(writer, wish["status"], error, wish.get("retry_after"),
                                    rest=rest)
        if isinstance(made, dict):
            entry["ended"] = "whole"
            return await self.whole(writer, 200, made, packing=wish.get("pack"))
        if wish.get("pack"):
            entry["ended"] = "whole"
            return await self.packed(writer, wish["pack"], made)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                     b"request-id: req_" + entry["id"].encode() +
                     b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        if "error_after" in wish:
            error = error_of(entry["path"], wish, 529, entry["id"])
            if entry["path"] == "/v1/responses":
                error = {"type": "error", **error["error"], "sequence_number": 99}
            name = "event: error\n" if entry["path"] != "/v1/chat/completions" else ""
            made = made[:wish["error_after"]] + [f"{name}data: {json.dumps(error)}\n\n"]
        for number, event in enumerate(made):
            if wish.get("cut") == number:
                entry["ended"] = "cut"
                writer.transport.abort()
                return False
            if wish.get("halt") == number and not await self.wait(reader, {"gate": "halt"}):
                entry["ended"] = "cancelled"
                return False
            data = event.encode()
            writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            await writer.drain()
            if wish["every"]:
                await asyncio.sleep(wish["every"])
            if reader.at_eof() or writer.transport.is_closing():
                entry["ended"] = "cancelled"
                return False
            entry["sent"] += 1
        entry["ended"] = "whole"
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def whole(self, writer, status, value, retry_after=None, packing=None, rest=None):
        body = pack(packing, json.dumps(value).encode())
        wait = "" if retry_after is None else f"Retry-After: {retry_after}\r\n"
        wait += f"Content-Encoding: {packing}\r\n" if packing else ""
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{wait}"
                     f"Content-Length: {len(body)}\r\n\r\n".encode() + body[:1])
        if rest is not None and not await rest:
            return False
        writer.write(body[1:])
        await writer.drain()
        return True

    async def packed(self, writer, packing, events):
        body = pack(packing, "".join(events).encode())
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                     f"Content-Encoding: {packing}\r\nTransfer-Encoding: chunked\r\n\r\n"
                     .encode())
        for at in range(0, len(body), 7):
            piece = body[at:at + 7]
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    def answered(self):
        """The answers that were charged for: whole ones."""
        return [entry for entry in self.log if entry["ended"] == "whole" and "wish" in entry]
