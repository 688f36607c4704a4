#!/usr/bin/env python3
"""tests/process/proxy.py - a link that dies: forwards TCP and cuts every connection after so many bytes.

usage: proxy.py TARGET-PORT CUT-BYTES COUNTS-FILE

Prints its own port.  CUT-BYTES (0: never) counts both directions of one connection together; the connection is then
reset on both sides, with what was not yet forwarded lost.  COUNTS-FILE is kept up to date: bytes from the client, bytes
to the client, connections, cuts.
"""
import asyncio
import os
import socket
import struct
import sys

target, cut_after, counts_file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
counts = {"up": 0, "down": 0, "connections": 0, "cuts": 0}


def counts_write():
    with open(counts_file + ".new", "w", encoding="ascii") as f:
        f.write(" ".join(str(counts[k]) for k in ("up", "down", "connections", "cuts")) + "\n")
    os.replace(counts_file + ".new", counts_file)  # whoever reads finds the whole of one or the other


def reset(writer):
    sock = writer.get_extra_info("socket")
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    writer.close()


async def on_client(reader, writer):
    counts["connections"] += 1
    try:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
    except OSError:
        reset(writer)
        return
    left = [cut_after if cut_after else 1 << 62]
    is_cut = asyncio.Event()

    async def pump(source, sink, name):
        try:
            while left[0] > 0:
                data = await source.read(min(65536, left[0]))
                if not data:
                    break
                left[0] -= len(data)
                counts[name] += len(data)
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        if left[0] <= 0:
            await asyncio.sleep(0.005)    # let what was forwarded arrive
            is_cut.set()
        elif not sink.is_closing():
            try:
                sink.write_eof()
            except OSError:
                pass

    pumps = [asyncio.create_task(pump(reader, far_writer, "up")),
             asyncio.create_task(pump(far_reader, writer, "down"))]
    done = asyncio.gather(*pumps)
    cut = asyncio.create_task(is_cut.wait())
    await asyncio.wait([done, cut], return_when=asyncio.FIRST_COMPLETED)
    if is_cut.is_set():
        counts["cuts"] += 1
        for p in pumps:
            p.cancel()
        reset(writer)
        reset(far_writer)
    else:
        cut.cancel()
        writer.close()
        far_writer.close()
    counts_write()
    try:
        await done
    except asyncio.CancelledError:
        pass


async def main():
    counts_write()
    server = await asyncio.start_server(on_client, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()

asyncio.run(main())
