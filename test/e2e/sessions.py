"""Small coding-agent session logs, made up here."""
import json

USAGE = {"input_tokens": 3, "cache_creation_input_tokens": 1000, "cache_read_input_tokens": 20000,
         "output_tokens": 50}
MODEL = "claude-sonnet-4-5-20250929"


def stamp(seconds, day="2026-03-02"):
    return f"{day}T{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.000Z"


def common(session, number, seconds):
    return {"sessionId": session, "uuid": f"{session}-{number}", "timestamp": stamp(seconds),
            "version": "2.1.0", "cwd": "/srv/app", "gitBranch": "main", "isSidechain": False}


def call(session, number, usage=None, model=MODEL, seconds=None, **more):
    """An assistant line: one model call with a tool use."""
    seconds = number if seconds is None else seconds
    message = {"id": f"msg_{session}_{number}", "type": "message", "role": "assistant",
               "model": model, "usage": {**USAGE, **(usage or {})},
               "content": [{"type": "tool_use", "id": f"toolu_{session}_{number}", "name": "Bash",
                            "input": {"command": "ls"}}]}
    return {**common(session, number, seconds), "type": "assistant",
            "requestId": f"req_{session}_{number}", "message": message, **more}


def result(session, number, error=False, seconds=None):
    """The user line that answers it."""
    seconds = number if seconds is None else seconds
    content = [{"type": "tool_result", "tool_use_id": f"toolu_{session}_{number}",
                "content": "a.txt", "is_error": error}]
    return {**common(session, f"{number}r", seconds + 1), "type": "user",
            "message": {"role": "user", "content": content}}


def session(name, calls, first=0):
    """The lines of a session of that many calls."""
    lines = []
    for number in range(first, first + calls):
        lines += [call(name, number), result(name, number)]
    return lines


def text(lines):
    """Lines as JSONL; a str or bytes stands for itself."""
    out = b""
    for line in lines:
        raw = line if isinstance(line, bytes) else \
            (line if isinstance(line, str) else json.dumps(line)).encode()
        out += raw + b"\n"
    return out


def write(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text(lines))
    return path


def write_tree(folder, files, calls):
    """A tree of many sessions, quickly. Returns its calls."""
    for number in range(files):
        name = f"session-{number:05}"
        template = text(session(name, 1)).decode()
        template = template.replace(f"{name}_0", f"{name}_@").replace(f"{name}-0", f"{name}-@")
        lines = [template.replace("@", str(i)) for i in range(calls)]
        path = folder / f"project-{number % 7}" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines))
    return files * calls
