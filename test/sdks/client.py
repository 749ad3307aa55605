"""Calls of models with the SDKs of OpenAI and Anthropic as programs use them: where they call is
said by OPENAI_BASE_URL and ANTHROPIC_BASE_URL alone.

usage: client.py [--async] [--parallel N] < CALLS > ANSWERS

CALLS    JSON list; each {"api": chat, responses, embeddings, models, model, messages or
         count_tokens; "body": arguments of the call; "how": whole, stream, or helper: the SDK's
         own reader of streams; "options": of the client; "headers"; "leave": events after which
         the reader goes}
ANSWERS  JSON list: each the objects that the SDK gave, as it writes them; or "error": the name of
         its exception, with "status", "body" and "bases"; "seconds": how long it took
"""
import asyncio
import concurrent.futures
import inspect
import json
import sys
import time

import anthropic
import openai

OF_ANTHROPIC = ("messages", "count_tokens", "anthropic_models")


def plain(thing):
    """What an object of the SDK holds."""
    if hasattr(thing, "model_dump"):
        return thing.model_dump(mode="json", warnings=False)
    return thing


def method_of(client, call):
    """The SDK's method for a call."""
    helper = call.get("how") == "helper"
    return {"chat": lambda: client.chat.completions.stream if helper
            else client.chat.completions.create,
            "responses": lambda: client.responses.stream if helper else client.responses.create,
            "embeddings": lambda: client.embeddings.create,
            "models": lambda: client.models.list, "anthropic_models": lambda: client.models.list,
            "model": lambda: client.models.retrieve,
            "messages": lambda: client.messages.stream if helper else client.messages.create,
            "count_tokens": lambda: client.messages.count_tokens}[call["api"]]()


def arguments(call):
    more = {"stream": True} if call.get("how") == "stream" else {}
    if call.get("headers"):
        more["extra_headers"] = call["headers"]
    return {**call.get("body", {}), **more}


def failed(error):
    """An exception, as a program sees it."""
    return {"error": type(error).__name__, "status": getattr(error, "status_code", None),
            "body": getattr(error, "body", None), "message": str(error),
            "bases": [base.__name__ for base in type(error).__mro__]}


def final_of(stream):
    for name in ("get_final_message", "get_final_response", "get_final_completion"):
        if hasattr(stream, name):
            return getattr(stream, name)
    return None


def one(clients, call):
    module = anthropic if call["api"] in OF_ANTHROPIC else openai
    began = time.monotonic()
    try:
        client = clients[module.__name__].with_options(**call.get("options", {}))
        answer = method_of(client, call)(**arguments(call))
        if call.get("how") == "stream":
            given = []
            for event in answer:
                given.append(plain(event))
                if len(given) == call.get("leave"):
                    answer.close()
                    break
        elif call.get("how") == "helper":
            with answer as stream:
                given = [plain(event) for event in stream] + [plain(final_of(stream)())]
        else:
            given = [plain(answer)]
        result = {"given": given}
    except module.APIError as error:
        result = failed(error)
    return {**result, "seconds": time.monotonic() - began}


async def one_async(clients, call, turns):
    module = anthropic if call["api"] in OF_ANTHROPIC else openai
    began = time.monotonic()
    async with turns:
        try:
            client = clients[module.__name__].with_options(**call.get("options", {}))
            answer = method_of(client, call)(**arguments(call))
            if call.get("how") == "helper":
                async with answer as stream:
                    given = [plain(event) async for event in stream]
                    given.append(plain(await final_of(stream)()))
            else:
                answer = await answer if inspect.isawaitable(answer) else answer
                given = ([plain(event) async for event in answer]
                         if call.get("how") == "stream" else [plain(answer)])
            result = {"given": given}
        except module.APIError as error:
            result = failed(error)
    return {**result, "seconds": time.monotonic() - began}


async def all_async(calls, parallel):
    clients = {"openai": openai.AsyncOpenAI(), "anthropic": anthropic.AsyncAnthropic()}
    turns = asyncio.Semaphore(parallel)
    return await asyncio.gather(*(one_async(clients, call, turns) for call in calls))


def main():
    calls = json.load(sys.stdin)
    parallel = (int(sys.argv[sys.argv.index("--parallel") + 1]) if "--parallel" in sys.argv else 1)
    if "--async" in sys.argv:
        answers = asyncio.run(all_async(calls, parallel))
    else:
        clients = {"openai": openai.OpenAI(), "anthropic": anthropic.Anthropic()}
        with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
            answers = list(pool.map(lambda call: one(clients, call), calls))
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
