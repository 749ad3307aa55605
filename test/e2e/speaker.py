"""A provider on loopback that answers what a test hands it, in the pieces it says, packed or not,
and breaks off where it says. For tests of what is kept of answers."""
import gzip
import http.server
import json
import threading


class Speaker:
    """`say()` tells what the next answers are; `log` has the requests' bodies as they came."""

    def __init__(self):
        self.log, self.script, self.url = [], None, None
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):  # pylint: disable=invalid-name
                owner.log.append(self.rfile.read(int(self.headers["Content-Length"])))
                owner.answer(self)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def say(self, *pieces, kind="application/json", status=200, packed=False, cut=False, gate=None):
        """gate: waited for before the last piece."""
        self.script = (list(pieces), kind, status, packed, cut, gate)

    def say_events(self, events, step=0, done=True, **options):
        """Server-sent events; cut into pieces of `step` bytes, wherever that falls."""
        text = b"".join((f"event: {event['type']}\n" if "type" in event else "").encode() +
                        b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
        text += b"data: [DONE]\n\n" if done else b""
        pieces = [text[at:at + step] for at in range(0, len(text), step)] if step else [text]
        self.say(*pieces, kind="text/event-stream", **options)

    def answer(self, handler):
        pieces, kind, status, packed, cut, gate = self.script
        if packed:
            pieces = [gzip.compress(b"".join(pieces))]
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        if packed:
            handler.send_header("Content-Encoding", "gzip")
        if kind.startswith("application/json") and not cut:
            handler.send_header("Content-Length", str(sum(map(len, pieces))))
            handler.end_headers()
            handler.wfile.write(b"".join(pieces))
            return
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for number, piece in enumerate(pieces):
            if gate is not None and number == len(pieces) - 1:
                gate.wait(30)
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            handler.wfile.flush()
        if cut:
            handler.close_connection = True
            handler.connection.shutdown(2)
            return
        handler.wfile.write(b"0\r\n\r\n")
