"""proxy_bare: server and client of net/ glued together, against nginx's proxy_pass on the same mock.

The proxies have one processor, the upstreams and the load the other. Runs are interleaved, and what
counts is the ratio: absolute numbers are of the machine and its load.
"""
import contextlib
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time

from measure import ROOT, say

PROXY = ROOT / "build" / "bench" / "proxy_bare"
RUNS, SECONDS, FIRST_BYTES = 5, 2, 300
BODY = '{"model":"m","messages":[{"role":"user","content":"Hello"}],"max_tokens":64}'
ANSWER = '{"id":"chatcmpl-1","choices":[{"message":{"role":"assistant","content":"' + "x" * 320 + \
    '"}}],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29}}'
COMMON = """worker_processes 1; daemon off; master_process off; pid {folder}/{name}.pid;
error_log {folder}/{name}.log; events {{ worker_connections 20000; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/{name}.body;
proxy_temp_path {folder}/{name}.proxy; fastcgi_temp_path {folder}/{name}.fcgi;
uwsgi_temp_path {folder}/{name}.uwsgi; scgi_temp_path {folder}/{name}.scgi; {http} }}"""
MOCK = """server {{ listen 127.0.0.1:{port}; root {folder}; location / {{ default_type application/json;
error_page 405 =200 /answer.json; try_files /answer.json =404; }} }}"""
PASS = """upstream mock {{ server 127.0.0.1:{to}; keepalive 512; keepalive_requests 1000000000; }}
server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://mock; proxy_http_version 1.1;
proxy_set_header Connection ""; proxy_buffering off; }} }}"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def running(command, port, cpu):
    with subprocess.Popen(["taskset", "-c", str(cpu), *map(str, command)],
                          stderr=subprocess.DEVNULL) as process:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.02)
        try:
            yield process
        finally:
            process.terminate()


def nginx(stack, folder, name, http, port, cpu):
    path = folder / f"{name}.conf"
    path.write_text(COMMON.format(folder=folder, name=name, http=http))
    stack.enter_context(running([shutil.which("nginx"), "-c", path], port, cpu))


def load(folder, port, connections, cpu):
    """Requests a second and their median in microseconds."""
    out = subprocess.run(["taskset", "-c", str(cpu), "wrk", "-t1", f"-c{connections}",
                          f"-d{SECONDS}s", "--latency", "-s", folder / "post.lua",
                          f"http://127.0.0.1:{port}/v1/chat/completions"],
                         capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"bench: wrk had errors:\n{out}")
    median = re.search(r"50%\s+([\d.]+)(us|ms)", out)
    return (float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]),
            float(median[1]) * (1000 if median[2] == "ms" else 1))


def stream(connection):
    """An upstream that streams: head and first event at once, the next 4 ms later."""
    event = b"data: {}\n\n"
    with connection:
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                got = connection.recv(4096)
                if not got:
                    return
                head += got
            chunk = b"%x\r\n%s\r\n" % (len(event), event)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               b"Transfer-Encoding: chunked\r\n\r\n" + chunk)
            time.sleep(0.004)
            connection.sendall(chunk + b"0\r\n\r\n")


def serve_streams(listening):
    with contextlib.suppress(OSError):
        while True:
            connection = listening.accept()[0]
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=stream, args=(connection,), daemon=True).start()


def first_byte_us(connection):
    began = time.perf_counter()
    connection.sendall(b"GET /s HTTP/1.1\r\nHost: a\r\n\r\n")
    got = b""
    while b"data:" not in got:
        got += connection.recv(65536)
    took = time.perf_counter() - began
    while not got.endswith(b"0\r\n\r\n"):
        got += connection.recv(65536)
    return took * 1e6


def measure_streams(table, stack, folder, cpu):
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    stack.callback(listening.close)
    threading.Thread(target=serve_streams, args=(listening,), daemon=True).start()
    to, theirs, ours = listening.getsockname()[1], free_port(), free_port()
    nginx(stack, folder, "streams", PASS.format(port=theirs, to=to), theirs, cpu)
    stack.enter_context(running([PROXY, ours, f"http://127.0.0.1:{to}"], ours, cpu))
    connections = [socket.create_connection(("127.0.0.1", port)) for port in (theirs, ours)]
    took = ([], [])
    for _ in range(FIRST_BYTES):
        for i in range(2):
            took[i].append(first_byte_us(connections[i]))
    for connection in connections:
        connection.close()
    more = statistics.median(took[1]) - statistics.median(took[0])
    table.add("bare proxy: first event of a stream, beyond nginx", f"{more:+.0f} us", "<= 100 us",
              more <= 100)


def measure(table):
    if not shutil.which("nginx") or not shutil.which("wrk"):
        say("nginx or wrk is missing (tools/setup bench): the bare proxy is not measured")
        return
    cpus = sorted(os.sched_getaffinity(0))
    proxy_cpu, load_cpu = cpus[0], cpus[-1]
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        (folder / "answer.json").write_text(ANSWER)
        (folder / "post.lua").write_text(f"wrk.method='POST' wrk.body='{BODY}' "
                                         "wrk.headers['Content-Type']='application/json'")
        folder.chmod(0o755)
        mock, theirs, ours = free_port(), free_port(), free_port()
        nginx(stack, folder, "mock", MOCK.format(port=mock, folder=folder), mock, load_cpu)
        nginx(stack, folder, "pass", PASS.format(port=theirs, to=mock), theirs, proxy_cpu)
        stack.enter_context(running([PROXY, ours, f"http://127.0.0.1:{mock}"], ours, proxy_cpu))
        for connections in (64, 1):
            say(f"bare proxy and nginx, {connections} connections, {RUNS} runs each")
            runs = [[load(folder, port, connections, load_cpu) for port in (theirs, ours)]
                    for _ in range(RUNS)]
            ratio = statistics.median(our[0] / their[0] for their, our in runs)
            more = statistics.median(our[1] - their[1] for their, our in runs)
            if connections > 1:
                table.add(f"bare proxy: throughput at {connections} connections, of nginx's",
                          f"{ratio:.2f}", ">= 0.60", ratio >= 0.6)
            else:
                table.add("bare proxy: throughput at 1 connection, of nginx's", f"{ratio:.2f}")
                table.add("bare proxy: median at 1 connection, beyond nginx's", f"{more:+.0f} us",
                          "<= 60 us", more <= 60)
        measure_streams(table, stack, folder, proxy_cpu)
