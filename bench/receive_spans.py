#!/usr/bin/env python3
"""receive_spans: bursar serve under a load of GenAI spans over OTLP/HTTP.

usage: bench/receive_spans.py [--spans N] [--both] [--peer phoenix | --url http://HOST:PORT [--pid PID]]

The generator (send_spans: batches of 512 spans, 8 a trace, 22 attributes, from memory) is pinned to
one processor, the server to another. Measured: spans a second until they are rows that the report
counts; how many are acknowledged in a burst of ten seconds; how long an acknowledgement takes at
half the sustained rate; how soon the server is ready again when it was killed under load on a
ledger of a gigabyte. Every acknowledgement means that the spans are on the disk.

--both lets the server use both processors. --peer measures bursar, then Arize Phoenix (pinned in
bench/peers/phoenix.txt, set up in build-bench) with the same bytes and pinning, and prints how many
times as fast it is: a program that acknowledges before anything is stored, so its rows are counted
too. With --url the same bytes go to any OTLP receiver that is already running: what it acknowledges is
measured, and its memory if --pid says which process it is. Needs build/bursar and
build/bench/send_spans.
"""
import argparse
import http.client
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.parse

from ledgers import make_ledger
from measure import BURSAR, CACHE, ROOT, Table, say

SPANS = 1_000_000
CONNECTIONS = 4
BURST_S = 10
STEADY_S = 20
SUSTAINED_BAR = 120_000  # spans a second
BURST_BAR = 250_000
P99_MS_BAR = 100
MEGABYTES_BAR = 1000
RESTART_S_BAR = 2
RESTART_CASES = 1_700_000  # a ledger of a gigabyte
PEER_SPANS = 16 * 512
PEER_WAIT_S = 120
SEND = ROOT / "build" / "bench" / "send_spans"


