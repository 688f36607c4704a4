#!/usr/bin/env python3
"""tests/process/tls_link.py - what can stand between two nodes, or in the place of one.

usage: tls_link.py garble TARGET-PORT OFFSET FILE     forwards TCP; of what each connection brings back it changes the
                                                      byte at OFFSET
       tls_link.py stranger CERT KEY FILE             a TLS server with another key
       tls_link.py sink FILE HELLO                    a plain HTTP server that says HELLO to whoever asks who it is

Prints its own port.  FILE: garble: connections and changed bytes; stranger: connections and plain bytes that came;
sink: the body of the last POST.
"""
import asyncio
import os
import ssl
import sys

mode, args = sys.argv[1], sys.argv[2:]
counts = [0, 0]


def counts_write(name):
    with open(name + ".new", "w", encoding="ascii") as f:
        f.write(f"{counts[0]} {counts[1]}\n")
    os.replace(name + ".new", name)  # whoever reads finds the whole of one or the other


async def garble(reader, writer):
    target, offset, name = int(args[0]), int(args[1]), args[2]
    counts[0] += 1
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)

    async def pump(source, sink, is_back):
        at = 0
        try:
            while data := bytearray(await source.read(65536)):
                if is_back and at <= offset < at + len(data):
                    data[offset - at] ^= 0x10
                    counts[1] += 1
                at += len(data)
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        counts_write(name)
        sink.close()

    await asyncio.gather(pump(reader, far_writer, False), pump(far_reader, writer, True))


async def stranger(reader, writer):
    counts[0] += 1
    try:
        while data := await reader.read(65536):
            counts[1] += len(data)
    except OSError:
        pass
    counts_write(args[2])
    writer.close()


async def sink(reader, writer):
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = [int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length:")]
            body = await reader.readexactly(length[0]) if length else b""
            answer, status = args[1].encode(), b"200 OK"
            if head.startswith(b"POST"):
                with open(args[0], "wb") as f:
                    f.write(body)
                answer, status = b"enough", b"503 Later"
            writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(answer), answer))
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    writer.close()


async def main():
    context = None
    if mode == "stranger":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args[0], args[1])
        counts_write(args[2])
    elif mode == "garble":
        counts_write(args[2])
    asyncio.get_running_loop().set_exception_handler(lambda loop, what: None)
    server = await asyncio.start_server({"garble": garble, "stranger": stranger, "sink": sink}[mode], "127.0.0.1", 0,
                                        ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()

asyncio.run(main())
