"""What the tests of hostile clients share: bytes on a socket as they are, a neighbour who must not
notice, and how much memory the server took meanwhile."""
import json
import re
import select
import socket
import struct
import threading
import time
from pathlib import Path

from test_serve import Server, span  # what a good client is

HEAD = b"Host: 127.0.0.1\r\n"
ANSWER_S_MAX = 60


def dial(server, timeout=ANSWER_S_MAX):
    return socket.create_connection(("127.0.0.1", server.port), timeout=timeout)


def take(sock):
    """Everything until the server closes or resets."""
    got = b""
    try:
        while piece := sock.recv(1 << 16):
            got += piece
    except ConnectionError:
        pass
    return got


def raw(server, data, timeout=ANSWER_S_MAX, half_close=False):
    """What the server says to these bytes until it closes the connection."""
    with dial(server, timeout) as sock:
        try:
            sock.sendall(data)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass  # it has hung up already; what it said is there to read
        return take(sock)


def statuses(answer):
    """The status of every answer in the bytes of a connection."""
    return [int(status) for status in re.findall(rb"(?:^|\r\n\r\n|\n|\})HTTP/1\.1 (\d{3}) ", answer)]


def reset(sock):
    """Close with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# ---- protobuf, as little as is needed to write what no encoder would

def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    """A length-delimited field, or a varint."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fixed64(number, value):
    return varint(number << 3 | 1) + struct.pack("<Q", value)


def attribute(key, value):
    """KeyValue {key, AnyValue}; the value is AnyValue's bytes."""
    return field(1, key) + field(2, value)


def pb_span(number, attributes=b""):
    """A call that is good, with further attributes (fields 9, as bytes)."""
    good = b"".join(field(9, attribute(key, field(1, value))) for key, value in (
        (b"gen_ai.operation.name", b"chat"), (b"gen_ai.request.model", b"claude-sonnet-4-5"),
        (b"bursar.workflow", b"hostile"), (b"bursar.case.id", b"h-%d" % number)))
    return (field(1, number.to_bytes(16, "big")) + field(2, number.to_bytes(8, "big"))
            + field(5, b"chat") + fixed64(7, 1_780_000_000_000_000_000)
            + fixed64(8, 1_780_000_000_000_001_000) + good + attributes)


def pb_request(*spans):
    return field(1, field(2, b"".join(field(2, one) for one in spans)))


# ---- the server's process

def memory_mb(server, name="VmRSS"):
    for line in Path(f"/proc/{server.process.pid}/status").read_text("ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1000
    raise AssertionError(f"{name} is not told")


def forget_peak(server):
    """VmHWM counts from now on. Source: proc(5), clear_refs."""
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5", "ascii")


class Neighbour:
    """A good client: sends a span on a connection of its own every few milliseconds and asks how
    the server is. What it was told is remembered."""

    def __init__(self, server, first, pause_s=0.02):
        self.server, self.number, self.pause_s = server, first, pause_s
        self.acknowledged = set()
        self.slowest_s = 0.0
        self.refusals = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ended.is_set():
            began = time.monotonic()
            try:
                status, body, _ = self.server.post([span(self.number, case=f"n-{self.number % 9}")])
                alive, _, _ = self.server.ask("GET", "/healthz")
            except OSError as error:
                status, body, alive = repr(error), b"", 0
            if status == 200:
                self.acknowledged.add(self.number)
            if status != 200 or alive != 200:
                self.refusals.append((status, body, alive))
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            self.number += 1
            self.ended.wait(self.pause_s)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def report_calls(server, workflow):
    """Calls of a workflow in the report; 0 when there is no such workflow."""
    status, report = server.get("/api/v1/report")
    assert status == 200
    return sum(one["calls"] for one in report["workflows"] if one["workflow"] == workflow)


def wait_readable(sockets, count, seconds):
    """How many of the sockets have something to read, or an end, once `count` have it."""
    poll = select.poll()
    for sock in sockets:
        poll.register(sock, select.POLLIN)
    until = time.monotonic() + seconds
    ready = []
    while len(ready) < count and time.monotonic() < until:
        ready = poll.poll(100)
    return len(ready)


__all__ = ["ANSWER_S_MAX", "HEAD", "Neighbour", "Server", "attribute", "dial", "field", "fixed64",
           "forget_peak", "json", "memory_mb", "pb_request", "pb_span", "raw", "report_calls",
           "reset", "span", "statuses", "take", "varint", "wait_readable"]
