"""Goal: bursar doctor says what is wrong, where, and how to mend it; and is quiet when all is well.
Method: homes that are absent, whole, open to others, broken in one thing each."""
import datetime
import json
import os
import stat
import subprocess

import pytest
import sessions


def checks(home, status=0, **options):
    done = home.run("doctor", "--json", **options)
    assert done.returncode == status, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert answer["ok"] is (status == 0)
    found = {}
    for check in answer["checks"]:
        found.setdefault(check["check"], check)
        assert check["state"] in ("ok", "note", "problem")
        assert check["state"] == "ok" or check["mend"] or "wait until" in check["found"]
    return found


@pytest.fixture(name="user")
def fixture_user(tmp_path, monkeypatch):
    """A user without any logs of agents."""
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    return tmp_path / "user"


@pytest.fixture(name="filled")
def fixture_filled(home, tmp_path, user):
    assert user
    sessions.write(tmp_path / "alpha.jsonl", sessions.session("alpha", 2))
    home.ok("import", tmp_path / "alpha.jsonl")
    return home


def test_a_broken_configuration_is_a_problem_with_its_line(filled):
    (filled.path / "bursar.yaml").write_text("workflows:\n  a:\n    value_per_outcome: much\n")
    found = checks(filled, status=1)["configuration"]
    assert found["state"] == "problem"
    assert "bursar.yaml:3" in found["found"]


def test_a_broken_ledger_is_a_problem(filled):
    (filled.path / "ledger.duckdb").write_bytes(b"not a database" * 1000)
    assert checks(filled, status=1)["ledger"]["state"] == "problem"


def test_a_broken_control_store_is_a_problem(filled):
    (filled.path / "control.sqlite").write_bytes(b"not a database" * 1000)
    assert checks(filled, status=1)["control store"]["state"] == "problem"


def test_a_home_that_is_a_file_is_a_problem(home, user):
    assert user
    home.path.write_text("")
    assert checks(home, status=1)["home"]["state"] == "problem"


def test_before_the_first_import_it_only_has_notes(home, user):
    assert user
    found = checks(home)
    assert found["home"]["state"] == "note"
    assert found["ledger"]["state"] == "note"
    assert not home.path.exists()


def test_a_whole_home_is_ok(filled):
    found = checks(filled)
    for name in ("home", "disk", "configuration", "ledger", "DuckDB", "prices", "attribution"):
        assert found[name]["state"] == "ok", found[name]
    assert found["outcomes"]["state"] == "note"
    assert "agent logs" not in found
    before = sorted(path.name for path in filled.path.iterdir())
    text = filled.ok("doctor")
    assert "0 problems" in text
    assert max(map(len, text.splitlines())) <= 200
    assert sorted(path.name for path in filled.path.iterdir()) == before


def test_a_home_others_can_read_is_noted(filled):
    os.chmod(filled.path, stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP)
    found = checks(filled)["home"]
    assert found["state"] == "note"
    assert "750" in found["found"]


def test_models_without_a_price_are_named_with_their_calls(filled, tmp_path):
    lines = [sessions.call("beta", number, model="claude-nobody-9") for number in range(3)]
    filled.ok("import", sessions.write(tmp_path / "beta.jsonl", lines))
    found = checks(filled)["prices"]
    assert found["state"] == "note"
    assert "claude-nobody-9 (3 calls, 63,159 tokens)" in found["found"]


def test_rejected_lines_are_noted_with_their_place(filled, tmp_path):
    path = sessions.write(tmp_path / "gamma.jsonl", [sessions.call("gamma", 1), "{", "}"])
    filled.ok("import", path)
    found = checks(filled)["not taken"]
    assert found["state"] == "note"
    assert f"{path}:2" in found["found"]


def test_logs_that_are_not_imported_are_found(filled, user):
    logs = user / ".claude/projects"
    sessions.write(logs / "p/delta.jsonl", sessions.session("delta", 1))
    found = checks(filled)["agent logs"]
    assert found["state"] == "note"
    assert found["mend"] == f"bursar import {logs}"
    filled.ok("import", logs)
    assert checks(filled)["agent logs"]["state"] == "ok"


def certificate(folder, days):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-subj", "/CN=x", "-days", str(days), "-out", folder / "a.pem", "-keyout",
         folder / "a.key"], capture_output=True, check=True)
    (folder / "a.key").chmod(0o600)


@pytest.mark.parametrize("config, keys, name, state, word", [
    ("listen: 0.0.0.0:4318\n", (), "keys", "problem", "none is good"),
    ("require_keys: true\n", (), "keys", "problem", "none is good"),
    ("", (), "keys", "ok", "without one"),
    ("", ("--expires", "20d"), "keys", "note", "within 21 days"),
    ("", ("--expires", "30d"), "keys", "ok", "1 of 1"),
    ("listen: 0.0.0.0:4318\n", ("--expires", "30d"), "TLS", "note", "without TLS"),
    ("tls: {certificate: a.pem, private_key: gone}\n", (), "TLS", "problem", "cannot be read"),
    ("tls: {certificate: gone, private_key: a.key}\n", (), "TLS", "problem", "no certificate"),
    ("tls: {certificate: a.key, private_key: a.key}\n", (), "TLS", "problem", "no certificate"),
    ("tls: {certificate: a.pem, private_key: a.key}\n", (), "TLS", "ok", "good for"),
])
def test_keys_and_certificates_are_looked_at(filled, config, keys, name, state, word):
    certificate(filled.path, 100)
    (filled.path / "bursar.yaml").write_text(config)
    if keys:
        filled.ok("key", "create", "--role", "ingest", *keys)
    found = checks(filled, status=1 if state == "problem" else 0)[name]
    assert (found["state"], word in found["found"]) == (state, True), found


@pytest.mark.parametrize("days, mode, state, word", [
    (5, 0o600, "note", "ends in"), (100, 0o644, "note", "other users"), (-3, 0o600, "problem", "ago")])
def test_a_certificate_near_or_past_its_end_is_told_of(filled, days, mode, state, word):
    if days < 0:
        past_certificate(filled.path, -days)
    else:
        certificate(filled.path, days)
    (filled.path / "a.key").chmod(mode)
    (filled.path / "bursar.yaml").write_text("tls: {certificate: a.pem, private_key: a.key}\n")
    found = checks(filled, status=1 if state == "problem" else 0)["TLS"]
    assert (found["state"], word in found["found"]) == (state, True), found


def past_certificate(folder, days):
    """One that ended, which `openssl req` does not make."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1,
                                   now - datetime.timedelta(days=days + 9),
                                   now - datetime.timedelta(days=days)).sign(key, hashes.SHA256())
    (folder / "a.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "a.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
