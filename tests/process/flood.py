#!/usr/bin/env python3
"""flood.py - the rudest clients a listener can have.

usage: flood.py SYNC-PORT OFFICE-PORT ORIGIN SECONDS

ORIGIN: of the node that listens, in hex.  From other loopback addresses than 127.0.0.1, so that those who ask from
there are not counted among the rude.  Prints what it did, as NAME=COUNT words, when the time is over.
"""
import os
import random
import socket
import sys
import threading
import time

SYNC, OFFICE, ORIGIN, SECONDS = int(sys.argv[1]), int(sys.argv[2]), bytes.fromhex(sys.argv[3]), float(sys.argv[4])
END = time.monotonic() + SECONDS
counts = {}
lock = threading.Lock()


def count(name):
    with lock:
        counts[name] = counts.get(name, 0) + 1


def connect(port, address):
    s = socket.socket()
    s.settimeout(2)
    s.bind((address, 0))
    s.connect(("127.0.0.1", port))
    return s


def head(port, path, length):
    return (f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {length}\r\n\r\n").encode()


def hold(port, address, text, many):
    """As many connections as there are places, each with a beginning of something."""
    held = []
    while time.monotonic() < END:
        try:
            s = connect(port, address)
            s.send(text)
            held.append(s)
            count("held")
        except OSError:
            count("refused")
            time.sleep(0.02)
        if len(held) >= many:
            held.pop(0).close()
        time.sleep(0.001)
    for s in held:
        s.close()


def ask(port, address, path, body, announced=None):
    """Requests one after the other; *body* makes each."""
    while time.monotonic() < END:
        try:
            s = connect(port, address)
            b = body()
            s.sendall(head(port, path, announced or len(b)) + b)
            answer = s.recv(64).split(b" ")
            count(path.rsplit("/", 1)[-1] + "_" + (answer[1].decode() if len(answer) > 1 else "cut"))
            s.close()
        except OSError:
            count("cut")
            time.sleep(0.01)


def wrong_mac():
    """A round that says it comes from the node itself, or from nobody, with some mac and much after it."""
    message = bytes([0x11, 46]) + random.choice([ORIGIN, os.urandom(8)]) + ORIGIN[:4] + os.urandom(34)
    return message + os.urandom(16) + bytes(500000)


def never_ends():
    return wrong_mac()[:66]


def main():
    jobs = [
        (hold, SYNC, "127.0.0.2", b"", 300),
        (hold, SYNC, "127.0.0.3", b"POST /sync/v1/round HTTP/1.1\r\nHost: a\r\nX: ", 300),
        (hold, SYNC, "127.0.0.4", head(SYNC, "/sync/v1/round", 1000000) + b"\x11", 300),
        (hold, SYNC, "127.0.0.5", head(SYNC, "/sync/v1/wait", 100), 300),
        (hold, SYNC, "127.0.0.6", head(SYNC, "/sync/v1/join", 8000) + bytes(4000), 300),
        (hold, OFFICE, "127.0.0.7", head(OFFICE, "/api/v1/save", 8000000) + bytes(1000), 300),
        (ask, SYNC, "127.0.0.8", "/sync/v1/round", wrong_mac),
        (ask, SYNC, "127.0.0.9", "/sync/v1/round", lambda: os.urandom(1000000)),
        (ask, SYNC, "127.0.0.10", "/sync/v1/round", never_ends, 1000000),
        (ask, SYNC, "127.0.0.11", "/sync/v1/join", lambda: os.urandom(random.choice([10, 8192]))),
        (ask, SYNC, "127.0.0.12", "/sync/v1/join", lambda: b"x", 1 << 40),
        (ask, SYNC, "127.0.0.13", "/sync/v1/state", lambda: os.urandom(102)),
        (ask, SYNC, "127.0.0.14", "/sync/v1/wait", lambda: b"\x13\x24" + os.urandom(52)),
        (ask, OFFICE, "127.0.0.15", "/api/v1/save", lambda: b"[" * 1000000),
    ]
    threads = [threading.Thread(target=job[0], args=job[1:], daemon=True) for job in jobs]
    for t in threads:
        t.start()
    for t in threads:
        t.join(max(0.1, END + 5 - time.monotonic()))
    print(" ".join(f"{name}={n}" for name, n in sorted(counts.items())))


main()
