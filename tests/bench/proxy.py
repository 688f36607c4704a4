"""tests/bench/proxy.py - a TCP proxy on loopback that counts bytes and HTTP requests, and may cut.

    with Proxy(port) as proxy: ... proxy.port, proxy.up, proxy.down, proxy.requests

A request is what ends a line with HTTP/1.0 or 1.1 on the way up.  With cut_bytes every connection
is reset after that many bytes, both ways together; what was not yet forwarded is lost.
"""
import selectors
import socket
import struct
import threading

MARKS = (b" HTTP/1.1\r\n", b" HTTP/1.0\r\n")
KEEP = max(len(m) for m in MARKS) - 1


class Pair:
    """One connection: its two sockets, and how many bytes it still carries."""

    def __init__(self, near, far, left):
        self.near, self.far, self.left = near, far, left
        self.tail = b""


class Proxy:
    def __init__(self, target_port, cut_bytes=0):
        self.target_port, self.cut_bytes = target_port, cut_bytes
        self.reset_counts()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.threads = []
        self.is_closed = False
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_closed = True
        self.listener.close()

    def reset_counts(self):
        self.up = self.down = self.requests = self.connections = self.cuts = 0

    def total(self):
        return self.up + self.down

    def accept(self):
        while not self.is_closed:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target_port))
            except OSError:
                continue
            self.connections += 1
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = Pair(near, far, self.cut_bytes or 1 << 62)
            threading.Thread(target=self.pump, args=(pair,), daemon=True).start()

    def pump(self, pair):
        """Both ways of one connection; blocking writes are enough on loopback."""
        sel = selectors.DefaultSelector()
        sel.register(pair.near, selectors.EVENT_READ, True)
        sel.register(pair.far, selectors.EVENT_READ, False)
        opened = 2
        try:
            while opened and pair.left > 0:
                for key, _ in sel.select():
                    if pair.left <= 0:
                        break
                    data = key.fileobj.recv(min(65536, pair.left))
                    sink = pair.far if key.data else pair.near
                    if not data:
                        sel.unregister(key.fileobj)
                        opened -= 1
                        sink.shutdown(socket.SHUT_WR)
                        continue
                    pair.left -= len(data)
                    self.count(pair, data, key.data)
                    sink.sendall(data)
        except OSError:
            pass
        if pair.left <= 0:
            self.cuts += 1
            threading.Event().wait(0.005)   # let what was forwarded arrive
            for sock in (pair.near, pair.far):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        pair.near.close()
        pair.far.close()
        sel.close()

    def count(self, pair, data, is_up):
        if not is_up:
            self.down += len(data)
            return
        self.up += len(data)
        seen = pair.tail + data
        self.requests += sum(seen.count(mark) for mark in MARKS)
        pair.tail = seen[-KEEP:]
