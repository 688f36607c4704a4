#!/usr/bin/env python3
"""tests/bench/peers.py - other programs with the same products: what their reconciling takes.

PouchDB (from npm, into a temporary directory, both sides in memory) and Fossil (Debian's package; a
hundred products a file).  Prints one JSON object a line for report.py: bytes both ways and requests
through the counting proxy, with HTTP's heads.  A peer that cannot be installed is left out with a
line on stderr.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from proxy import Proxy
from workload import Workload

HERE = os.path.dirname(os.path.abspath(__file__))
NPM = ["express@4", "express-pouchdb@4", "pouchdb-core", "pouchdb-adapter-memory",
       "pouchdb-adapter-http", "pouchdb-replication"]
PRODUCTS_PER_FILE = 100


def figure(peer, key, value, unit):
    print(json.dumps({"peer": peer, "key": key, "value": value, "unit": unit}), flush=True)


def measure(peer, proxy, key, action):
    proxy.reset_counts()
    start = time.monotonic()
    action()
    seconds = time.monotonic() - start
    figure(peer, key, proxy.total(), "B")
    figure(peer, key + "_requests", proxy.requests, "requests")
    return seconds


def changes_make(work, products, count):
    """@count products with two new columns each, spread over all."""
    step = len(products) // count
    for i in range(count):
        products[i * step].update(work.change())
        yield i * step


# ---- PouchDB


class Pouch:
    def __init__(self, folder, *args):
        self.process = subprocess.Popen(
            ["node", os.path.join(folder, "peers_pouch.js"), *args], cwd=folder, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.first = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("PouchDB ended")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"PouchDB: {answer['error']}")
        return answer

    def tell(self, do, docs=None):
        self.process.stdin.write(json.dumps({"do": do, "docs": docs}) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def pouch_measure(folder, count):
    work = Workload()
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts",
                    "--loglevel=error", *NPM], cwd=folder, check=True, stdout=sys.stderr)
    shutil.copy(os.path.join(HERE, "peers_pouch.js"), folder)
    products = [dict(work.product("18538"), _id=f"01cv0000{i:018d}") for i in range(count)]
    server = Pouch(folder, "server")
    for i in range(0, count, 10):
        server.tell("put", products[i:i + 10])
    with Proxy(server.first["port"]) as proxy:
        client = Pouch(folder, "client", f"http://127.0.0.1:{proxy.port}/products")
        seconds = measure("PouchDB", proxy, "new_node",
                          lambda: check_count(client.tell("pull"), count))
        figure("PouchDB", "new_node_s", seconds, "s")
        client.tell("sync")
        client.tell("sync")
        measure("PouchDB", proxy, "nothing", lambda: client.tell("sync"))
        server.tell("change", [{"_id": products[77]["_id"], "note": "Đợt 3: Đạt yêu cầu"}])
        measure("PouchDB", proxy, "row_down", lambda: client.tell("sync"))
        changed = list(changes_make(work, products, 100))
        for i in range(0, 100, 5):
            server.tell("change", [products[at] for at in changed[i:i + 5]])
        measure("PouchDB", proxy, "saves_down", lambda: client.tell("sync"))
        client.end()
    server.end()


def check_count(answer, count):
    if answer["count"] != count:
        raise RuntimeError(f"PouchDB holds {answer['count']} of {count}")


# ---- Fossil


class Fossil:
    def __init__(self, folder):
        self.folder = folder
        self.env = dict(os.environ, HOME=folder, USER="bench", FOSSIL_USER="bench")

    def run(self, *args, cwd=None):
        done = subprocess.run(["fossil", *args], cwd=cwd or self.folder, env=self.env, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            why = (done.stderr or done.stdout).strip()[-300:]
            raise RuntimeError(f"fossil {' '.join(args)}: {why}")
        return done.stdout


def fossil_write(folder, products, files):
    for at in files:
        part = products[at * PRODUCTS_PER_FILE:(at + 1) * PRODUCTS_PER_FILE]
        with open(os.path.join(folder, f"products-{at:03d}.csv"), "w", encoding="utf-8") as f:
            for row in part:
                f.write(",".join("" if v is None else str(v) for v in row.values()) + "\n")


def fossil_port(process):
    """`fossil server` names its port when it listens."""
    for line in process.stdout:
        if "port" in line:
            return int("".join(c for c in line.split("port")[1] if c.isdigit()))
    raise RuntimeError("fossil server did not start")


def fossil_measure(folder, count):
    fossil, work = Fossil(folder), Workload()
    master = os.path.join(folder, "master")
    os.mkdir(master)
    products = [dict(work.product("18538"), id=f"01cv0000{i:018d}") for i in range(count)]
    fossil.run("init", "--admin-user", "bench", "master.fossil")
    fossil.run("open", "../master.fossil", cwd=master)
    fossil.run("settings", "autosync", "0", cwd=master)
    for at in range((count + PRODUCTS_PER_FILE - 1) // PRODUCTS_PER_FILE):
        fossil_write(master, products, [at])
        fossil.run("add", f"products-{at:03d}.csv", cwd=master)
        fossil.run("commit", "--no-warnings", "-m", "rows", cwd=master)
    fossil.run("user", "capabilities", "nobody", "gjorzv", "-R", "master.fossil")
    server = subprocess.Popen(["fossil", "server", "--localhost", "master.fossil"], cwd=folder,
                              env=fossil.env, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        with Proxy(fossil_port(server)) as proxy:
            url = f"http://127.0.0.1:{proxy.port}/"
            seconds = measure("Fossil", proxy, "new_node",
                              lambda: fossil.run("clone", url, "clone.fossil"))
            figure("Fossil", "new_node_s", seconds, "s")

            def pull():
                fossil.run("pull", url, "-R", "clone.fossil", "--once")

            pull()
            measure("Fossil", proxy, "nothing", pull)
            products[77]["note"] = "Đợt 3: Đạt yêu cầu"
            fossil_write(master, products, [0])
            fossil.run("commit", "--no-warnings", "-m", "a row", cwd=master)
            measure("Fossil", proxy, "row_down", pull)
            changed = list(changes_make(work, products, 100))
            for i in range(0, 100, 5):
                fossil_write(master, products, {at // PRODUCTS_PER_FILE for at in changed[i:i + 5]})
                fossil.run("commit", "--no-warnings", "-m", "a save", "--allow-empty", cwd=master)
            measure("Fossil", proxy, "saves_down", pull)
    finally:
        server.terminate()
        server.wait()


def main():
    count = max(500, 10000 * int(os.environ.get("BENCH_PERCENT", "100")) // 100)
    failed = 0
    place = os.environ.get("TMPDIR", "build")
    for name, program, run in (("PouchDB", "npm", pouch_measure),
                               ("Fossil", "fossil", fossil_measure)):
        if not shutil.which(program):
            print(f"bench: {program} is not installed: nothing of {name}", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory(prefix="bench-", dir=place) as folder:
            try:
                run(os.path.abspath(folder), count)
            except (RuntimeError, subprocess.CalledProcessError) as e:
                print(f"bench: {name}: {e}", file=sys.stderr)
                failed += 1
    return 1 if failed == 2 else 0


if __name__ == "__main__":
    sys.exit(main())
