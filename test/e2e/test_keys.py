"""Goal: beyond this machine nothing is answered without a good key of the right role; a key's
binding beats what its sender says, also after a crash; no secret is written anywhere.
Method: the real program listening on every address, asked by the machine's own network address,
with and without TLS; keys made, revoked and expired while it runs; every file searched for bytes."""
import base64
import datetime
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import struct
import subprocess
import time

import pytest
import test_sdks as sdks
from shifted import fixture_clock  # noqa: F401
from test_sdks import fixture_provider  # noqa: F401
from test_serve import JSON, PROTOBUF, Server, request, span

SECRET = re.compile(r"bk_[0-9a-f]{12}_[0-9a-f]{64}")


def far_address():
    """An address of this machine that is not loopback."""
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        probe.connect(("192.0.2.1", 9))  # sends nothing
        address = probe.getsockname()[0]
        return None if address.startswith("127.") else address
    except OSError:
        return None
    finally:
        probe.close()


FAR = far_address()
beyond_loopback = pytest.mark.skipif(FAR is None, reason="this machine has loopback alone")


class FarServer:
    """A server on every address, asked by the far one."""

    def __init__(self, home, *args, listen="0.0.0.0:0", env=None):
        self.home = home
        self.log = open(home.path / "server.log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            home.command("serve", "--listen", listen, *args), stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, env={**os.environ, **(env or {})})
        self.port = int(self.wait_for(r"listening on .*:(\d+)")[1])
        self.tls = None

    def said(self):
        return (self.home.path / "server.log").read_text()

    def wait_for(self, pattern, seconds=60):
        until = time.monotonic() + seconds
        while not (found := re.search(pattern, self.said())):
            assert time.monotonic() < until and self.process.poll() is None, self.said()
            time.sleep(0.02)
        return found

    def ask(self, method, path, body=None, headers=None, host=None):
        if self.tls:
            connection = http.client.HTTPSConnection(host or FAR, self.port, timeout=60,
                                                     context=self.tls)
        else:
            connection = http.client.HTTPConnection(host or FAR, self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def status(self, secret, path="/api/v1/report", **kwargs):
        return self.ask("GET", path, headers=bearer(secret), **kwargs)[0]

    def settle(self, secret):
        until = time.monotonic() + 60
        while b"bursar_inbox_messages 0\n" not in self.ask("GET", "/metrics",
                                                           headers=bearer(secret))[1]:
            assert time.monotonic() < until, "the inbox does not empty"
            time.sleep(0.02)

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(300)
        self.log.close()
        return self.process.returncode


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"} if secret else {}


def make_key(home, role, *args):
    return home.json("key", "create", "--role", role, *args)["secret"]


def until_status(server, secret, status, **kwargs):
    """Until a request with the key is answered so: within a second, of which there are fifty such
    turns where nothing else keeps the machine busy."""
    turns = 0
    while server.status(secret, **kwargs) != status:
        assert turns < 50, f"not {status} within a second"
        turns += 1
        time.sleep(0.02)


@pytest.fixture(name="keys")
def fixture_keys(home):
    return {role: make_key(home, role) for role in
            ("ingest", "gateway", "viewer", "approver", "admin")}


@pytest.fixture(name="server")
def fixture_server(home, keys):
    assert keys
    server = FarServer(home)
    yield server
    server.stop()


# ---- the command

@pytest.mark.parametrize("args", [
    ("create",), ("create", "--role", "root"), ("create", "--role", "admin", "extra"), ("revoke",),
    ("create", "--role", "admin", "--expires", "yesterday"),
    ("create", "--role", "admin", "--expires", "2020-01-01"),
    ("create", "--role", "admin", "--expires", "99999999999d"),
    ("create", "--role", "admin", "--name", ""), ("create", "--role", "admin", "--name", "x" * 257),
    ("create", "--role", "admin", "--name", "a\x1b[2Jb"), ("list", "--role", "admin"), ("drop",)])
def test_wrong_use_is_refused_and_makes_no_key(home, args):
    home.refused("key", *args, status=2)
    make_key(home, "viewer")
    assert len(home.json("key", "list")["keys"]) == 1


def test_the_life_of_a_key_is_in_the_list_and_the_audit_trail(home):
    made = home.json("key", "create", "--role", "ingest", "--name", "agents", "--workflow",
                     "claims", "--team", "support", "--user", "ana", "--expires", "90d")
    assert SECRET.fullmatch(made["secret"]) and made["secret"].split("_")[1] == made["id"]
    assert "agents" in home.refused("key", "create", "--role", "ingest", "--name", "agents")
    listed = home.json("key", "list")["keys"]
    assert "secret" not in listed[0]
    assert {name: listed[0][name] for name in ("id", "name", "role", "state", "workflow", "team",
                                               "user", "last_used", "revoked_at")} == {
        "id": made["id"], "name": "agents", "role": "ingest", "state": "active",
        "workflow": "claims", "team": "support", "user": "ana", "last_used": None,
        "revoked_at": None}
    left = (datetime.datetime.fromisoformat(listed[0]["expires_at"][:19])
            - datetime.datetime.fromisoformat(listed[0]["created_at"][:19]))
    assert left == datetime.timedelta(days=90)
    home.refused("key", "revoke", "nobody")
    assert home.json("key", "revoke", "agents")["state"] == "revoked"
    assert "already" in home.ok("key", "revoke", made["id"])
    home.json("key", "create", "--role", "viewer", "--name", "agents")
    with sqlite3.connect(home.path / "control.sqlite") as control:
        trail = control.execute("SELECT action, subject, detail FROM audit").fetchall()
    assert [row[0] for row in trail] == ["key create", "key revoke", "key create"]
    assert trail[0][1] == made["id"] and "workflow claims" in trail[0][2]


def test_the_table_fits_80_columns_whatever_the_names(home):
    home.ok("key", "create", "--role", "approver", "--name", "é" * 128, "--workflow", "w" * 200)
    home.ok("key", "create", "--role", "ingest", "--name", "agents", "--workflow", "claims",
            "--expires", "90d")
    home.ok("key", "create", "--role", "admin", "--name", "old")
    home.ok("key", "revoke", "old")
    out = home.ok("key", "list")
    assert max(map(len, out.splitlines())) <= 80
    for word in ("agents", "workflow claims", "ééé…", "workflow www", "revoked", "2 of 3 keys"):
        assert word in out, out
    assert home.ok("key") == out


# ---- beyond loopback

@beyond_loopback
def test_a_server_nobody_could_use_does_not_start(home):
    said = home.refused("serve", "--listen", "0.0.0.0:0")
    assert "bursar key create" in said
    made = home.json("key", "create", "--role", "admin")
    home.ok("key", "revoke", made["id"])
    assert "bursar key create" in home.refused("serve", "--listen", "0.0.0.0:0")


@beyond_loopback
def test_without_a_good_key_nothing_is_answered_but_health(server, keys):
    spans = json.dumps(request([span(1)]))
    wrong = keys["admin"][:-1] + ("0" if keys["admin"][-1] != "0" else "1")
    for shown in (None, "bk_" + "0" * 12 + "_" + "0" * 64, wrong, "nonsense", "bk_"):
        for method, path in (("GET", "/api/v1/report"), ("GET", "/metrics"), ("GET", "/"),
                             ("GET", "/nothing"), ("POST", "/api/v1/outcomes"),
                             ("OPTIONS", "/api/v1/report")):
            status, body, fields = server.ask(method, path, headers=bearer(shown))
            assert status == 401, (shown, path)
            assert fields.get_all("WWW-Authenticate") and b'"code":401' in body
        status, body, _ = server.ask("POST", "/v1/messages", headers=bearer(shown))
        assert (status, json.loads(body)["error"]["code"]) == (401, "invalid_api_key")
        status, body, fields = server.ask("POST", "/v1/traces", spans, {**JSON, **bearer(shown)})
        assert (status, json.loads(body)["code"]) == (401, 16)
        assert fields["WWW-Authenticate"]
        status, body, fields = server.ask("POST", "/v1/traces", b"", {**PROTOBUF, **bearer(shown)})
        assert status == 401 and body[:2] == b"\x08\x10"
        assert fields["Content-Type"] == "application/x-protobuf"
    assert server.ask("POST", "/api/v1/run", b'{"argv":["report"]}')[0] in (401, 403)
    token = json.loads((server.home.path / "serve.json").read_text())["token"]
    assert server.ask("POST", "/api/v1/run", b'{"argv":["report"]}', bearer(token))[0] in (401, 403)
    assert server.ask("GET", "/healthz")[0] == 200
    assert server.ask("GET", "/readyz")[0] == 200
    assert server.status(keys["viewer"]) == 200


@beyond_loopback
def test_each_role_does_its_own_and_nothing_else(server, keys):
    spans = json.dumps(request([span(1)]))
    allowed = {"ingest": {"traces"}, "gateway": set(), "viewer": {"report", "metrics"},
               "approver": {"report", "metrics"}, "admin": {"traces", "report", "metrics"}}
    for role, secret in keys.items():
        got = {"traces": server.ask("POST", "/v1/traces", spans, {**JSON, **bearer(secret)}),
               "report": server.ask("GET", "/api/v1/report", headers=bearer(secret)),
               "metrics": server.ask("GET", "/metrics", headers=bearer(secret))}
        for what, (status, body, _) in got.items():
            assert status == (200 if what in allowed[role] else 403), (role, what)
        if role != "ingest" and role != "admin":
            assert json.loads(got["traces"][1])["code"] == 7


@beyond_loopback
def test_a_key_is_taken_from_each_field_an_exporter_knows(server, keys):
    basic = base64.b64encode(f"bursar:{keys['viewer']}".encode()).decode()
    for headers in ({"Authorization": f"Bearer {keys['viewer']}"}, {"x-api-key": keys["viewer"]},
                    {"authorization": f"Basic {basic}"}):
        assert server.ask("GET", "/api/v1/report", headers=headers)[0] == 200
    assert server.ask("GET", "/api/v1/report", headers={
        **bearer(keys["viewer"]), "Host": "bursar.example"})[0] == 200


@beyond_loopback
def test_keys_made_and_revoked_count_within_a_second(server, home, keys):
    secret = make_key(home, "viewer", "--name", "late")
    until_status(server, secret, 200)
    home.ok("key", "revoke", "late")
    until_status(server, secret, 401)
    assert server.status(keys["viewer"]) == 200


@beyond_loopback
def test_a_key_expires_while_the_server_runs(clock, server, home):
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    secret = make_key(home, "viewer", "--expires", soon.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    until_status(server, secret, 200)
    clock.advance(3601)
    until_status(server, secret, 401)
    assert "expired" in [key["state"] for key in home.json("key", "list")["keys"]]


@beyond_loopback
def test_the_server_warns_without_tls_and_commands_still_reach_it(server, home, keys):
    assert "without TLS" in server.said()
    assert server.ask("POST", "/v1/traces", json.dumps(request([span(1)])),
                      {**JSON, **bearer(keys["ingest"])})[0] == 200
    server.settle(keys["admin"])
    assert home.json("report")["workflows"][0]["calls"] == 1


@beyond_loopback
def test_the_day_of_last_use_is_kept(server, home, keys):
    assert server.status(keys["viewer"]) == 200
    assert server.stop() == 0
    used = {key["role"]: key["last_used"] for key in home.json("key", "list")["keys"]}
    assert used["viewer"] and used["viewer"][13:] == ":00:00Z" and used["approver"] is None


def test_one_that_came_through_a_proxy_on_this_machine_needs_a_key(home, keys):
    server = Server(home)
    try:
        for field in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
            assert server.ask("GET", "/api/v1/report", headers={field: "127.0.0.1"})[0] == 401
            assert server.ask("GET", "/api/v1/report", headers={
                field: "127.0.0.1", **bearer(keys["viewer"])})[0] == 200
    finally:
        server.stop()


def test_this_machine_needs_a_key_when_the_file_says_so(home, keys):
    (home.path / "bursar.yaml").write_text("require_keys: true\n")
    server = Server(home)
    try:
        assert server.ask("GET", "/api/v1/report")[0] == 401
        assert server.post([span(1)])[0] == 401
        assert server.post([span(1)], **bearer(keys["ingest"]))[0] == 200
        assert server.ask("GET", "/api/v1/report", headers=bearer(keys["viewer"]))[0] == 200
        assert json.loads(home.ok("report", "--json"))["schema"] == "bursar.report/1"
    finally:
        server.stop()


# ---- binding

def forged(number):
    return span(number, case=f"case-{number}", workflow="somebody-elses")


def bound_key(home):
    return make_key(home, "ingest", "--workflow", "claims", "--team", "support", "--user", "ana")


def test_a_bound_workflow_beats_what_the_spans_say(home):
    secret = bound_key(home)
    server = Server(home)
    try:
        assert server.post([forged(1), forged(2)], **bearer(secret))[0] == 200
        assert server.post([span(3, workflow="free")])[0] == 200
        server.settle()
        report = server.get("/api/v1/report")[1]
    finally:
        server.stop()
    assert {w["workflow"]: w["calls"] for w in report["workflows"]} == {"claims": 2, "free": 1}


def test_a_bound_team_and_user_are_attributes_of_the_case_whatever_the_spans_say(home):
    secret = bound_key(home)
    server = Server(home)
    told = forged(1)
    for name, value in (("team", "rivals"), ("user", "eve"), ("region", "north")):
        told["attributes"].append({"key": f"bursar.case.attr.{name}",
                                   "value": {"stringValue": value}})
    try:
        assert server.post([told], **bearer(secret))[0] == 200
        server.settle()
        attributes = home.json("explain", "case-1")["attributes"]
    finally:
        server.stop()
    assert attributes == {"team": "support", "user": "ana", "region": "north"}


def test_an_outcome_in_a_span_is_of_the_bound_workflow_too(home):
    secret = bound_key(home)
    server = Server(home)
    done = forged(1)
    done["attributes"].append({"key": "bursar.outcome", "value": {"stringValue": "resolved"}})
    try:
        assert server.post([done], **bearer(secret))[0] == 200
        server.settle()
        report = server.get("/api/v1/report")[1]
    finally:
        server.stop()
    assert [(w["workflow"], w["resolved"]) for w in report["workflows"]] == [("claims", 1)]


def messages_left(home):
    """Workflow, team and user of what is in the inbox and not taken out; store/journal_priv.h."""
    kept, removed = {}, 0
    for path in sorted((home.path / "inbox").glob("*.log")):
        data, at = path.read_bytes(), 32
        number = struct.unpack_from("<Q", data, 8)[0]
        while at + 88 <= len(data):
            _, of, key, kind, _, *sizes, _ = struct.unpack_from("<QQqqq5QQ", data, at)
            if of != number:
                break
            at += 88
            if kind < 0:
                removed = max(removed, key)
                continue
            parts = []
            for size in sizes:
                parts.append(data[at:at + size])
                at += size
            kept[key] = tuple(parts[:3])
    return [parts for key, parts in kept.items() if key > removed]


def test_the_binding_is_the_same_after_a_crash(home):
    secret = bound_key(home)
    acknowledged = 0
    for first in (1, 1001, 2001):
        server = Server(home)
        for number in range(first, first + 40):
            acknowledged += server.post([forged(number)], **bearer(secret))[0] == 200
        server.stop(signal.SIGKILL)
    left = messages_left(home)
    assert left, "nothing was left to replay: the test saw no crash"
    assert set(left) == {(b"claims", b"support", b"ana")}
    home.ok("key", "revoke", home.json("key", "list")["keys"][0]["id"])
    server = Server(home)
    server.settle()
    report = server.get("/api/v1/report")[1]
    server.stop()
    assert acknowledged == 120
    assert [(w["workflow"], w["calls"]) for w in report["workflows"]] == [("claims", 120)]


# ---- TLS, reload

def make_certificate(folder, name, days=30, names="DNS:localhost"):
    files = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}", "-days", str(days), "-out", files[0], "-keyout",
         files[1]], capture_output=True, check=True)
    files[1].chmod(0o600)
    return files


