"""An agent that calls models with the providers' own SDKs, watched by an instrumentation that
people use, which reports to a receiver with OpenTelemetry's own exporter.

usage: agent.py INSTRUMENTATION RECEIVER PROVIDER [--gzip] < CALLS

INSTRUMENTATION  openllmetry, openinference, or none: spans are written by hand
CALLS            JSON list; each {"sdk": "openai" or "anthropic", "case": ..., "stream": bool,
                 "ask": ...}
"""
import json
import sys

import anthropic
import openai
from openinference.instrumentation.anthropic import AnthropicInstrumentor as InferenceAnthropic
from openinference.instrumentation.openai import OpenAIInstrumentor as InferenceOpenAI
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

MODELS = {"openai": "gpt-4.1", "anthropic": "claude-sonnet-4-5"}
INSTRUMENTORS = {"openllmetry": (AnthropicInstrumentor, OpenAIInstrumentor),
                 "openinference": (InferenceAnthropic, InferenceOpenAI),
                 "none": ()}


def chat_openai(client, ask, stream):
    messages = [{"role": "user", "content": ask}]
    if not stream:
        answer = client.chat.completions.create(model=MODELS["openai"], messages=messages)
        return answer.id, answer.model, answer.usage
    last = None
    for chunk in client.chat.completions.create(model=MODELS["openai"], messages=messages,
                                                stream=True, stream_options={"include_usage": True}):
        last = chunk
    return last.id, last.model, last.usage


def chat_anthropic(client, ask, stream):
    words = {"model": MODELS["anthropic"], "max_tokens": 100,
             "messages": [{"role": "user", "content": ask}]}
    if not stream:
        answer = client.messages.create(**words)
        return answer.id, answer.model, answer.usage
    for _ in client.messages.create(**words, stream=True):
        pass
    return None


def write_span(tracer, sdk, answer):
    """What an application tells that has no instrumentation: the semantic conventions by hand."""
    identity, model, usage = answer
    with tracer.start_as_current_span(f"chat {model}") as span:
        cached = (usage.prompt_tokens_details.cached_tokens if sdk == "openai"
                  else usage.cache_read_input_tokens)
        written = 0 if sdk == "openai" else usage.cache_creation_input_tokens
        span.set_attributes({
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": sdk,
            "gen_ai.request.model": MODELS[sdk], "gen_ai.response.model": model,
            "gen_ai.response.id": identity,
            "gen_ai.usage.input_tokens": usage.prompt_tokens if sdk == "openai"
            else usage.input_tokens + cached + written,
            "gen_ai.usage.output_tokens": usage.completion_tokens if sdk == "openai"
            else usage.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": cached,
            "gen_ai.usage.cache_creation.input_tokens": written})


def main():
    instrumentation, receiver, provider = sys.argv[1:4]
    packing = Compression.Gzip if "--gzip" in sys.argv else Compression.NoCompression
    traces = TracerProvider(resource=Resource.create({"service.name": "sdk-agent",
                                                      "bursar.workflow": "claims"}))
    exporter = OTLPSpanExporter(endpoint=receiver + "/v1/traces", compression=packing)
    traces.add_span_processor(BatchSpanProcessor(exporter))
    for instrumentor in INSTRUMENTORS[instrumentation]:
        instrumentor().instrument(tracer_provider=traces)
    clients = {"openai": openai.OpenAI(api_key="none", base_url=provider + "/v1", max_retries=0),
               "anthropic": anthropic.Anthropic(api_key="none", base_url=provider, max_retries=0)}
    chats = {"openai": chat_openai, "anthropic": chat_anthropic}
    tracer = traces.get_tracer("agent")
    for call in json.load(sys.stdin):
        with tracer.start_as_current_span("work", attributes={"bursar.case.id": call["case"]}):
            answer = chats[call["sdk"]](clients[call["sdk"]], call["ask"], call["stream"])
            if instrumentation == "none":
                write_span(tracer, call["sdk"], answer)
    traces.shutdown()


main()
