"""A random company whose calls are known, and everything its programs tell of them: spans, events,
metrics and session logs, as requests and files. What is told in which way is random; that each call
is told at all is not."""
import datetime
import json
import random

MODELS = {  # $ a million tokens: input, cache read, cache write, output
    "claude-sonnet-4-5": (3, 0.3, 3.75, 15),
    "claude-haiku-4-5": (1, 0.1, 1.25, 5),
}
GPT, GEMINI = "gpt-5", "gemini-2.5-flash"
OTHERS = {GPT: (1.25, 0.125, 0, 10), GEMINI: (0.3, 0.03, 0, 2.5)}
NS = 10**9
START = 1_780_000_000 * NS


class Call:
    """One model call: the truth."""

    def __init__(self, rng, number, at_ns):
        self.number = number
        self.model = rng.choice(list(MODELS))
        self.started, self.ended = at_ns, at_ns + rng.randint(200, 9_000) * 1_000_000
        self.input = rng.randint(1, 5_000)
        self.read = rng.choice([0, rng.randint(1, 90_000)])
        self.write = rng.choice([0, rng.randint(1, 9_000)])
        self.output = rng.randint(1, 3_000)

    def tokens(self):
        return self.input + self.read + self.write + self.output

    def pusd(self):
        """Picodollars, exactly."""
        rates = [round(rate * 10**6) for rate in {**MODELS, **OTHERS}[self.model]]
        return sum(rate * count for rate, count in
                   zip(rates, (self.input, self.read, self.write, self.output)))


def attributes(values):
    def kind(value):
        return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}
    return [{"key": key, "value": kind(value)} for key, value in values.items()]


def usage(call):
    return {"gen_ai.usage.input_tokens": call.input + call.read + call.write,
            "gen_ai.usage.output_tokens": call.output,
            "gen_ai.usage.cache_read.input_tokens": call.read,
            "gen_ai.usage.cache_write.input_tokens": call.write}


class Told:
    """Records of each signal with their resources, in the order they came to be."""

    def __init__(self):
        self.records = []  # (signal, resource, record)
        self.logs = {}     # session -> lines

    def add(self, signal, resource, record):
        self.records.append((signal, json.dumps(resource, sort_keys=True), record))


WRAPS = {"traces": ("resourceSpans", "scopeSpans", "spans"),
         "logs": ("resourceLogs", "scopeLogs", "logRecords"),
         "metrics": ("resourceMetrics", "scopeMetrics", "metrics")}


def request(signal, records):
    """One export request of records of one signal."""
    outer, middle, inner = WRAPS[signal]
    by_resource = {}
    for resource, record in records:
        by_resource.setdefault(resource, []).append(record)
    return {outer: [{"resource": {"attributes": attributes(json.loads(resource))},
                     middle: [{inner: rows}]} for resource, rows in by_resource.items()]}


