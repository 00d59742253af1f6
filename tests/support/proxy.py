"""A TCP proxy in front of brokers whose connections can be stalled and cut."""

import asyncio
import threading

_CHUNK = 1 << 16


class Proxy:
    """One listening port a broker, in a thread of its own. Use as a context manager; `ports` are known at once."""

    def __init__(self, count):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._targets = [None] * count
        self._links = set()
        self._tasks = set()
        self._servers = []
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.octets = 0
        self.connections = 0
        self._thread.start()
        self.ports = [self._do(self._listen(number)) for number in range(count)]

    def lead_to(self, ports):
        """Say where each listening port leads; before, whoever connects is hung up on."""
        self._targets[:] = ports

    @property
    def bootstrap(self):
        """The address that clients are given."""
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def stall(self, seconds):
        """Hold every byte back for so long, both ways; connections stay open."""
        self._do(self._stall(seconds))

    def cut(self, dice, share):
        """Reset so much of the connections, wherever they are in a request; give how many."""
        return self._do(self._cut(dice, share))

    async def _listen(self, number):
        server = await asyncio.start_server(lambda reader, writer: self._serve(number, reader, writer), "127.0.0.1", 0)
        self._servers.append(server)
        return server.sockets[0].getsockname()[1]

    async def _serve(self, number, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            ways = await asyncio.open_connection("127.0.0.1", self._targets[number] or 0)
        except OSError:
            writer.transport.abort()
            self._tasks.discard(task)
            return
        self.connections += 1
        link = (writer.transport, ways[1].transport)
        self._links.add(link)
        try:
            await asyncio.gather(self._pump(reader, ways[1]), self._pump(ways[0], writer))
        except OSError:
            pass
        finally:
            self._links.discard(link)
            for transport in link:
                transport.abort()
            self._tasks.discard(task)

    async def _pump(self, reader, writer):
        while data := await reader.read(_CHUNK):
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
            self.octets += len(data)
        raise ConnectionResetError  # one side is done: so is the other

    async def _stall(self, seconds):
        self._flowing.clear()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._flowing.set()

    async def _cut(self, dice, share):
        links = sorted(self._links, key=id)
        chosen = dice.sample(links, max(1, round(share * len(links)))) if links else []
        for link in chosen:
            for transport in link:
                transport.abort()
        return len(chosen)

    async def _close(self):
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
