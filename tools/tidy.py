#!/usr/bin/env python3
"""tidy: the rules of the style a machine can check. Prints file:line: what, and what to do instead.

usage: tools/tidy.py [ROOT]

Breaches fail. What needs judgement (sizes, files without a test, few CHECKs) is only listed.
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

LINES_PER_FILE_AIM, LINES_PER_FUNCTION_AIM, COLUMNS_AIM = 400, 70, 100
LISTED_MAX = 5  # of the longest files and functions
BANNED = {
    "strcpy": "struct str", "strcat": "text_add()", "sprintf": "snprintf()", "gets": "fread()",
    "strncpy": "memcpy()", "strtok": "str_cut()", "atoi": "str_to_int64()", "alloca": "the arena",
    "assert": "CHECK()", "time": "a time argument", "rand": "rng_next()",
}
MEMORY = {"malloc", "calloc", "realloc", "free", "strdup"}
SKIPPED = {".git", ".cache", ".deps", ".sdks", ".venv", "demo", "node_modules", "__pycache__"}
DATA = ("fuzz/corpus/", "test/golden/", "test/data/")  # as the outside world wrote it
TEXT = {".c", ".h", ".cc", ".def", ".py", ".md", ".sh", ".build", ".txt", ".yaml", ".sql", ".mjs",
        ".html", ".css", ""}
PLACES = re.compile(r"(?<![\w.~$}])/(?:work/|root/|home/[a-z])")
REGISTRY = re.compile(r"https?://[\w.-]*(?:npm|yarn|pypi|crates|maven|golang|deb\.)[\w.-]*")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLANKED = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
errors = []


def error(path, line, text):
    errors.append(f"{path.relative_to(root)}:{line}: {text}")


def blank(match):
    """Comments and strings without what is in them, lines kept."""
    text = match[0]
    return text[0] + re.sub(r"[^\n]", " ", text[1:-1]) + text[-1] if text[0] in "\"'" else \
        re.sub(r"[^\n]", " ", text)


def read_layers():
    layers = {}
    path = root / "src/LAYERS"
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line and not line.startswith("#"):
            folder, _, allowed = line.partition(":")
            for name in allowed.split():
                if name not in layers:
                    error(path, number, f"{folder} may include {name}, which is not below it")
            layers[folder] = set(allowed.split()) | {folder}
    return layers


def all_files():
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders
                            if name not in SKIPPED and not name.startswith("build"))
        for name in sorted(set(names) - SKIPPED):
            yield pathlib.Path(folder, name)


def check_text(path, text):
    """What holds for every text file."""
    name = str(path.relative_to(root))
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            error(path, number, "white space at the end of the line")
        if "\t" in line and path.name != "Makefile":
            error(path, number, "a tab; use spaces")
        if not name.startswith(DATA) and PLACES.search(line):
            error(path, number, "a path of one machine; use a relative path or a variable")
        if re.match(r"(?:<{7}|>{7}) ", line):
            error(path, number, "a merge that was not finished")
        if REGISTRY.search(line):
            error(path, number, "the host of a package registry; name the package only")
    if text and not text.endswith("\n"):
        error(path, text.count("\n") + 1, "no newline at the end of the file")


def check_c(path, code, layers):
    """Rules on C, over `code` without comments and strings. Returns its functions' sizes."""
    parts = path.relative_to(root).parts
    folder = parts[1] if parts[0] == "src" and len(parts) > 2 else None
    if folder is not None and folder not in layers:
        error(path, 1, f"src/LAYERS has no line for {folder}")
        folder = None
    guards = 0
    sizes, start = [], None
    for number, line in enumerate(code.split("\n"), 1):
        for name in re.findall(r"\b(\w+)\s*\(", line):
            if name in BANNED:
                error(path, number, f"{name}() is banned; use {BANNED[name]}")
            if folder not in (None, "base") and name in MEMORY:
                error(path, number, f"{name}() outside base/; use an arena")
        if match := re.match(r"\s*goto\s+(\w+)", line):
            if match[1] not in ("done", "fail"):
                error(path, number, f"goto {match[1]}; labels are done and fail")
        if folder not in (None, "base") and re.match(r"\s*#\s*if", line):
            guards += 1
            if guards > (path.suffix == ".h"):
                error(path, number, "#if outside base/")
        if folder is not None and re.match(r"typedef\b(?!.*\()", line):
            error(path, number, "typedef of something that is not a function")
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            sizes.append((number - start - 1, f"{path.relative_to(root)}:{start - 1}"))
            start = None
    return sizes


def check_includes(path, text, layers):
    folder = path.relative_to(root / "src").parts[0]
    for number, line in enumerate(text.split("\n"), 1):
        if match := re.match(r'\s*#\s*include "([^"/]+)/', line):
            if folder in layers and match[1] not in layers[folder]:
                error(path, number, f"{folder}/ may not include {match[1]}/ (src/LAYERS)")
        elif match := re.match(r'\s*#\s*include "([^"]+)"', line):
            error(path, number, f'write the folder: "{folder}/{match[1]}"')
    if path.suffix == ".h":
        guard = "_".join(path.relative_to(root / "src").parts).upper().replace(".", "_")
        if f"#ifndef {guard}\n#define {guard}\n" not in text:
            error(path, 1, f"the include guard is not {guard}")
        if not text.startswith("/*"):
            error(path, 1, "a header begins with a comment that says what the module is")


