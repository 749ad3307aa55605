"""Goal: the gateway's rules where a provider, a route or a budget says something beyond yes and no:
when to come again, who is told what, what was refused and why.
Method: the real program; a provider on loopback that fails as it is told."""
import time

from test_gateway import chat, fixture_start, fixture_upstream  # noqa: F401

FALLBACK = "routes: [{match: {model: gpt-4.1}, model: gpt-4.1, fallback: [gpt-4.1-mini]}]"


def timed(*arguments, **more):
    began = time.monotonic()
    status, fields, _ = chat(*arguments, max_tokens=5, **more)
    return status, fields, time.monotonic() - began


# ---- when to come again

def test_a_retry_waits_as_long_as_the_provider_says(start, upstream):
    server = start("gateway: {retries: 1}")
    status, _, seconds = timed(server, {"status": 429, "fails": 1, "retry_after": 2})
    assert status == 200 and len(upstream.log) == 2
    assert 2 <= seconds < 3.5


def test_a_wait_that_is_too_long_goes_to_the_fallback_at_once(start, upstream):
    server = start("gateway: {retries: 3}\n" + FALLBACK)
    status, fields, seconds = timed(server, {"status": 429, "fails": 1, "retry_after": 30})
    assert status == 200 and seconds < 2
    assert [entry["model"] for entry in upstream.log] == ["gpt-4.1", "gpt-4.1-mini"]
    assert fields["x-bursar-reason"] == "fallback: gpt-4.1 answered 429"


def test_a_wait_that_is_too_long_is_the_clients_where_there_is_no_fallback(start, upstream):
    server = start("gateway: {retries: 3}")
    status, fields, seconds = timed(server, {"status": 429, "retry_after": 30})
    assert status == 429 and seconds < 2 and len(upstream.log) == 1
    assert fields["retry-after"] == "30"


def test_the_longest_wait_can_be_set(start, upstream):
    server = start("gateway: {retries: 1, retry_wait_seconds: 1}")
    status, fields, _ = timed(server, {"status": 429, "fails": 1, "retry_after": 2})
    assert status == 429 and fields["retry-after"] == "2" and len(upstream.log) == 1
