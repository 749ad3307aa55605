#!/usr/bin/env python3
"""embed_sql: queries.sql -> queries.def (the names) and queries.inc (the texts, as C strings).

A query is everything between a line `-- name: word` and the next such line. A fragment begins
with `-- fragment: word`; a later line `{word}` stands for its text.
"""
import pathlib
import re
import sys

source, names_out, texts_out = map(pathlib.Path, sys.argv[1:])
queries, fragments = {}, {}
current = None
for number, line in enumerate(source.read_text().splitlines(), 1):
    if match := re.fullmatch(r"-- (name|fragment): (\w+)", line):
        home = queries if match[1] == "name" else fragments
        if match[2] in home:
            sys.exit(f"{source}:{number}: {match[2]} is there twice")
        current = home[match[2]] = []
    elif match := re.fullmatch(r"\{(\w+)\}", line.strip()):
        if match[1] not in fragments:
            sys.exit(f"{source}:{number}: no fragment {match[1]} above")
        current += fragments[match[1]]
    elif line.strip() and not line.lstrip().startswith("--"):
        if current is None:
            sys.exit(f"{source}:{number}: text before the first `-- name:`")
        current.append(line.rstrip())


def literal(line):
    return '"' + line.replace("\\", "\\\\").replace('"', '\\"') + '\\n"'


names_out.write_text("".join(f"QUERY({name})\n" for name in queries))
texts_out.write_text("".join(
    f"[QUERY_{name}] =\n" + "\n".join(literal(line) for line in lines) + ",\n"
    for name, lines in queries.items()))
