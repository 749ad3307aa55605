#!/usr/bin/env python3
"""embed_tokens.py VOCABULARY SHA256 SYMBOL OUT.c: a vocabulary as a table that needs no start-up.

VOCABULARY has a line a token, as OpenAI publishes it: its bytes in base64, a blank, its rank.
SHA256 is that of the file OpenAI publishes: the npm package only brings it.

Out come `SYMBOL_slots`, a hash table of 64-bit words, and `SYMBOL_bytes`, which they point into:

    bits  0..17  rank
    bits 18..25  size in bytes; 0: the slot is free
    bits 26..46  place in SYMBOL_bytes
    bits 47..63  tag: the same bits of the hash

A token is in the first free slot from its home, (hash >> 32) * homes >> 32, on. src/wire/tokens_merge.c
has the same hash.
"""
import base64
import hashlib
import sys

MASK = (1 << 64) - 1
FACTOR = 0x9E3779B97F4A7C15
RANK_BITS, SIZE_BITS, PLACE_BITS = 18, 8, 21
TAG_SHIFT = RANK_BITS + SIZE_BITS + PLACE_BITS
TOKEN_BYTES_MAX = 128  # no longer text is looked for
SPARE = 64  # slots behind the last home, so that no search begins anew at the first


def hash_of(token):
    value = len(token) * FACTOR & MASK
    for at in range(0, len(token), 8):
        value = (value ^ int.from_bytes(token[at:at + 8], "little")) * FACTOR & MASK
        value ^= value >> 32
    return value * FACTOR & MASK


def read(path, sha256):
    with open(path, "rb") as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != sha256:
        sys.exit(f"{path}: not the vocabulary that OpenAI publishes: its SHA-256 is not {sha256}")
    ranks = {}
    for line in data.splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    return ranks


def table(ranks):
    homes = len(ranks) * 8 // 5
    slots = [0] * (homes + SPARE)
    text = bytearray()
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        value = hash_of(token)
        at = (value >> 32) * homes >> 32
        while slots[at]:
            at += 1
        slots[at] = (rank | len(token) << RANK_BITS | len(text) << RANK_BITS + SIZE_BITS
                     | value >> TAG_SHIFT << TAG_SHIFT)
        text += token
    if slots[-1] or max(ranks.values()) >> RANK_BITS or len(text) >> PLACE_BITS:
        sys.exit("the vocabulary does not fit the table")
    if max(map(len, ranks)) > TOKEN_BYTES_MAX or any(bytes([i]) not in ranks for i in range(256)):
        sys.exit("a token is too long, or a byte is none")
    return homes, slots, bytes(text)


def main():
    path, sha256, symbol, out = sys.argv[1:5]
    homes, slots, text = table(read(path, sha256))
    escape = [f"\\{byte:03o}" for byte in range(256)]
    with open(out, "w", encoding="ascii") as file:
        file.write('#include "wire/tokens_priv.h"\n\n')
        file.write(f"const uint32_t {symbol}_homes = {homes};\n")
        file.write(f"const uint64_t {symbol}_slots[] = {{\n")
        for at in range(0, len(slots), 8):
            file.write(",".join(f"{slot:#x}" for slot in slots[at:at + 8]) + ",\n")
        file.write(f"}};\nconst char {symbol}_bytes[] =\n")
        for at in range(0, len(text), 64):
            file.write('"' + "".join(escape[byte] for byte in text[at:at + 64]) + '"\n')
        file.write(";\n")


if __name__ == "__main__":
    main()
