"""Many clients of the gateway at once, on one thread: connections that stay, answers read whole, and
ways to leave early. For tests."""
import asyncio
import json
import threading


class Answer:
    def __init__(self, status, fields, body, whole):
        self.status, self.fields, self.body, self.whole = status, fields, body, whole

    @property
    def message(self):
        return json.loads(self.body)["error"]["message"]


def body_of(wish, model="gpt-4.1", api="chat", size=0, **more):
    """A request that tells upstream.py what to answer, as bytes; padded to `size` bytes."""
    request = {"model": model, **more,
               "input" if api == "responses" else "messages":
               [{"role": "user", "content": json.dumps(wish)}]}
    data = json.dumps(request).encode()
    assert not size or len(data) <= size, len(data)
    return data + b" " * max(0, size - len(data))


def head_of(path, data, fields=()):
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json",
             f"Content-Length: {len(data)}", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


class Client:
    """One connection, made when it is needed."""

    def __init__(self, port):
        self.port, self.reader, self.writer = port, None, None

    async def connect(self):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port,
                                                                     limit=1 << 24)

    async def send(self, path, data, fields=()):
        await self.connect()
        self.writer.write(head_of(path, data, fields))
        await self.writer.drain()

    async def head(self):
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = text.split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in
                  (line.partition(":") for line in lines[1:] if line)}
        return int(lines[0].split(" ")[1]), fields

    async def chunk(self):
        """The next chunk of a streamed body; empty: the last one was."""
        size = int(await self.reader.readline(), 16)
        data = await self.reader.readexactly(size + 2)
        return data[:-2]

    async def answer(self):
        status, fields = await self.head()
        if fields.get("transfer-encoding") == "chunked":
            pieces = []
            while piece := await self.chunk():
                pieces.append(piece)
            body = b"".join(pieces)
        else:
            body = await self.reader.readexactly(int(fields.get("content-length", 0)))
        return Answer(status, fields, body, True)

    async def ask(self, path, data, fields=()):
        await self.send(path, data, fields)
        return await self.answer()

    def close(self, reset=False):
        if self.writer is not None:
            self.writer.transport.abort() if reset else self.writer.close()
        self.reader = self.writer = None


class Crowd:
    """Clients on a thread of their own."""

    def __init__(self, port, count):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.clients = [Client(port) for _ in range(count)]

    def run(self, coroutine, timeout=150):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    def stop(self):
        async def close():
            for client in self.clients:
                client.close(reset=True)
        self.run(close())
        self.loop.call_soon_threadsafe(self.loop.stop)