def processors():
    """One for the generator, one for the server."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def peak_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1000 for line in file if line.startswith("VmHWM"))


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Server:
    """bursar serve in a home of its own, pinned."""

    processors = {processors()[1]}

    def __init__(self, home=None):
        CACHE.mkdir(exist_ok=True)
        self.home = home or tempfile.mkdtemp(prefix="receive-", dir=CACHE)
        command = [BURSAR, "serve", "--listen", "127.0.0.1:0", "--home", self.home]
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, self.processors))
        said = self.process.stderr.readline()
        if "listening on" not in said:
            sys.exit(f"receive_spans: {said}")
        self.host = "127.0.0.1"
        self.port = int(said.split("127.0.0.1:")[1].split(",")[0])
        self.pid = self.process.pid

    def get(self, path):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read().decode()

    def settle(self):
        """Until all that was acknowledged is in the ledger."""
        while "bursar_inbox_messages 0\n" not in self.get("/metrics"):
            time.sleep(0.02)

    def calls(self):
        return sum(workflow["calls"] for workflow in
                   json.loads(self.get("/api/v1/report"))["workflows"])

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stderr.close()
        shutil.rmtree(self.home)


class Receiver:
    """Any receiver that is running."""

    def __init__(self, url, pid):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.pid = parts.hostname, parts.port or 4318, pid

    def settle(self):
        pass

    def stop(self):
        pass


class Phoenix:
    """Arize Phoenix, a receiver and store of GenAI spans, with the SQLite it comes with."""

    def __init__(self):
        program = self.set_up()
        self.home = tempfile.mkdtemp(prefix="phoenix-", dir=CACHE)
        self.host, self.port = "127.0.0.1", 16006
        self.process = subprocess.Popen(
            [program, "serve"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "PHOENIX_WORKING_DIR": self.home, "PHOENIX_HOST": self.host,
                 "PHOENIX_PORT": str(self.port), "PHOENIX_GRPC_PORT": "16007",
                 "PHOENIX_TELEMETRY_ENABLED": "false"},
            preexec_fn=lambda: os.sched_setaffinity(0, Server.processors))
        self.pid = self.process.pid
        until = time.monotonic() + PEER_WAIT_S
        while not self.is_up():
            if time.monotonic() > until or self.process.poll() is not None:
                sys.exit("receive_spans: Phoenix does not start")
            time.sleep(0.2)

    @staticmethod
    def set_up():
        """Its program: from the package index once, by version and hash."""
        pins = ROOT / "bench" / "peers" / "phoenix.txt"
        place = CACHE / "phoenix"
        if not (place / "pinned").exists() or (place / "pinned").read_bytes() != pins.read_bytes():
            say("setting up Arize Phoenix")
            shutil.rmtree(place, ignore_errors=True)
            CACHE.mkdir(exist_ok=True)
            subprocess.run(["/usr/bin/python3", "-m", "venv", place], check=True)
            subprocess.run([place / "bin" / "python", "-m", "pip", "install", "--quiet",
                            "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:",
                            "--require-hashes", "--requirement", pins], check=True)
            shutil.copy(pins, place / "pinned")
        return place / "bin" / "phoenix"

    def is_up(self):
        try:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=5)
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False

    def rows(self):
        with sqlite3.connect(f"file:{self.home}/phoenix.db?mode=ro", uri=True) as database:
            return database.execute("SELECT count(*) FROM spans").fetchone()[0]

    def stop(self):
        os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.home)


def send(server, spans=0, seconds=0, rate=0, first=0):
    command = [SEND, server.host, server.port, CONNECTIONS, spans, seconds, rate, first]
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, {processors()[0]}))
    return json.loads(done.stdout)


def check_rows(server, spans):
    """Five spans of eight are calls of a model."""
    if isinstance(server, Server) and server.calls() != spans * 5 // 8:
        sys.exit(f"receive_spans: {spans} spans acknowledged, {server.calls()} calls reported")


def measure_load(table, spans=SPANS, connect=Server):
    table.add("receiving spans: load before", f"{os.getloadavg()[0]:.1f}")
    say(f"{spans} spans, as fast as they are taken")
    server = connect()
    began = time.monotonic()
    sent = send(server, spans=spans)
    server.settle()
    took_s = time.monotonic() - began
    check_rows(server, sent["spans"])
    sustained = sent["spans"] / took_s
    table.add("spans to rows, each acknowledged", f"{sustained:,.0f}/s", f"{SUSTAINED_BAR:,}/s",
              sustained >= SUSTAINED_BAR)
    table.add("  acknowledged", f"{sent['spans'] / sent['seconds']:,.0f}/s")
    table.add("  bytes a span", f"{sent['bytes'] / sent['spans']:.0f}")
    table.add("  generator busy", f"{100 * sent['cpu_seconds'] / sent['seconds']:.0f} %")
    if server.pid:
        table.add("  processor time a span", f"{1e6 * cpu_s(server.pid) / sent['spans']:.1f} us")

    say(f"at half that rate for {STEADY_S} s")
    steady = send(server, seconds=STEADY_S, rate=sustained / 2, first=spans)
    server.settle()
    table.add(f"acknowledgement at {sustained / 2:,.0f}/s, p99", f"{steady['p99_ms']:.0f} ms",
              f"under {P99_MS_BAR} ms", steady["p99_ms"] < P99_MS_BAR)
    table.add("  median, longest", f"{steady['p50_ms']:.0f}, {steady['longest_ms']:.0f} ms")
    memory = [peak_mb(server.pid)] if server.pid else []
    server.stop()

    say(f"a burst of {BURST_S} s")
    server = connect()
    burst = send(server, seconds=BURST_S, first=2 * spans)
    accepted = burst["spans"] / burst["seconds"]
    table.add(f"accepted in a burst of {BURST_S} s", f"{accepted:,.0f}/s", f"{BURST_BAR:,}/s",
              accepted >= BURST_BAR)
    table.add("  batches refused for now", f"{burst['refused_batches']}")
    server.settle()
    check_rows(server, burst["spans"])
    memory += [peak_mb(server.pid)] if server.pid else []
    server.stop()
    if memory:
        table.add("  peak memory of the server", f"{max(memory):.0f} MB",
                  f"under {MEGABYTES_BAR} MB", max(memory) < MEGABYTES_BAR)


def measure_restart(table):
    """kill -9 in the middle of a burst; then until it listens, is ready and has caught up."""
    home = tempfile.mkdtemp(prefix="restart-", dir=CACHE)
    ledger = make_ledger("gigabyte", RESTART_CASES, workflows=6, attributes=0) / "ledger.duckdb"
    shutil.copy(ledger, home)
    server = Server(home)
    with subprocess.Popen([str(word) for word in (SEND, server.host, server.port, CONNECTIONS, 0,
                                                  60, 0, 0)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as sending:
        time.sleep(BURST_S)
        server.kill()
        sending.wait()
    left = sum(path.stat().st_size for path in pathlib.Path(home).glob("inbox/*"))
    began = time.monotonic()
    server = Server(home)
    listening_s = time.monotonic() - began
    while server.get("/readyz") != "ready\n":
        time.sleep(0.005)
    ready_s = time.monotonic() - began
    server.settle()
    settled_s = time.monotonic() - began
    table.add(f"ready after kill -9, ledger of {ledger.stat().st_size / 1e6:.0f} MB",
              f"{ready_s:.2f} s", f"under {RESTART_S_BAR} s", ready_s < RESTART_S_BAR)
    table.add("  listening", f"{listening_s:.2f} s")
    table.add(f"  all in the ledger that was left in an inbox of {left / 1e6:.0f} MB",
              f"{settled_s:.1f} s")
    server.stop()


def measure_peer(table, spans):
    """The same bytes to bursar and to a program that people run for the same purpose."""
    rates = {}
    server = Server()
    began = time.monotonic()
    sent = send(server, spans=spans)
    server.settle()
    rates["bursar"] = sent["spans"] / (time.monotonic() - began)
    table.add("bursar: spans to rows, acknowledged from the disk", f"{rates['bursar']:,.0f}/s")
    table.add("  processor time a span", f"{1e6 * cpu_s(server.pid) / sent['spans']:.1f} us")
    table.add("  peak memory", f"{peak_mb(server.pid):.0f} MB")
    server.stop()
    peer = Phoenix()
    busy_s = cpu_s(peer.pid)
    began = time.monotonic()
    sent = send(peer, spans=PEER_SPANS)
    table.add("Phoenix: acknowledged, from memory", f"{sent['spans'] / sent['seconds']:,.0f}/s")
    stored = 0
    while stored < sent["spans"] and time.monotonic() - began < PEER_WAIT_S:
        time.sleep(0.5)
        stored = peer.rows()
    rates["peer"] = stored / (time.monotonic() - began)
    table.add("Phoenix: spans to rows", f"{rates['peer']:,.0f}/s")
    table.add("  processor time a span",
              f"{1e6 * (cpu_s(peer.pid) - busy_s) / max(stored, 1):,.0f} us")
    table.add("  peak memory", f"{peak_mb(peer.pid):.0f} MB")
    table.add("bursar stores as many times as many spans a second",
              f"{rates['bursar'] / max(rates['peer'], 1e-9):,.0f}")
    peer.stop()


def measure(table):
    measure_load(table)
    measure_restart(table)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--spans", type=int, default=SPANS)
    parser.add_argument("--both", action="store_true")
    parser.add_argument("--peer", choices=["phoenix"])
    parser.add_argument("--url")
    parser.add_argument("--pid", type=int)
    args = parser.parse_args()
    table = Table()
    if args.both:
        Server.processors = os.sched_getaffinity(0)
    if args.peer:
        measure_peer(table, args.spans)
    else:
        measure_load(table, args.spans,
                     (lambda: Receiver(args.url, args.pid)) if args.url else Server)
    if not args.peer and not args.url:
        measure_restart(table)
    print(table.text())
    sys.exit(table.failed > 0)


if __name__ == "__main__":
    main()
