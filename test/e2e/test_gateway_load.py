"""Goal: many connections and slow readers cost little memory and do not hold up the others.
Method: the real program with thousands of real connections on loopback; its resident memory as the
kernel tells it."""
import asyncio
import os
import resource
import socket
import statistics
import time
from decimal import Decimal

import pytest

from clients import Crowd, body_of
from test_gateway import cost, fixture_start, fixture_upstream, spent  # noqa: F401

CHAT = "/v1/chat/completions"
# An idle connection has not sent anything yet: it may be silent for long.
LIMITS = "limits: {connections: 12000, head_seconds: 120}\n"


def files_for(count):
    """Room for that many connections of this process and its children, or a skip that says so."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count:
        pytest.skip(f"this machine allows {hard} open files, {count} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(count, 1024), hard))


def settle(server):
    """Until the rows of all calls that ended are in the ledger."""
    until = time.monotonic() + 60
    while server.metric("bursar_gateway_calls_waiting") > 0:
        assert time.monotonic() < until, "calls are not handed over"
        time.sleep(0.02)
    server.settle()


def request(wish, **more):
    return body_of({"input": 10, "output": 5, **wish}, max_tokens=100, **more)


def test_a_reader_of_1_kb_a_second_costs_no_memory_and_holds_nobody_up(start, upstream):
    server = start()
    crowd = Crowd(server.port, 33)
    fast, slow = crowd.clients[1:], crowd.clients[0]
    big = request({"chunks": 3000, "pad": 60000}, stream=True)

    async def sip(enough):
        """1 KB a second, of a stream of 180 MB."""
        await slow.send(CHAT, big)
        slow.writer.transport.pause_reading()
        sock = slow.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while not enough.is_set():
            try:
                sock._sock.recv(102)
            except BlockingIOError:
                pass
            await asyncio.sleep(0.1)

    async def measure(client, count):
        times = []
        for _ in range(count):
            began = time.monotonic()
            answer = await client.ask(CHAT, request({"chunks": 5}, stream=True))
            assert answer.status == 200 and answer.body.endswith(b"data: [DONE]\n\n")
            times.append(time.monotonic() - began)
        return times

    async def both(beside):
        enough = asyncio.Event()
        sipping = asyncio.ensure_future(sip(enough)) if beside else None
        await asyncio.sleep(1 if beside else 0)
        times = await asyncio.gather(*(measure(client, 20) for client in fast))
        await asyncio.to_thread(settle, server)
        memory = server.memory()
        if sipping:
            assert not sipping.done()
            enough.set()
            await sipping
        return statistics.median(sum(times, [])), memory
    for _ in range(3):  # what the ledger takes for rows of calls is there before
        alone, before = crowd.run(both(False))
    beside, during = crowd.run(both(True))
    slow_one, = (entry for entry in upstream.log if entry["wish"].get("pad"))
    sent = slow_one["sent"]
    after = server.memory()
    crowd.stop()
    print(f"median {alone * 1e3:.1f} ms alone, {beside * 1e3:.1f} ms beside; "
          f"{max(during, after) - before >> 10} KiB more; {sent} of 3000 chunks taken")
    assert 0 < sent < 1000  # the kernel keeps 34 MB and more of it
    # Of 180 MB. What the ledger takes to write its rows comes on top, now and then for the first
    # time.
    assert max(during, after) - before < 48 << 20
    assert beside < 3 * alone + 1  # the slow one takes hours


@pytest.mark.skipif("KILL_ROUNDS" not in os.environ, reason="takes half a minute: make soak")
def test_ten_thousand_connections_half_of_them_idle_are_served(home, start, upstream):
    files_for(16500)
    server = start(LIMITS)
    base = server.memory()
    crowd = Crowd(server.port, 10000)
    idle, busy = crowd.clients[:5000], crowd.clients[5000:]

    async def connect(clients):
        for at in range(0, len(clients), 500):
            await asyncio.gather(*(client.connect() for client in clients[at:at + 500]))

    async def ask(client, number):
        return await client.ask(CHAT, request({"gate": "all", "chunks": 3}, stream=number % 2 == 0))

    async def work():
        await connect(crowd.clients)
        connected = server.memory()
        calls = [asyncio.ensure_future(ask(client, number)) for number, client in enumerate(busy)]
        until = time.monotonic() + 60
        while len(upstream.log) < len(busy):
            assert time.monotonic() < until, len(upstream.log)
            await asyncio.sleep(0.05)
        under_way = server.memory()
        upstream.open("all")
        answers = await asyncio.gather(*calls)
        late = await asyncio.gather(*(ask(client, 1) for client in idle[:100]))
        return connected, under_way, answers + late
    connected, under_way, answers = crowd.run(work(), timeout=110)
    print(f"RSS {base >> 20} MiB at first, {connected >> 20} with 10,000 connections, "
          f"{under_way >> 20} with 5,000 calls under way")
    assert {answer.status for answer in answers} == {200}
    assert connected - base < 80 << 20
    assert under_way - base < 400 << 20
    assert spent(home, server) == sum(map(cost, upstream.answered()))
    assert len(upstream.answered()) == 5100
    crowd.stop()


def files_at_rest(pid):
    """The open files of the process, once the connections that asked it something are closed."""
    files, same = [], 0
    while same < 5:
        time.sleep(0.1)
        now = sorted(map(int, os.listdir(f"/proc/{pid}/fd")))
        files, same = now, same + 1 if now == files else 0
    return files


def with_files(home, count):
    """The program, from now on, with a limit of so many open files."""
    command = home.command
    home.command = lambda *args: ["sh", "-c", f'ulimit -n {count} && exec "$@"', "sh",
                                  *command(*args)]


def failed(call):
    """Its connection was closed without an answer."""
    return call.done() and isinstance(call.exception(), (OSError, asyncio.IncompleteReadError))


def test_calls_wait_where_clients_and_upstreams_have_all_files(home, start, upstream):
    with_files(home, 400)  # 144 sockets, for 108 clients at most
    server = start()
    assert "at most 108 connections" in server.said
    assert "only 400 files" in server.process.stderr.readline()
    crowd = Crowd(server.port, 120)
    inside, outside = crowd.clients[:100], crowd.clients[100:]

    async def work():
        until = time.monotonic() + 60
        await asyncio.gather(*(client.connect() for client in inside))
        while server.metric("bursar_http_connections") < 101:  # accepted, and who asks for this
            assert time.monotonic() < until, "not all are let in"
            await asyncio.sleep(0.02)
        ask = request({"gate": "all", "chunks": 3}, stream=True)
        calls = [asyncio.ensure_future(client.ask(CHAT, ask)) for client in inside]
        while len(upstream.log) < 35 or server.metric("bursar_gateway_requests_under_way") < 100:
            assert time.monotonic() < until, len(upstream.log)
            await asyncio.sleep(0.02)
        await asyncio.to_thread(files_at_rest, server.process.pid)
        await asyncio.gather(*(client.connect() for client in outside))
        late = [asyncio.ensure_future(client.ask(CHAT, request({}))) for client in outside]
        while sum(call.done() for call in late) < 12:
            assert time.monotonic() < until, "nobody is turned away"
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)
        assert sum(call.done() for call in late) == 12 == sum(map(failed, late))
        assert len(upstream.log) == 35  # a sixteenth is kept from calls
        upstream.open("all")
        return await asyncio.gather(*calls, *(call for call in late if not failed(call)))
    answers = crowd.run(work())
    assert [answer.status for answer in answers] == [200] * 108
    crowd.stop()
    late = Crowd(server.port, 1)
    assert late.run(late.clients[0].ask(CHAT, request({}))).status == 200
    late.stop()
    assert spent(home, server) == sum(map(cost, upstream.answered()))
    assert len(upstream.answered()) == 109


def test_clients_that_only_hold_connections_leave_files_for_the_calls_of_others(home, start,
                                                                                upstream):
    with_files(home, 400)
    server = start()
    crowd = Crowd(server.port, 120)

    async def work():
        await asyncio.gather(*(client.connect() for client in crowd.clients))
        calls = [asyncio.ensure_future(client.ask(CHAT, request({}))) for client in crowd.clients]
        await asyncio.wait(calls)
        return calls
    calls = crowd.run(work())
    crowd.stop()
    assert sum(map(failed, calls)) == 12
    assert len(upstream.answered()) == 108


def test_without_a_file_left_calls_are_refused_and_clients_wait(start, upstream):
    server = start()
    pid = server.process.pid
    first, second, third = (Crowd(server.port, 1) for _ in range(3))
    assert first.run(first.clients[0].ask(CHAT, request({}))).status == 200
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    begun = asyncio.run_coroutine_threadsafe(
        first.clients[0].ask(CHAT, request({"gate": "one", "chunks": 3}, stream=True)), first.loop)
    until = time.monotonic() + 60
    while len(upstream.log) < 2:  # its upstream's connection is in use
        assert time.monotonic() < until
        time.sleep(0.02)
    settle(server)  # it opens no file by itself
    # A client more can come, its connection to the upstream cannot.
    files = files_at_rest(pid)
    free = next(number for number in range(len(files) + 1) if number not in files)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free + 1, hard))
    try:
        refused = second.run(second.clients[0].ask(CHAT, request({})))
        assert refused.status == 502
        assert b"Too many open files" in refused.body
        waiting = asyncio.run_coroutine_threadsafe(
            third.clients[0].ask(CHAT, request({})), third.loop)
        time.sleep(0.5)
        assert not waiting.done()
        assert not begun.done()
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    late = waiting.result(60)
    assert late.status == 200, late.body
    assert second.run(second.clients[0].ask(CHAT, request({}))).status == 200
    upstream.open("one")
    assert begun.result(60).status == 200
    for crowd in (first, second, third):
        crowd.stop()


def test_a_thousand_streams_at_once_take_little_memory(home, start, upstream):
    files_for(4096)
    server = start()
    crowd = Crowd(server.port, 1000)
    crowd.run(crowd.clients[0].ask(CHAT, request({}, stream=True)))
    base = server.memory()

    async def stream(client, number, begun):
        await client.send(CHAT, request({"chunks": 12, "halt": 2, "name": number}, stream=True))
        await client.head()
        pieces = [await client.chunk()]
        begun.append(number)
        while pieces[-1]:
            pieces.append(await client.chunk())
        return b"".join(pieces)

    async def work():
        begun = []
        streams = [asyncio.ensure_future(stream(client, number, begun))
                   for number, client in enumerate(crowd.clients)]
        until = time.monotonic() + 60
        while len(begun) < len(streams):
            assert time.monotonic() < until
            await asyncio.sleep(0.02)
        open_streams = server.metric("bursar_gateway_requests_under_way")
        most = server.memory()
        upstream.open("halt")
        await asyncio.gather(*streams)
        return open_streams, most, [one.result() for one in streams]
    open_streams, most, bodies = crowd.run(work(), timeout=100)
    crowd.stop()
    print(f"{open_streams:.0f} streams: RSS {most / 1e6:.1f} MB, {base / 1e6:.1f} MB before the "
          f"first, {(most - base) / 1e6:.1f} KB a stream")
    assert open_streams > 950
    assert all(body.endswith(b"data: [DONE]\n\n") for body in bodies)
    assert most - base < 40_000_000
    assert spent(home, server) == sum(map(cost, upstream.answered())) > Decimal(0)
