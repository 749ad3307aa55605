"""gateway: calls through the gateway with everything on, beside nginx and Portkey on one upstream.

Auth by a key, attribution, price, a hold in six scopes written before a call is forwarded,
metering, the posting and the ledger behind are on. The proxies have one processor, the upstream and
the load the other. Runs are interleaved, and what counts is the ratio or the difference: absolute
numbers are of the machine and its load.
"""
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

from measure import BURSAR, ROOT, say
from proxy_bare import PASS, free_port, nginx, running

BENCH = ROOT / "build" / "bench"
PORTKEY = ROOT / ".portkey/node_modules/@portkey-ai/gateway/build/start-server.js"
RATE, CONNECTIONS, STREAMS, RUNS, SECONDS, STARTS = 1000, 64, 1000, 7, 1.5, 11
KEY = "sk-upstream"
CONFIG = """
upstreams:
  openai: {{base_url: "http://127.0.0.1:{mock}/v1", api_key_env: BENCH_KEY}}
budgets:
  - {{scope: org, period: month, usd: 1000000}}
  - {{scope: "team:desk", period: month, usd: 900000}}
  - {{scope: "workflow:support", period: day, usd: 800000}}
  - {{scope: "key:bench", period: day, usd: 800000}}
  - {{scope: "user:ada", period: day, usd: 700000}}
  - {{scope: "model:gpt-4.1", period: day, usd: 700000}}
"""
BODY = {"model": "gpt-4.1", "max_tokens": 64,
        "messages": [{"role": "system", "content": "You answer what customers ask of a shop."},
                     {"role": "user", "content": "Hello, where is the parcel I ordered?"}]}


class Home:
    """A ledger and its configuration, with one key."""

    def __init__(self, folder, mock):
        self.path = folder / "home"
        self.path.mkdir()
        (self.path / "bursar.yaml").write_text(CONFIG.format(mock=mock))
        made = subprocess.run([BURSAR, "key", "create", "--role", "gateway", "--name", "bench",
                               "--team", "desk", "--user", "ada", "--home", self.path, "--json"],
                              check=True, capture_output=True, text=True)
        self.key = json.loads(made.stdout)["secret"]

    def serve(self, port):
        return [BURSAR, "serve", "--home", self.path, "--listen", f"127.0.0.1:{port}"]

    def counted(self):
        """Calls in the ledger that have a cost."""
        told = subprocess.run([BURSAR, "report", "--home", self.path, "--json"], check=True,
                              capture_output=True, text=True)
        return json.loads(told.stdout)["total"]["calls"]