def served_name(server):
    """Common name of the certificate that a new connection gets."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((server.host, server.port), 60) as plain:
        with context.wrap_socket(plain) as secure:
            der = secure.getpeercert(binary_form=True)
    text = subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-subject"], input=der,
                          capture_output=True, check=True).stdout.decode()
    return text.strip().split("CN")[1].strip(" =")


@pytest.fixture(name="tls_server")
def fixture_tls_server(home, keys, tmp_path):
    assert keys
    for name in ("first", "second"):
        make_certificate(home.path, name)
    (home.path / "bursar.yaml").write_text(
        "tls: {certificate: first.pem, private_key: first.key}\n")
    server = FarServer(home, listen="127.0.0.1:0" if FAR is None else "0.0.0.0:0")
    server.host = FAR or "127.0.0.1"
    server.tls = ssl.create_default_context()
    server.tls.check_hostname, server.tls.verify_mode = False, ssl.CERT_NONE
    yield server
    server.stop()


def reload(server, pattern):
    before = len(re.findall(pattern, server.said()))
    server.process.send_signal(signal.SIGHUP)
    until = time.monotonic() + 60
    while len(re.findall(pattern, server.said())) == before:
        assert time.monotonic() < until, server.said()
        time.sleep(0.02)


def test_clients_that_leave_in_the_middle_of_tls_harm_nobody(tls_server, keys):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for number in range(60):
        with socket.create_connection((tls_server.host, tls_server.port), 60) as plain:
            if number % 3 == 0:
                plain.sendall(b"GET / HTTP/1.1\r\nHost: plain\r\n\r\n")  # no TLS at all
            elif number % 3 == 1:
                context.wrap_socket(plain).close()  # before the server's session tickets
            else:
                secure = context.wrap_socket(plain)
                secure.sendall(b"GET /api/v1/report HTTP/1.1\r\nHost: x\r\n\r\n")
                secure.close()
    assert tls_server.status(keys["viewer"], host=tls_server.host) == 200


def test_tls_serves_and_a_reload_swaps_the_certificate(tls_server, home, keys):
    server = tls_server
    assert "without TLS" not in server.said()
    assert served_name(server) == "first"
    assert server.status(keys["viewer"], host=server.host) == 200
    assert home.json("report")["schema"] == "bursar.report/1"  # by the commands' own port
    kept = http.client.HTTPSConnection(server.host, server.port, timeout=60, context=server.tls)
    kept.request("GET", "/api/v1/report", headers=bearer(keys["viewer"]))
    assert kept.getresponse().read()
    config = home.path / "bursar.yaml"
    config.write_text("tls: {certificate: second.pem, private_key: second.key}\n")
    reload(server, "read anew")
    assert served_name(server) == "second"
    kept.request("GET", "/api/v1/report", headers=bearer(keys["viewer"]))
    assert kept.getresponse().status == 200, "a connection outlives the reload"
    kept.close()


@pytest.mark.parametrize("text, told", [
    ("tls: {certificate: first.pem, private_key: second.key}\n", "second.key"),
    ("tls: {certificate: gone.pem, private_key: first.key}\n", "gone.pem"),
    ("tls: {certificate: second.pem}\n", r"bursar.yaml:1: tls: private_key is missing"),
    ("tls: {certificate: second.pem, private_key: second.key}\nworkflows: {a: {risk: huge}}\n",
     r"bursar.yaml:2: workflows.a.risk"),
    ("limits: {connections: 0}\n", r"bursar.yaml:1: limits.connections"),
    ("limits: {memory_mib: 32}\n", r"bursar.yaml:1: limits"),
    ("require_keys: perhaps\n", r"bursar.yaml:1: require_keys"),
    ("nonsense: 1\n", r"bursar.yaml:1: nonsense"),
])
def test_a_reload_of_a_wrong_file_changes_nothing(tls_server, home, keys, text, told):
    (home.path / "bursar.yaml").write_text(text)
    reload(tls_server, "reload refused.*" + told)
    assert served_name(tls_server) == "first"
    assert tls_server.status(keys["viewer"], host=tls_server.host) == 200
    if "bursar.yaml" in told:  # a command reads the file as it is, and says so too
        assert re.search(told, home.refused("report"))


def test_a_reload_swaps_settings_limits_and_require_keys_and_tells_what_stays(home, keys):
    config = home.path / "bursar.yaml"
    config.write_text("workflows: {claims: {unit: claim}}\n")
    server = FarServer(home, listen="127.0.0.1:0")

    def unit():
        body = server.ask("GET", "/api/v1/report", headers=bearer(keys["viewer"]),
                          host="127.0.0.1")[1]
        return json.loads(body)["workflows"][0]["unit"]

    try:
        assert server.ask("POST", "/v1/traces", json.dumps(request([span(1)])),
                          {**JSON, **bearer(keys["ingest"])}, host="127.0.0.1")[0] == 200
        server_settle_near(server)
        assert unit() == "claim"
        config.write_text("workflows: {claims: {unit: dossier}}\nrequire_keys: true\n"
                          "limits: {body_mib: 1}\ntls: {certificate: a, private_key: b}\n")
        assert unit() == "claim", "the file counts when it is asked to"
        assert home.json("report")["workflows"][0]["unit"] == "dossier", "a command reads it now"
        reload(server, "read anew")
        assert "takes a restart" in server.said()
        assert unit() == "dossier"
        assert server.ask("GET", "/api/v1/report", host="127.0.0.1")[0] == 401
        large = server.ask("POST", "/v1/traces", b"{" + b" " * (2 << 20),
                           {**JSON, **bearer(keys["ingest"])}, host="127.0.0.1")
        assert large[0] == 413
        with sqlite3.connect(home.path / "control.sqlite") as control:
            actions = [row[0] for row in control.execute("SELECT action FROM audit ORDER BY rowid")]
        assert actions[-1] == "serve reload"
    finally:
        server.stop()


def server_settle_near(server):
    until = time.monotonic() + 60
    while b"bursar_inbox_messages 0\n" not in server.ask("GET", "/metrics", host="127.0.0.1")[1]:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_price_that_a_reload_brings_holds_for_what_comes_then(home, keys):
    assert keys
    server = FarServer(home, listen="127.0.0.1:0")
    try:
        for number, prices in ((1, ""), (2, "prices:\n- {provider: anthropic, model: "
                                            "claude-sonnet-4-5, discount: 50%}\n")):
            (home.path / "bursar.yaml").write_text(prices)
            if prices:
                reload(server, "read anew")
            spans = json.dumps(request([span(number, workflow=f"w{number}")]))
            assert server.ask("POST", "/v1/traces", spans, JSON, host="127.0.0.1")[0] == 200
            server_settle_near(server)
        costs = {w["workflow"]: float(w["cost"]["total"]) for w in home.json("report")["workflows"]}
    finally:
        server.stop()
    assert costs["w1"] == pytest.approx(2 * costs["w2"])


def test_systemd_hears_ready_reloading_and_stopping(home, tmp_path):
    path = str(tmp_path / "notify")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(path)
    listener.settimeout(60)
    home.ok("key", "create", "--role", "viewer")
    server = FarServer(home, listen="127.0.0.1:0", env={"NOTIFY_SOCKET": path})
    try:
        assert listener.recv(4096) == b"READY=1"
        server.process.send_signal(signal.SIGHUP)
        assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", listener.recv(4096))
        assert listener.recv(4096) == b"READY=1"
        server.process.send_signal(signal.SIGTERM)
        assert listener.recv(4096) == b"STOPPING=1"
        server.process.wait(60)
    finally:
        server.stop()
        listener.close()


# ---- secrets

def test_no_secret_is_in_any_file_or_any_line_of_the_log(home):
    secrets = [make_key(home, "ingest", "--workflow", "claims"), make_key(home, "viewer")]
    server = FarServer(home, listen="127.0.0.1:0")
    wrong = "bk_" + "ab" * 6 + "_" + "cd" * 32
    try:
        for secret in secrets + [wrong]:
            for headers in (bearer(secret), {"x-api-key": secret}):
                server.ask("GET", "/api/v1/report", headers=headers, host="127.0.0.1")
                server.ask("POST", "/v1/traces", json.dumps(request([span(1)])),
                           {**JSON, **headers}, host="127.0.0.1")
        assert secrets[0] not in home.refused("key", "revoke", wrong)
        home.ok("key", "revoke", secrets[1])  # pasted whole: taken for its id
        reload(server, "read anew")
    finally:
        server.stop()
    shown = home.ok("key", "list") + home.ok("key", "list", "--json") + home.ok("report")
    files = [path.read_bytes() for path in home.path.rglob("*") if path.is_file()]
    assert len(files) >= 3
    for secret in secrets + [wrong]:
        rest = secret.split("_")[2]
        assert rest not in shown
        for data in files:
            assert rest.encode() not in data
            assert bytes.fromhex(rest) not in data


# ---- a real SDK

@pytest.mark.parametrize("field", ["x-api-key={}", "Authorization=Bearer%20{}"])
def test_opentelemetrys_own_sdk_sends_with_a_key_and_over_tls(home, provider, monkeypatch, field):
    sdks.need(sdks.PYTHON)
    certificate, _ = make_certificate(home_path(home), "localhost", names="IP:127.0.0.1")
    (home.path / "bursar.yaml").write_text(
        "require_keys: true\ntls: {certificate: localhost.pem, private_key: localhost.key}\n")
    secret = make_key(home, "ingest", "--workflow", "bound")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", field.format(secret))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(certificate))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # go before it in the client's library
        monkeypatch.delenv(name, raising=False)
    server = FarServer(home, listen="127.0.0.1:0")
    try:
        calls = sdks.asks("none", 12)
        sdks.run([sdks.PYTHON, sdks.ROOT / "test/sdks/agent.py", "none",
                  f"https://127.0.0.1:{server.port}", provider.url], calls)
    finally:
        assert server.stop() == 0
    report = home.json("report")["workflows"]
    assert [(w["workflow"], w["calls"]) for w in report] == [("bound", 12)]


def home_path(home):
    home.path.mkdir(mode=0o700, exist_ok=True)
    return home.path


# ---- writes

def audit(home):
    with sqlite3.connect(home.path / "control.sqlite") as control:
        return control.execute("SELECT actor, action, subject FROM audit ORDER BY audit_id").fetchall()


def outcome(**fields):
    return json.dumps({"workflow": "somebody-elses", "case": "case-1", "status": "resolved",
                       **fields})


def test_outcomes_are_of_the_bound_workflow_and_the_trail_names_the_key(home):
    secret = bound_key(home)
    key = home.json("key", "list")["keys"][0]
    server = Server(home)
    try:
        assert server.post([forged(1)], **bearer(secret))[0] == 200
        for body in (outcome(), json.dumps({"case": "case-2", "status": "failed"})):
            status, answer, _ = server.ask("POST", "/api/v1/outcomes", body,
                                           {**JSON, **bearer(secret)})
            assert status == 200, answer
        server.settle()
        report = server.get("/api/v1/report")[1]["workflows"]
    finally:
        server.stop()
    assert [(w["workflow"], w["resolved"]) for w in report] == [("claims", 1)]
    assert audit(home)[1:] == [
        (f"key {key['id']}", "outcomes post", "case-1 of claims"),
        (f"key {key['id']}", "outcomes post", "case-2 of claims")]


def until_known(server, secret):
    until = time.monotonic() + 60
    while server.ask("GET", "/api/v1/report", headers=bearer(secret))[0] == 401:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_what_writes_over_http_is_in_the_trail_under_the_keys_name(home, keys):
    approver = make_key(home, "approver", "--name", "ticket system")
    path = "/api/v1/outcome?arg=add&arg=claims&arg=case-1&arg=resolved"
    server = Server(home)
    try:
        assert server.post([span(1)])[0] == 200
        server.settle()
        bound = make_key(home, "approver", "--workflow", "claims")
        until_known(server, bound)
        for secret, want in ((keys["viewer"], 403), (keys["ingest"], 403), (bound, 403),
                             (approver, 200)):
            status, answer, _ = server.ask("POST", path, b"", {**JSON, **bearer(secret)})
            assert status == want, (status, answer)
        foreign = server.ask("POST", path, b"", {**JSON, **bearer(approver),
                                                 "Origin": "https://evil.example"})
        assert foreign[0] == 403
    finally:
        server.stop()
    actor, action, _ = audit(home)[-1]
    assert re.fullmatch(r"key [0-9a-f]{12} ticket system", actor) and action.startswith("outcome")
