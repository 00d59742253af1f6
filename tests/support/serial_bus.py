"""A serial line of a pseudo-terminal with several meters on it, which can hang, vanish and come back."""

import asyncio
import os
import termios
import tty

_SPEEDS = {getattr(termios, f"B{baud}"): baud for baud in (300, 4800, 9600, 19200)}


class SerialBus:
    """Everything that is sent reaches every meter; `path` leads to the near end, whatever its present name."""

    def __init__(self, path, *meters, echo=False):
        """`meters` take octets and return their answer (`Server.receive`)."""
        self.path, self.meters, self.echo = path, meters, echo
        self.heard = bytearray()
        self._far = self._near = None
        self._joined = []

    def plug_in(self):
        """Make a new pseudo-terminal and let the path lead to it."""
        self._far, self._near = os.openpty()
        tty.setraw(self._near)
        os.set_blocking(self._far, False)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._near))
        self.listen()

    def listen(self):
        asyncio.get_running_loop().add_reader(self._far, self._carry)

    async def join(self, host, port):
        """Put a meter on the line that is served at a TCP port."""
        reader, writer = await asyncio.open_connection(host, port)
        self.meters = (*self.meters, writer.write)

        async def carry():
            while data := await reader.read(4096):
                await self.say(data)

        self._joined.append((asyncio.create_task(carry()), writer))

    def hang(self):
        """Take no octet any more."""
        asyncio.get_running_loop().remove_reader(self._far)

    def unplug(self):
        """Let the port vanish, as an adapter that is pulled out."""
        for task, writer in self._joined:
            task.cancel()
            writer.close()
        self._joined.clear()
        if self._far is None:
            return
        self.hang()
        self.path.unlink(missing_ok=True)
        os.close(self._near)
        os.close(self._far)
        self._far = self._near = None

    @property
    def baud(self):
        """The speed that the near end is set to."""
        return {getattr(termios, f"B{baud}"): baud for baud in (300, 4800, 9600, 19200)}[
            termios.tcgetattr(self._far)[5]
        ]

    async def say(self, octets):
        """Put octets on the line, as fast as they are taken."""
        while octets:
            try:
                octets = octets[os.write(self._far, octets) :]
            except BlockingIOError:
                await asyncio.sleep(0.001)

    def _carry(self):
        try:
            data = os.read(self._far, 4096)
        except OSError:
            return
        self.heard += data
        if self.echo:
            os.write(self._far, data)
        for meter in self.meters:
            answer = meter(data)
            if answer:
                os.write(self._far, answer)