def request(folder, name, key, stream=None, **fields):
    """A file with the request that send_calls sends."""
    body = json.dumps({**BODY, "stream": True, "stream_options": {"include_usage": True}}
                      if stream else BODY, separators=(",", ":"))
    lines = ["POST /v1/chat/completions HTTP/1.1", "Host: 127.0.0.1",
             "Content-Type: application/json", f"Authorization: Bearer {key}",
             "User-Agent: bench/1", "Accept: application/json",
             *(f"{field.replace('_', '-')}: {value}" for field, value in fields.items())]
    if stream:
        lines.append(f"x-stream: {stream[0]} {stream[1]}")
    path = folder / f"{name}.http"
    path.write_text("\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]), newline="")
    return path


def send(port, connections, rate, seconds, path, cpu):
    done = subprocess.run(["taskset", "-c", str(cpu), BENCH / "send_calls", str(port),
                           str(connections), str(rate), str(seconds), path],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"bench: send_calls: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def processor_s(pid):
    """Of all its threads, user and system."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid):
    lines = dict(line.split(":", 1)
                 for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: int(lines[name].split()[0]) * 1024 / 1e6
            for name in ("VmRSS", "RssAnon", "RssFile")}


class Peer:
    """What is measured: where it listens, and what it is asked."""

    def __init__(self, name, port, plain, stream, process=None):
        self.name, self.port, self.plain, self.stream, self.process = \
            name, port, plain, stream, process


def interleaved(peers, runs, measure_one):
    """What measure_one says of every peer, in turn; a list by peer."""
    said = {peer.name: [] for peer in peers}
    for _ in range(runs):
        for peer in peers:
            said[peer.name].append(measure_one(peer))
    return said


def middle(rows, figure):
    return statistics.median(row[figure] for row in rows)


def measure_latency(table, peers, cpu):
    say(f"gateway: {RATE} calls a second, {RUNS} runs each")
    fast = [peer for peer in peers if peer.name != "portkey"]
    said = interleaved(fast, RUNS,
                       lambda peer: send(peer.port, 16, RATE, SECONDS, peer.plain, cpu))
    medians = {name: middle(rows, "p50_us") for name, rows in said.items()}
    for name in ("nginx", "bursar"):
        table.add(f"gateway: {name} adds to the median at {RATE} calls/s (p99)",
                  f"{medians[name] - medians['direct']:+.0f} us"
                  f" ({middle(said[name], 'p99_us') - middle(said['direct'], 'p99_us'):+.0f})")
    more = statistics.median(ours["p50_us"] - theirs["p50_us"]
                             for ours, theirs in zip(said["bursar"], said["nginx"]))
    table.add("gateway: the same, beyond nginx", f"{more:+.0f} us", "<= 60 us", more <= 60)


def measure_throughput(table, peers, cpu):
    say(f"gateway: {CONNECTIONS} connections, closed loop, {RUNS} runs each")

    def one(peer):
        before = processor_s(peer.process.pid)
        row = send(peer.port, CONNECTIONS, 0, SECONDS, peer.plain, cpu)
        row["cpu_us"] = (processor_s(peer.process.pid) - before) * 1e6 / row["calls"]
        return row
    said = interleaved([peer for peer in peers if peer.process], RUNS, one)
    for name, rows in said.items():
        table.add(f"gateway: {name}, {CONNECTIONS} connections",
                  f"{middle(rows, 'per_second'):,.0f}/s, {middle(rows, 'cpu_us'):.0f} us cpu")
    for name, least in (("nginx", 0.6), ("portkey", 20)):
        if name in said:
            ratio = statistics.median(ours["per_second"] / theirs["per_second"]
                                      for ours, theirs in zip(said["bursar"], said[name]))
            table.add(f"gateway: throughput, of {name}'s", f"{ratio:.2f}", f">= {least}",
                      ratio >= least)


def measure_first_byte(table, peers, cpu):
    say(f"gateway: first byte of a stream, {RUNS} runs each")
    fast = [peer for peer in peers if peer.name != "portkey"]
    said = interleaved(fast, RUNS, lambda peer: send(peer.port, 1, 100, SECONDS, peer.stream, cpu))
    more = statistics.median(ours["first_p50_us"] - theirs["first_p50_us"]
                             for ours, theirs in zip(said["bursar"], said["nginx"]))
    table.add("gateway: first byte of a stream, beyond nginx", f"{more:+.0f} us", "<= 100 us",
              more <= 100)


def add_memory(table, what, memory, bar=""):
    """Resident memory; what is anonymous, and what maps files that others share."""
    table.add(f"gateway: {what}", f"{memory['VmRSS']:.1f} MB ({memory['RssAnon']:.1f} + "
              f"{memory['RssFile']:.1f})", bar, memory["VmRSS"] < 40 if bar else None)


def loading(port, connections, rate, seconds, path, cpu):
    return subprocess.Popen(["taskset", "-c", str(cpu), BENCH / "send_calls", str(port),
                             str(connections), str(rate), str(seconds), path],
                            stdout=subprocess.PIPE)


def finish_load(load, least):
    row = json.loads(load.communicate()[0])
    if row["errors"] or row["calls"] < least:
        raise SystemExit(f"bench: streams: {row}")


def measure_memory(table, folder, home, key_fields, cpus):
    """A server that finds rows in its ledger: what it holds at rest, with streams while the ledger
    rests, with the same streams while rows of other calls are written, and afterwards."""
    path = request(folder, "long", home.key, stream=(130, 100), **key_fields)
    earlier = request(folder, "earlier", home.key, x_bursar_workflow="support",
                      x_bursar_case="earlier-@@@@@@@@")
    beside = request(folder, "beside", home.key, x_bursar_workflow="support",
                     x_bursar_case="beside-@@@@@@@@")
    port = free_port()
    with running(home.serve(port), port, cpus[0]) as process:
        send(port, 16, 0, 2, earlier, cpus[-1])
        time.sleep(2)
    process.wait()
    port = free_port()
    with running(home.serve(port), port, cpus[0]) as process:
        time.sleep(3)
        before = memory_mb(process.pid)
        add_memory(table, "resident at rest (anonymous + of files, shared)", before)
        with loading(port, STREAMS, 0, 1, path, cpus[-1]) as streams:
            time.sleep(4)
            during = memory_mb(process.pid)
            add_memory(table, f"with {STREAMS} streams, the ledger at rest", during, "< 40 MB")
            table.add("gateway: of it for the streams",
                      f"{(during['RssAnon'] - before['RssAnon']) * 1000 / STREAMS:.1f} KB each")
            with loading(port, 16, 200, 5, beside, cpus[-1]) as calls:
                most = during
                for _ in range(45):
                    time.sleep(0.1)
                    most = max(most, memory_mb(process.pid), key=lambda row: row["VmRSS"])
                finish_load(calls, 900)
            add_memory(table, f"with {STREAMS} streams, the ledger written, at most", most)
            finish_load(streams, STREAMS)
        time.sleep(2)
        add_memory(table, "after them, their calls in the ledger", memory_mb(process.pid))
        time.sleep(12)
        add_memory(table, "12 s later", memory_mb(process.pid))


def start_ms(home):
    began = time.perf_counter()
    with subprocess.Popen([str(word) for word in home.serve(0)], stderr=subprocess.PIPE,
                          text=True) as process:
        line = process.stderr.readline()
        took = time.perf_counter() - began
        process.terminate()
        process.stderr.read()
    if "listening" not in line:
        raise SystemExit(f"bench: bursar serve: {line}")
    return took * 1000


def measure_start(table, what, home):
    start_ms(home)
    took = statistics.median(start_ms(home) for _ in range(STARTS))
    table.add(f"gateway: from exec to listening and ready, {what}", f"{took:.0f} ms", "< 100 ms",
              took < 100)


def peers_of(stack, folder, home, mock, cpus):
    nginx_port, our_port = free_port(), free_port()
    key_fields = {"x_bursar_workflow": "support", "x_bursar_case": "case-@@@@@@@@"}
    plain = request(folder, "plain", KEY)
    stream = request(folder, "stream", KEY, stream=(2, 4))
    peers = [Peer("direct", mock, plain, stream)]
    process = nginx(stack, folder, "pass", PASS.format(port=nginx_port, to=mock), nginx_port,
                    cpus[0])
    peers.append(Peer("nginx", nginx_port, plain, stream, process))
    process = stack.enter_context(running(home.serve(our_port), our_port, cpus[0]))
    peers.append(Peer("bursar", our_port, request(folder, "ours", home.key, **key_fields),
                      request(folder, "our_stream", home.key, stream=(2, 4), **key_fields),
                      process))
    if PORTKEY.exists():
        port = free_port()
        process = stack.enter_context(running(
            ["env", "NODE_ENV=production", "node", PORTKEY, "--headless", f"--port={port}"], port,
            cpus[0]))
        plain = request(folder, "portkey", KEY, x_portkey_provider="openai",
                        x_portkey_custom_host=f"http://127.0.0.1:{mock}/v1")
        peers.append(Peer("portkey", port, plain, None, process))
    else:
        say("Portkey is not installed (tools/setup bench): nothing is held against it")
    return peers


def measure(table):
    if not shutil.which("nginx"):
        say("nginx is missing (tools/setup bench): the gateway is not measured")
        return
    cpus = sorted(os.sched_getaffinity(0))
    os.environ["BENCH_KEY"] = KEY
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        mock = free_port()
        home = Home(folder, mock)
        stack.enter_context(running([BENCH / "fake_provider", mock], mock, cpus[-1]))
        measure_start(table, "empty ledger", home)
        with contextlib.ExitStack() as inner:
            peers = peers_of(inner, folder, home, mock, cpus)
            for peer in peers:
                send(peer.port, 16, 0, 0.5, peer.plain, cpus[-1])
            measure_latency(table, peers, cpus[-1])
            measure_first_byte(table, peers, cpus[-1])
            measure_throughput(table, peers, cpus[-1])
        table.add("gateway: calls in the ledger", f"{home.counted():,}")
        measure_start(table, "with those calls", home)
        small = folder / "small"
        small.mkdir()
        home = Home(small, mock)
        measure_memory(table, folder, home, {"x_bursar_workflow": "support",
                                             "x_bursar_case": "case-@@@@@@@@"}, cpus)
