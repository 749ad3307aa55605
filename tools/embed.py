#!/usr/bin/env python3
"""embed.py FILE SYMBOL OUT.c [HEADER]: the bytes of a file as a C array, so that one binary suffices."""
import sys


def main():
    path, symbol, out = sys.argv[1:4]
    header = sys.argv[4] if len(sys.argv) > 4 else "price/price_priv.h"
    with open(path, "rb") as file:
        data = file.read()
    with open(out, "w", encoding="ascii") as file:
        file.write(f"#include <stddef.h>\n\n#include \"{header}\"\n\n")
        file.write(f"const unsigned char {symbol}[] = {{\n")
        for at in range(0, len(data), 32):
            file.write(",".join(str(byte) for byte in data[at:at + 32]) + ",\n")
        file.write(f"}};\nconst size_t {symbol}_size = sizeof {symbol};\n")


if __name__ == "__main__":
    main()
