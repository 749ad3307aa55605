#!/usr/bin/env python3
"""claude_logs: a tree of Claude Code session logs for measurements; the same bytes every time.

usage: bench/claude_logs.py DIRECTORY [SHARE]

Writes DIRECTORY/projects/... (what CLAUDE_CONFIG_DIR may point to) and DIRECTORY/truth.json: how
many responses and tokens a reader that counts each response once must find. SHARE (1.0) scales the
number of responses.

The shapes are those of sessions of Claude Code 2.1: an API response is repeated on one to three
lines, one for each content block, whose output_tokens grow; tool results come back as user lines,
twice in each; progress and snapshot lines carry nothing to count; sub-agents have their own files;
context grows until it is compacted; a resumed session repeats the lines it goes on from. Long
results are rarer than in life, so that a megabyte holds more calls: that is the harder case.
"""
import json
import math
import pathlib
import random
import sys

SEED = 20261122
RESPONSES = 61_200
SESSIONS = 66
SUBAGENTS = 34
RESUMED = 4  # of the sessions: their first lines repeat another's last ones
RESUMED_LINES = 60
CONTEXT_TOKENS_MAX = 165_000
STARTED = 1_769_500_000  # seconds since the epoch
PROJECTS = ("billing", "checkout", "search", "mobile-app", "infrastructure")
MODELS = (("claude-opus-4-6", 5), ("claude-sonnet-4-5-20250929", 4),
          ("claude-haiku-4-5-20251001", 1))
TOOLS = (("Bash", 42), ("Read", 25), ("Edit", 19), ("Grep", 9), ("Write", 5))
WORDS = """the a of to in is function returns value when request fails because handler expects
index table column price rounded total invoice customer retry timeout connection test passes error
line file module import class method argument config default branch merge commit change remove add
check before after each loop array string number null true false path directory build cache""".split()
MARKS = ("\n", "\n", "\n    ", "\n\n", '"', "\t", "\\", " → ", " – ", "é")


def texts(rng, count, size_median, spread, size_max):
    """Pieces of prose and code as JSON string contents, of log-normal size."""
    pieces = []
    for _ in range(count):
        size = min(size_max, int(size_median * math.exp(rng.gauss(0, spread))))
        words = []
        while size > 0:
            word = rng.choice(WORDS) + (rng.choice(MARKS) if rng.random() < 0.12 else " ")
            words.append(word)
            size -= len(word)
        pieces.append(json.dumps("".join(words), ensure_ascii=False)[1:-1])
    return pieces


class Texts:
    def __init__(self, rng):
        self.prompts = texts(rng, 100, 160, 1.0, 3000)
        self.prose = texts(rng, 400, 110, 0.9, 4000)
        self.thoughts = texts(rng, 300, 260, 0.8, 4000)
        self.results = texts(rng, 700, 540, 1.1, 16000)
        self.edits = texts(rng, 400, 300, 0.9, 6000)
        self.summaries = texts(rng, 20, 9000, 0.3, 16000)
        self.signatures = [f"{rng.getrandbits(1200):0300x}" for _ in range(64)]


def pick(rng, weighted):
    return rng.choices([name for name, _ in weighted], [weight for _, weight in weighted])[0]