def requests(rng, told, size):
    """All that was told as requests in random order and of random sizes, some of them twice."""
    records = told.records * 1
    records += rng.sample(records, len(records) // 5)  # sent again
    rng.shuffle(records)
    out = []
    for signal in WRAPS:
        rows = [(resource, record) for kind, resource, record in records if kind == signal]
        while rows:
            count = rng.randint(1, size)
            out.append((signal, request(signal, rows[:count])))
            rows = rows[count:]
    rng.shuffle(out)
    return out


def span(trace, number, parent, name, call, values):
    row = {"traceId": f"{trace:032x}", "spanId": f"{number:016x}", "name": name,
           "startTimeUnixNano": str(call[0]), "endTimeUnixNano": str(call[1]),
           "attributes": attributes(values)}
    if parent:
        row["parentSpanId"] = f"{parent:016x}"
    return row


def log_line(session, call):
    """What the session log of Claude Code has of it."""
    tokens = {"input_tokens": call.input, "output_tokens": call.output,
              "cache_read_input_tokens": call.read, "cache_creation_input_tokens": call.write}
    return {"type": "assistant", "sessionId": session, "uuid": f"{session}-{call.number}",
            "timestamp": stamp(call.ended), "version": "2.1.0", "cwd": "/srv/app",
            "isSidechain": False, "requestId": f"req_{call.number:018}",
            "message": {"id": f"msg_{call.number:018}", "type": "message", "role": "assistant",
                        "model": call.model, "usage": tokens, "content": []}}


class Company:
    """truth: {(workflow, case): [calls]}; told: what its programs say."""

    def __init__(self, seed, cases=6):
        self.rng = random.Random(seed)
        self.number = seed * 1_000_000
        self.told = Told()
        self.truth = {}
        for index in range(cases):
            self.case_of_traces(index)
        for index in range(3):
            self.coding_session(index)
        for index in range(2):
            self.codex_session(index)
            self.gemini_session(index)
        for index in range(3):
            self.metered_service(index)

    def next(self):
        self.number += 1
        return self.number

    def call(self, at_ns):
        return Call(self.rng, self.next(), at_ns)

    def count(self, workflow, case, call):
        self.truth.setdefault((workflow, case), []).append(call)

    def case_of_traces(self, index):
        """A case of one or two traces; only the root says whose work it is."""
        rng = self.rng
        workflow, case = f"work-{index % 3}", f"case-{index}"
        resource = {"service.name": f"svc-{index % 2}", "service.instance.id": f"i-{index}"}
        for _ in range(rng.randint(1, 2)):
            trace, root = self.next(), self.next()
            at = START + rng.randint(0, 86_400) * NS
            began, parents = at, [root]
            for _ in range(rng.randint(2, 30)):
                call, number = self.call(at), self.next()
                at = call.ended + rng.randint(0, 3) * NS
                if rng.random() < 0.3:  # an agent of its own, which says what its calls used
                    agent = self.next()
                    self.told.add("traces", resource, span(
                        trace, agent, rng.choice(parents), "invoke_agent", (call.started, at),
                        {"gen_ai.operation.name": "invoke_agent", **usage(call)}))
                    parents.append(agent)
                self.tell_call(resource, call, trace, number, rng.choice(parents))
                self.count(workflow, case, call)
            self.told.add("traces", resource, span(
                trace, root, None, "handle", (began, at),
                {"bursar.workflow": workflow, "bursar.case.id": case,
                 "bursar.case.attr.tier": "gold"}))

    def tell_call(self, resource, call, trace, number, parent):
        """A span, an event of the same call, or both."""
        values = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic",
                  "gen_ai.request.model": call.model, **usage(call)}
        if self.rng.random() < 0.5:
            values["gen_ai.response.id"] = f"msg_{call.number:020}"
        told = self.rng.choice([("span",), ("span", "event"), ("event",)])
        if "span" in told:
            self.told.add("traces", resource, span(trace, number, parent, "chat",
                                                   (call.started, call.ended), values))
        if "event" in told:
            self.told.add("logs", resource, {
                "timeUnixNano": str(call.ended), "traceId": f"{trace:032x}",
                "spanId": f"{number:016x}",
                "eventName": "gen_ai.client.inference.operation.details",
                "attributes": attributes(values)})

    def coding_session(self, index):
        """A session of Claude Code: some of events, spans, session log and metrics, each of which
        has every call where it is on; metrics have them all."""
        rng = self.rng
        session = f"session-{self.number}-{index}"
        resource = {"service.name": "claude-code", "service.version": "2.1.0"}
        on = {name for name in ("events", "spans", "log", "metrics") if rng.random() < 0.6}
        on = on or {rng.choice(["events", "spans", "log", "metrics"])}
        if rng.random() < 0.3:  # what nothing better tells: half of the calls are in the metrics only
            on |= {"metrics", "half"}
        at = START + rng.randint(0, 86_400) * NS
        calls = []
        for _ in range(rng.randint(1, 12)):
            call = self.call(at)
            at = call.ended + rng.randint(0, 90) * NS
            calls.append(call)
            self.count("claude-code", session, call)
            if "half" not in on or rng.random() < 0.5:
                self.tell_request(on, resource, session, call)
        if "metrics" in on:
            self.tell_meters(resource, {"session.id": session}, calls, "claude_code.token.usage")

    def tell_request(self, on, resource, session, call):
        values = {"session.id": session, "model": call.model, "request_id": f"req_{call.number:018}",
                  "input_tokens": call.input, "output_tokens": call.output,
                  "cache_read_tokens": call.read, "cache_creation_tokens": call.write}
        if "events" in on:
            self.told.add("logs", resource, {
                "timeUnixNano": str(call.ended), "body": {"stringValue": "claude_code.api_request"},
                "attributes": attributes({"event.name": "api_request", **values,
                                          "duration_ms": (call.ended - call.started) // 10**6})})
        if "spans" in on:
            self.told.add("traces", resource, span(
                self.next(), self.next(), None, "claude_code.llm_request",
                (call.started, call.ended), {**values, "gen_ai.system": "anthropic"}))
        if "log" in on:
            self.told.logs.setdefault(session, []).append(log_line(session, call))

    def tell_meters(self, resource, values, calls, metric):
        """Delta or cumulative points of the calls' tokens, with restarts and silent periods."""
        rng = self.rng
        cumulative = rng.random() < 0.5
        period = rng.choice([10, 60, 60, 300]) * NS
        begin = calls[0].started - rng.randint(1, 5) * NS
        last = max(call.ended for call in calls)
        totals, start, edge = {}, begin, begin
        while edge < last:
            end = edge + period
            for call in calls:
                if edge < call.ended <= end:
                    for kind, count in (("input", call.input), ("output", call.output),
                                        ("cacheRead", call.read), ("cacheCreation", call.write)):
                        key = (call.model, kind)
                        totals[key] = totals.get(key, 0) + count
            points = [{"startTimeUnixNano": str(start if cumulative else edge),
                       "timeUnixNano": str(end), "asInt": str(total),
                       "attributes": attributes({**values, "model": model, "type": kind})}
                      for (model, kind), total in totals.items()]
            if points:
                self.told.add("metrics", resource, {"name": metric, "sum": {
                    "aggregationTemporality": 2 if cumulative else 1, "isMonotonic": True,
                    "dataPoints": points}})
            edge = end
            if not cumulative:
                totals = {}
            elif rng.random() < 0.2:  # the program is started again
                totals, start = {}, edge + 1

    def codex_session(self, index):
        """A thread of Codex: events without any id, its rollout, or both."""
        rng = self.rng
        thread = f"0198c0de-0000-7000-8000-{self.number:08}{index:04}"
        resource = {"service.name": "codex_cli_rs", "service.version": "0.50.0"}
        on = rng.choice([("events",), ("log",), ("events", "log"), ("events", "log")])
        at = START + rng.randint(0, 86_400) * NS
        lines = [{"timestamp": stamp(at), "type": "session_meta",
                  "payload": {"id": thread, "cwd": "/srv/app", "model_provider": "openai"}},
                 {"timestamp": stamp(at), "type": "turn_context", "payload": {"model": GPT}}]
        total = 0
        for _ in range(rng.randint(1, 6)):
            call = self.call(at)
            call.model, call.write = GPT, 0
            if total and rng.random() < 0.3:  # the same tokens once more
                call.input, call.read, call.output = last
            last = call.input, call.read, call.output
            at = call.ended + rng.choice([0, 1, 30]) * NS
            total += call.tokens()
            self.count("codex", thread, call)
            if "events" in on:
                self.told.add("logs", resource, {
                    "timeUnixNano": str(call.ended + rng.randint(0, 1_500) * 10**6),
                    "attributes": attributes({
                        "event.name": "codex.sse_event", "event.kind": "response.completed",
                        "conversation.id": thread, "model": GPT,
                        "input_token_count": str(call.input + call.read),
                        "output_token_count": str(call.output), "cached_token_count": call.read,
                        "duration_ms": str((call.ended - call.started) // 10**6)})})
            used = {"input_tokens": call.input + call.read, "cached_input_tokens": call.read,
                    "output_tokens": call.output, "total_tokens": call.tokens()}
            lines += [{"timestamp": stamp(call.started + 10**8), "type": "response_item",
                       "payload": {"type": "message", "role": "assistant", "content": []}},
                      {"timestamp": stamp(call.ended), "type": "event_msg", "payload": {
                          "type": "token_count", "info": {
                              "last_token_usage": used,
                              "total_token_usage": {**used, "total_tokens": total}}}}]
        if "log" in on:
            self.told.logs[f"rollout-{thread}"] = lines

    def gemini_session(self, index):
        """A session of Gemini CLI: events without any id, its log, or both."""
        rng = self.rng
        session = f"gemini-{self.number}-{index}"
        resource = {"service.name": "gemini-cli"}
        on = rng.choice([("events",), ("log",), ("events", "log"), ("events", "log")])
        at = START + rng.randint(0, 86_400) * NS
        lines = [{"sessionId": session, "projectHash": "p", "startTime": stamp(at)}]
        for _ in range(rng.randint(1, 6)):
            call = self.call(at)
            call.model, call.write = GEMINI, 0
            at = call.ended + rng.choice([0, 1, 30]) * NS
            thoughts = rng.randint(0, call.output)
            self.count("gemini-cli", session, call)
            if "events" in on:
                self.told.add("logs", resource, {
                    "timeUnixNano": str(call.ended), "attributes": attributes({
                        "event.name": "gemini_cli.api_response", "session.id": session,
                        "model": GEMINI, "input_token_count": call.input + call.read,
                        "cached_content_token_count": call.read,
                        "output_token_count": call.output - thoughts,
                        "thoughts_token_count": thoughts, "tool_token_count": 0,
                        "duration_ms": (call.ended - call.started) // 10**6})})
            lines.append({"id": f"m{call.number}", "timestamp": stamp(call.ended), "type": "gemini",
                          "content": "", "model": GEMINI, "tokens": {
                              "input": call.input + call.read, "cached": call.read, "tool": 0,
                              "output": call.output - thoughts, "thoughts": thoughts,
                              "total": call.tokens()}})
        if "log" in on:
            self.told.logs[f"session-{session}"] = lines

    def metered_service(self, index):
        """A service whose spans tell a part of its calls, or none, and whose counters tell all."""
        rng = self.rng
        resource = {"service.name": f"meter-{index}", "service.instance.id": f"m-{self.number}"}
        share = rng.choice([0, 0.5, 1])
        at = START + rng.randint(0, 86_400) * NS
        calls = []
        for _ in range(rng.randint(1, 20)):
            call = self.call(at)
            at = call.started + rng.randint(0, 20) * NS
            calls.append(call)
            if rng.random() < share:
                trace = self.next()
                self.told.add("traces", resource, span(
                    trace, self.next(), None, "chat", (call.started, call.ended),
                    {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic",
                     "gen_ai.request.model": call.model + "-20250929", **usage(call)}))
            self.count(None, resource["service.name"], call)
        self.tell_counters(resource, calls)

    def tell_counters(self, resource, calls):
        """The counters of the GenAI conventions; input holds the caches."""
        period = self.rng.choice([10, 60]) * NS
        edge, last = calls[0].started - NS, max(call.ended for call in calls)
        prefix = "gen_ai.client.inference.usage."
        while edge < last:
            end, totals = edge + period, {}
            for call in calls:
                if edge < call.ended <= end:
                    for name, count in (("input_tokens", call.input + call.read + call.write),
                                        ("output_tokens", call.output),
                                        ("cache_read.input_tokens", call.read),
                                        ("cache_write.input_tokens", call.write)):
                        key = (call.model, prefix + name)
                        totals[key] = totals.get(key, 0) + count
            for (model, name), total in totals.items():
                self.told.add("metrics", resource, {"name": name, "sum": {
                    "aggregationTemporality": 1, "isMonotonic": True, "dataPoints": [{
                        "startTimeUnixNano": str(edge), "timeUnixNano": str(end),
                        "asInt": str(total), "attributes": attributes({
                            "gen_ai.provider.name": "anthropic", "gen_ai.request.model": model,
                            "gen_ai.token.modality": "text"})}]}})
            edge = end

    # ---- what the ledger must say

    def calls(self):
        return [call for calls in self.truth.values() for call in calls]

    def pusd(self):
        return sum(call.pusd() for call in self.calls())


def stamp(at_ns):
    moment = datetime.datetime.fromtimestamp(at_ns / NS, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ns // 1_000_000 % 1000:03}Z"