def check_notes(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if re.search(r"\b(?:TODO|FIXME|XXX|HACK)\b", line):
            error(path, number, "unfinished work; finish it or file it")


def prose(text):
    """Markdown without what is shown as code, lines kept."""
    return re.sub(r"```.*?```|`[^`\n]*`", lambda match: re.sub(r"[^\n]", "", match[0]), text,
                  flags=re.S)


def anchors(text):
    """What the headings of a page can be linked by."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.S), re.M):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", words).replace(" ", "-"))
    return found


def links_of(path, text):
    """The files and folders a page links to; an error for each that is not there."""
    found = set()
    for number, line in enumerate(prose(text).split("\n"), 1):
        for link in LINK.findall(line):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            if not target.exists():
                error(path, number, f"a link to {name}, which is not there")
                continue
            found.add(target)
            if anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
                error(path, number, f"a link to #{anchor}, which no heading of {target.name} has")
    return found


def check_links(pages):
    """Links lead somewhere, and from docs/README.md every page of docs/ can be reached."""
    links = {path: links_of(path, text) for path, text in pages.items()}
    reached, next_ones = set(), {root / "docs/README.md"}
    while next_ones:
        page = next_ones.pop()
        reached.add(page)
        within = set(page.glob("*.md")) if page.is_dir() else links.get(page, set())
        next_ones |= within - reached
    for path in sorted(pages):
        if path.is_relative_to(root / "docs") and path not in reached:
            error(path, 1, "no page that docs/README.md leads to has a link to this one")


def compile_headers(headers):
    """Each header alone, in two compiler runs side by side.

    A file that a header includes and the build generates is stood in for by an empty one.
    """
    generated = {name for header in headers
                 for name in re.findall(r'#\s*include "([^"]+)"', header.read_text())
                 if not (root / "src" / name).exists()}
    with tempfile.TemporaryDirectory() as stand_ins:
        for name in generated:
            path = pathlib.Path(stand_ins, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        compile_all(headers, stand_ins)


def compile_all(headers, stand_ins):
    flags = shlex.split(subprocess.run(["pkg-config", "--cflags", "libxxhash", "yaml-0.1", "sqlite3"],
                                       capture_output=True, text=True, check=False).stdout)
    command = ["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra",
               "-I", root / "src", "-I", stand_ins, *flags]
    duckdb = os.environ.get("DUCKDB_DIR", root / ".deps/duckdb-1.4.4")
    command += ["-isystem", duckdb, "-x", "c"]
    runs = [subprocess.Popen([*command, *part], stderr=subprocess.PIPE, text=True)
            for part in (headers[0::2], headers[1::2]) if part]
    for run in runs:
        _, output = run.communicate()
        if run.returncode != 0:
            errors.append(f"a header does not compile alone:\n{output}")


def listed(title, rows):
    if rows:
        print(f"{title}\n" + "\n".join(f"  {row}" for row in rows))


def main():
    layers = read_layers()
    files, functions, untested, headers, wide = [], [], [], [], []
    checks, definitions, pages = {}, {}, {}
    for path in all_files():
        if path.suffix not in TEXT or path.is_symlink():
            continue
        name = str(path.relative_to(root))
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            if not name.startswith(DATA):
                error(path, 1, "not UTF-8")
            continue
        if name.startswith(DATA):
            continue
        check_text(path, text)
        if path.suffix == ".md":
            pages[path] = text
        if path.suffix not in (".c", ".h", ".cc"):
            continue
        check_notes(path, text)
        code = BLANKED.sub(blank, text)
        sizes = check_c(path, code, layers)
        if not name.startswith("src/"):
            continue
        check_includes(path, text, layers)
        files.append((text.count("\n"), name))
        functions += sizes
        wide += [f"{name}:{number}" for number, line in enumerate(text.split("\n"), 1)
                 if len(line) > COLUMNS_AIM]
        if path.suffix == ".h":
            headers.append(path)
            continue
        folder = path.relative_to(root / "src").parts[0]
        checks[folder] = checks.get(folder, 0) + len(re.findall(r"\bCHECK\(", code))
        definitions[folder] = definitions.get(folder, 0) + len(sizes)
        test = root / "test/unit" / folder / f"test_{path.stem}.c"
        if folder != "app" and not test.exists():
            untested.append(name)
    check_links(pages)
    compile_headers(headers)

    listed("longest files (aim: under 400 lines)",
           [f"{size:5} {name}" for size, name in sorted(files, reverse=True)[:LISTED_MAX]
            if size > LINES_PER_FILE_AIM])
    listed("longest functions (aim: under 70 lines)",
           [f"{size:5} {name}" for size, name in sorted(functions, reverse=True)[:LISTED_MAX]
            if size > LINES_PER_FUNCTION_AIM])
    listed("lines over 100 columns", wide)
    listed("files without a test of their name in test/unit", untested)
    listed("CHECKs per function (aim: 1)",
           [f"{checks[folder] / max(definitions[folder], 1):5.2f} src/{folder}"
            for folder in sorted(definitions)])
    print("\n".join(errors) or "tidy")
    return bool(errors)


if __name__ == "__main__":
    sys.exit(main())