def uuid(rng):
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class Session:
    """One file being written: the lines so far, and where the conversation stands."""

    def __init__(self, rng, text, truth, session, agent, project, started):
        self.rng, self.text, self.truth = rng, text, truth
        self.session, self.agent, self.project = session, agent, project
        self.model = pick(rng, MODELS)
        self.version = f"2.1.{rng.randrange(20, 60)}"
        self.time_ms = started * 1000
        self.parent = None
        self.context = rng.randrange(14_000, 26_000)
        self.lines = []

    def add(self, kind, middle, wait_ms):
        """A line with the members every line has; `middle` is JSON members, ending in a comma."""
        self.time_ms += wait_ms
        seconds, ms = divmod(self.time_ms, 1000)
        minutes, second = divmod(seconds, 60)
        hours, minute = divmod(minutes, 60)
        days, hour = divmod(hours, 24)
        day = days - STARTED // 86400  # from 2026-01-27: the tree spans less than two months
        month, day = ((1, 27 + day) if day < 5 else (2, day - 4) if day < 33 else (3, day - 32))
        own = uuid(self.rng)
        parent = f'"{self.parent}"' if self.parent else "null"
        agent = f'"agentId":"{self.agent}",' if self.agent else ""
        self.lines.append(
            f'{{"parentUuid":{parent},"isSidechain":{"true" if self.agent else "false"},'
            f'"userType":"external","cwd":"/srv/projects/{self.project}",'
            f'"sessionId":"{self.session}","version":"{self.version}",'
            f'"gitBranch":"{self.project}-work",{agent}"type":"{kind}",{middle}"uuid":"{own}",'
            f'"timestamp":"2026-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"}}\n')
        self.parent = own

    def prompt(self):
        self.add("user", f'"message":{{"role":"user","content":"{self.rng.choice(self.text.prompts)}"'
                         '},"todos":[],"permissionMode":"default",', 20_000)
        self.lines.append(f'{{"type":"file-history-snapshot","messageId":"{self.parent}","snapshot":'
                          f'{{"messageId":"{self.parent}","trackedFileBackups":{{}}}},'
                          '"isSnapshotUpdate":false}\n')

    def compact(self):
        self.add("system", '"subtype":"compact_boundary","content":"Conversation compacted",'
                           '"isMeta":false,"level":"info","compactMetadata":{"trigger":"auto",'
                           f'"preTokens":{self.context}}},', 1000)
        self.add("user", '"message":{"role":"user","content":"'
                         f'{self.rng.choice(self.text.summaries)}"}},"isCompactSummary":true,', 10)
        self.context = self.rng.randrange(22_000, 30_000)

    def tool_use(self, tool):
        rng, text = self.rng, self.text
        if tool == "Bash" and rng.random() < 0.03:
            given = '"command":"git commit -am \\"mend the rounding of totals\\""'
        elif tool == "Bash":
            given = f'"command":"make test 2>&1 | tail -n {rng.randrange(5, 90)}","description":"Test"'
        elif tool == "Edit":
            path = f'"file_path":"/srv/projects/{self.project}/src/part{rng.randrange(90)}.py"'
            given = (f'{path},"old_string":"{rng.choice(text.prose)}",'
                     f'"new_string":"{rng.choice(text.edits)}"')
        elif tool == "Write":
            given = (f'"file_path":"/srv/projects/{self.project}/notes{rng.randrange(90)}.md",'
                     f'"content":"{rng.choice(text.edits)}{rng.choice(text.edits)}"')
        elif tool == "Grep":
            given = f'"pattern":"{rng.choice(WORDS)}","output_mode":"content"'
        else:
            given = f'"file_path":"/srv/projects/{self.project}/src/part{rng.randrange(90)}.py"'
        use = f"toolu_01{rng.getrandbits(88):022x}"
        commits = given.startswith('"command":"git commit')
        return use, commits, (f'{{"type":"tool_use","id":"{use}","name":"{tool}",'
                              f'"input":{{{given}}},"caller":{{"type":"direct"}}}}')

    def result(self, tool, use, commits):
        rng = self.rng
        failed = rng.random() < 0.04
        if commits:
            told = f"[{self.project}-work {rng.getrandbits(28):07x}] mend the rounding of totals"
        else:
            told = rng.choice(self.text.results)
        twice = told if tool in ("Bash", "Read") else ""
        self.add("user", f'"message":{{"role":"user","content":[{{"tool_use_id":"{use}","type":'
                         f'"tool_result","content":"{told}","is_error":{"true" if failed else "false"}'
                         f'}}]}},"toolUseResult":{{"stdout":"{twice}","stderr":"",'
                         '"interrupted":false,"isImage":false,"noOutputExpected":false},'
                         f'"sourceToolAssistantUUID":"{self.parent}",', rng.randrange(300, 9000))
        return len(told)

    def progress(self):
        self.add("progress", '"data":{"type":"hook_progress","hookEvent":"PostToolUse","hookName":'
                             '"PostToolUse:Edit","command":"bun run ./hooks/dist/on-tool-use.js '
                             '--format --check --quiet"},"parentToolUseID":'
                             f'"{self.parent}","toolUseID":"{self.parent}",', 20)

    def response(self):
        """One API response on its lines, its tool result, and what the truth says about it."""
        rng, text = self.rng, self.text
        lines = rng.choices((1, 2, 3), (45, 35, 20))[0]
        tool = pick(rng, TOOLS) if rng.random() < 0.86 else None
        blocks = []
        if lines == 3:
            blocks.append(f'{{"type":"thinking","thinking":"{rng.choice(text.thoughts)}",'
                          f'"signature":"{rng.choice(text.signatures)}"}}')
        while len(blocks) < lines - (tool is not None):
            blocks.append(f'{{"type":"text","text":"{rng.choice(text.prose)}"}}')
        use = commits = None
        if tool:
            use, commits, block = self.tool_use(tool)
            blocks.append(block)
        written = rng.randrange(120, 2600)
        given = rng.randrange(1, 9)
        output = sum(len(block) for block in blocks) // 4 + 30
        message = f"msg_01{rng.getrandbits(88):022x}"
        request = f"req_011C{rng.getrandbits(80):020x}"
        for i, block in enumerate(blocks):
            now = output if i + 1 == lines else 1 + output * i // (2 * lines)
            self.add("assistant",
                     f'"message":{{"model":"{self.model}","id":"{message}","type":"message","role":'
                     f'"assistant","content":[{block}],"stop_reason":null,"stop_sequence":null,'
                     f'"usage":{{"input_tokens":{given},"cache_creation_input_tokens":{written},'
                     f'"cache_read_input_tokens":{self.context},"cache_creation":'
                     f'{{"ephemeral_5m_input_tokens":{written},"ephemeral_1h_input_tokens":0}},'
                     f'"output_tokens":{now},"service_tier":"standard","inference_geo":"global"}}}},'
                     f'"requestId":"{request}",', rng.randrange(400, 6000))
        truth = self.truth
        truth["responses"] += 1
        truth["assistant_lines"] += lines
        truth["input_tokens"] += given
        truth["cache_write_tokens"] += written
        truth["cache_read_tokens"] += self.context
        truth["output_tokens"] += output
        self.context += written + output
        if tool:
            self.context += self.result(tool, use, commits) // 4
            for _ in range(rng.choices((0, 1, 2), (55, 25, 20))[0]):
                self.progress()
        else:
            self.prompt()
        if self.context > CONTEXT_TOKENS_MAX:
            self.compact()

    def resume(self, other):
        """Begin with what another session said last, under this session's id."""
        for line in other.lines[-RESUMED_LINES:]:
            self.lines.append(line.replace(other.session, self.session))
            self.truth["assistant_lines"] += '"type":"assistant"' in line
        self.parent, self.context, self.model = other.parent, other.context, other.model


