#!/usr/bin/env python3
"""Goal: the table that is built in holds each token once, where a search finds it, and only true ones.
Method: a small vocabulary through tools/embed_tokens.py; what it wrote is searched as it says.
"""
import base64
import hashlib
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools/embed_tokens.py"
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOOL.parent))
import embed_tokens  # noqa: E402

TOKENS = [bytes([byte]) for byte in range(256)] + [
    b"th", b"the", b" the", b" budget", b"\n\n", b" " * 128, "文字".encode(), b"\\\"?", b"12345678",
    b"123456789", b"0\x000"]


class EmbedTokens(unittest.TestCase):
    def embed(self, tokens, sha256=None):
        data = b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens))
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "words.tiktoken").write_bytes(data)
        done = subprocess.run(
            [sys.executable, "-B", TOOL, folder / "words.tiktoken",
             sha256 or hashlib.sha256(data).hexdigest(), "words", folder / "out.c"],
            stderr=subprocess.PIPE, text=True)
        return done, (folder / "out.c").read_text() if done.returncode == 0 else ""

    def test_another_file_than_the_published_one_is_refused(self):
        done, _ = self.embed(TOKENS, "0" * 64)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("SHA-256", done.stderr)

    def test_a_vocabulary_without_some_byte_is_refused(self):
        done, _ = self.embed(TOKENS[1:])
        self.assertNotEqual(done.returncode, 0)

    def test_a_token_that_is_too_long_is_refused(self):
        done, _ = self.embed(TOKENS + [b"x" * 129])
        self.assertNotEqual(done.returncode, 0)

    def test_each_token_is_found_with_its_rank_and_nothing_else(self):
        done, text = self.embed(TOKENS)
        self.assertEqual(done.returncode, 0, done.stderr)
        homes = int(re.search(r"words_homes = (\d+)", text)[1])
        slots = [int(slot, 16) for slot in re.findall(r"0x[0-9a-f]+", text)]
        octal = "".join(re.findall(r'^"((?:\\[0-7]{3})+)"$', text, re.M))
        data = bytes(int(byte, 8) for byte in octal.split("\\")[1:])

        def rank_of(token):
            value = embed_tokens.hash_of(token)
            at = (value >> 32) * homes >> 32
            while slots[at]:
                slot = slots[at]
                size, place = slot >> 18 & 0xff, slot >> 26 & 0x1fffff
                if slot >> 47 == value >> 47 and data[place:place + size] == token:
                    return slot & 0x3ffff
                at += 1
            return None
        self.assertEqual([rank_of(token) for token in TOKENS], list(range(len(TOKENS))))
        for other in (b"", b"thee", b"budget", b" " * 127, b"1234567", b"00", "文".encode()):
            self.assertIsNone(rank_of(other))


if __name__ == "__main__":
    unittest.main()
