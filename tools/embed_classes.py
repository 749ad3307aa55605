#!/usr/bin/env python3
"""embed_classes.py CLASSES OUT.c: what each Unicode character is, as a table of two steps.

CLASSES has a line a run of characters: FIRST[-LAST] in hexadecimal, a blank, and U (Lu, Lt), L (Ll),
B (Lm, Lo: both), M, N, S (White_Space), or A: by turns U and L. All others are marks.
"""
import sys

NAMES = {"U": "UPPER", "L": "LOWER", "B": "LETTER", "M": "MARK", "N": "NUMBER", "S": "SPACE"}
BLOCK = 128


def read(path):
    classes = ["OTHER"] * 0x110000
    with open(path, encoding="ascii") as file:
        for line in file:
            run, name = line.split()
            first, _, last = run.partition("-")
            for point in range(int(first, 16), int(last or first, 16) + 1):
                turn = "UL"[point - int(first, 16) & 1]
                classes[point] = NAMES[turn if name == "A" else name]
    classes[ord("\r")] = classes[ord("\n")] = "LINE"
    return classes


def main():
    path, out = sys.argv[1:3]
    classes = read(path)
    blocks, places = {}, []
    for first in range(0, len(classes), BLOCK):
        block = tuple(classes[first:first + BLOCK])
        places.append(blocks.setdefault(block, len(blocks)))
    if len(blocks) > 256:
        sys.exit("more blocks than a byte can tell")
    with open(out, "w", encoding="ascii") as file:
        file.write('#include "wire/tokens_priv.h"\n\nconst uint8_t tokens_blocks[] = {\n')
        for at in range(0, len(places), 32):
            file.write(",".join(map(str, places[at:at + 32])) + ",\n")
        file.write("};\nconst uint8_t tokens_classes[] = {\n")
        for block in blocks:
            file.write(",".join(f"GLYPH_{name}" for name in block) + ",\n")
        file.write("};\n")


if __name__ == "__main__":
    main()