def shares(rng, count, total):
    """`total` responses over `count` files, most of them in a few."""
    weights = [math.exp(rng.gauss(0, 0.9)) for _ in range(count)]
    return [max(1, round(total * weight / sum(weights))) for weight in weights]


def write_file(path, session, responses):
    session.prompt()
    for _ in range(responses):
        session.response()
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(session.lines).encode()
    path.write_bytes(data)
    session.truth["files"] += 1
    session.truth["lines"] += len(session.lines)
    session.truth["bytes"] += len(data)


def write_tree(directory, share):
    rng = random.Random(SEED)
    text = Texts(rng)
    truth = dict.fromkeys(("files", "bytes", "lines", "assistant_lines", "responses", "input_tokens",
                           "cache_write_tokens", "cache_read_tokens", "output_tokens"), 0)
    total = int(RESPONSES * share)
    before = None
    places = []
    for i, responses in enumerate(shares(rng, SESSIONS, total * 8 // 10)):
        project = rng.choice(PROJECTS)
        session = Session(rng, text, truth, uuid(rng), None, project, STARTED + i * 50_000)
        if before and i % (SESSIONS // RESUMED) == 0:
            session.project = before.project
            session.resume(before)
        folder = directory / "projects" / f"-srv-projects-{session.project}"
        write_file(folder / f"{session.session}.jsonl", session, responses)
        places.append((folder, session.session, session.project, STARTED + i * 50_000))
        before = session
    for responses in shares(rng, SUBAGENTS, total - truth["responses"]):
        folder, session_id, project, started = rng.choice(places)
        agent = f"a{rng.getrandbits(24):06x}"
        session = Session(rng, text, truth, session_id, agent, project, started)
        write_file(folder / session_id / "subagents" / f"agent-{agent}.jsonl", session, responses)
    (directory / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")
    return truth


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    directory = pathlib.Path(sys.argv[1])
    if (directory / "projects").exists():
        sys.exit(f"claude_logs: {directory}/projects is there already; remove it first")
    share = float(sys.argv[2]) if len(sys.argv) == 3 else 1.0
    print(json.dumps(write_tree(directory, share)))


if __name__ == "__main__":
    main()
