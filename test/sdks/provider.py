"""A provider of models on loopback that answers as OpenAI and Anthropic do and keeps its own log
of what each answer used: what its invoice would be made of. For tests."""
import http.server
import json
import random
import threading

MODELS = {"openai": "gpt-4.1-2025-04-14", "anthropic": "claude-sonnet-4-5-20250929"}


def draw(random_, sdk, caching):
    """What an answer uses, in disjoint buckets."""
    return {"sdk": sdk, "model": MODELS[sdk],
            "input_uncached": random_.randrange(1, 20_000),
            "cache_read": random_.randrange(1, 50_000) if caching else 0,
            "cache_write": random_.randrange(1, 5_000) if caching and sdk == "anthropic" else 0,
            "output": random_.randrange(1, 3_000)}


def openai_usage(used):
    prompt = used["input_uncached"] + used["cache_read"]
    return {"prompt_tokens": prompt, "completion_tokens": used["output"],
            "total_tokens": prompt + used["output"],
            "prompt_tokens_details": {"cached_tokens": used["cache_read"], "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0,
                                          "accepted_prediction_tokens": 0,
                                          "rejected_prediction_tokens": 0}}


def anthropic_usage(used):
    return {"input_tokens": used["input_uncached"], "output_tokens": used["output"],
            "cache_read_input_tokens": used["cache_read"],
            "cache_creation_input_tokens": used["cache_write"],
            "cache_creation": {"ephemeral_5m_input_tokens": used["cache_write"],
                               "ephemeral_1h_input_tokens": 0},
            "service_tier": "standard"}


def openai_answer(used, stream):
    common = {"id": used["id"], "created": 1_780_000_000, "model": used["model"],
              "service_tier": "default"}
    if not stream:
        message = {"role": "assistant", "content": "Done.", "refusal": None}
        return {**common, "object": "chat.completion", "usage": openai_usage(used),
                "choices": [{"index": 0, "message": message, "finish_reason": "stop",
                             "logprobs": None}]}
    common["object"] = "chat.completion.chunk"
    deltas = [({"role": "assistant", "content": "Do"}, None), ({"content": "ne."}, None),
              ({}, "stop")]
    events = [{**common, "usage": None, "choices": [{"index": 0, "delta": delta,
                                                     "finish_reason": finish}]}
              for delta, finish in deltas]
    events.append({**common, "choices": [], "usage": openai_usage(used)})
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"


def anthropic_answer(used, stream):
    message = {"id": used["id"], "type": "message", "role": "assistant", "model": used["model"],
               "content": [{"type": "text", "text": "Done."}], "stop_reason": "end_turn",
               "stop_sequence": None, "usage": anthropic_usage(used)}
    if not stream:
        return message
    begun = {**message, "content": [], "stop_reason": None,
             "usage": {**anthropic_usage(used), "output_tokens": 1}}
    events = [{"type": "message_start", "message": begun},
              {"type": "content_block_start", "index": 0,
               "content_block": {"type": "text", "text": ""}},
              {"type": "content_block_delta", "index": 0,
               "delta": {"type": "text_delta", "text": "Done."}},
              {"type": "content_block_stop", "index": 0},
              {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
               "usage": {"output_tokens": used["output"]}},
              {"type": "message_stop"}]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)


class Provider:
    """Answers until stopped; `log` has what each answer used, `ask` being what was asked."""

    def __init__(self, seed):
        self.log = []
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                content_type, body = provider.answer(self.path, request)
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path, request):
        sdk = {"/v1/chat/completions": "openai", "/v1/messages": "anthropic"}[path]
        ask = request["messages"][-1]["content"]
        with self.lock:
            used = draw(self.random, sdk, "cached" in ask)
            used["id"] = f"{'chatcmpl' if sdk == 'openai' else 'msg'}-{len(self.log):06}"
            self.log.append({**used, "ask": ask})
        stream = request.get("stream", False)
        made = (openai_answer if sdk == "openai" else anthropic_answer)(used, stream)
        return (("text/event-stream", made.encode()) if stream
                else ("application/json", json.dumps(made).encode()))

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
