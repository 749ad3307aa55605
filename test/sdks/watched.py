"""An agent that calls models through a gateway with the providers' own SDKs, while an
instrumentation reports the same calls to the same server.

usage: watched.py INSTRUMENTATION RECEIVER [--propagate] < CALLS

INSTRUMENTATION  openllmetry or openinference
--propagate      the trace's context goes with the calls, as traceparent and baggage
CALLS            JSON list; each {"sdk": "openai" or "anthropic", "case", "stream", "ask",
                 "headers"}. Where the SDKs call is said by OPENAI_BASE_URL and ANTHROPIC_BASE_URL
"""
import json
import sys

import anthropic
import openai
from openinference.instrumentation.anthropic import AnthropicInstrumentor as InferenceAnthropic
from openinference.instrumentation.openai import OpenAIInstrumentor as InferenceOpenAI
from opentelemetry import baggage, context, propagate
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

INSTRUMENTORS = {"openllmetry": (AnthropicInstrumentor, OpenAIInstrumentor),
                 "openinference": (InferenceAnthropic, InferenceOpenAI)}


def ask(clients, call, headers):
    words = {"messages": [{"role": "user", "content": call["ask"]}], "extra_headers": headers}
    if call["sdk"] == "openai":
        create = clients["openai"].chat.completions.create
        words["model"] = "gpt-4.1"
    else:
        create = clients["anthropic"].messages.create
        words.update(model="claude-sonnet-4-5", max_tokens=100)
    answer = create(**words, stream=call["stream"])
    if call["stream"]:
        for _ in answer:
            pass


def main():
    instrumentation, receiver = sys.argv[1:3]
    traces = TracerProvider(resource=Resource.create({"service.name": "watched",
                                                      "bursar.workflow": "claims"}))
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(
        endpoint=receiver + "/v1/traces")))
    for instrumentor in INSTRUMENTORS[instrumentation]:
        instrumentor().instrument(tracer_provider=traces)
    clients = {"openai": openai.OpenAI(), "anthropic": anthropic.Anthropic()}
    tracer = traces.get_tracer("agent")
    for call in json.load(sys.stdin):
        with tracer.start_as_current_span("work", attributes={"bursar.case.id": call["case"]}):
            headers = dict(call.get("headers", {}))
            if "--propagate" in sys.argv:
                known = baggage.set_baggage("bursar.case", call["case"])
                token = context.attach(baggage.set_baggage("bursar.workflow", "claims", known))
                propagate.inject(headers)
                context.detach(token)
            ask(clients, call, headers)
    traces.shutdown()


main()
