#!/usr/bin/env python3
"""tests/bench/daemon.py - figures of the real program: size, memory, wake-ups, bytes on the wire.

usage: daemon.py OCOP

A master with 10,000 products serves; a node of one commune joins and reconciles through a counting
proxy.  Prints one JSON object a line for report.py.  BENCH_PERCENT scales the rows.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

from proxy import Proxy
from workload import DATA, Workload

COMMUNE = "18538"
UNITS = os.path.join(DATA, "units-2018.csv")
IDLE_SECONDS = 10
JOIN_TRIES = 20
SAVE_ROWS = 10


def figure(key, value, unit, note=""):
    line = {"key": key, "variant": "", "unit": unit, "ours": value, "note": note}
    print(json.dumps(line), flush=True)


class Node:
    def __init__(self, program, directory):
        self.program, self.directory, self.daemon = program, directory, None

    def run(self, *args, stdin=None):
        done = subprocess.run([self.program, "--data", self.directory, *args], input=stdin,
                              text=True, capture_output=True)
        if done.returncode != 0:
            why = done.stderr.strip()[-300:]
            raise RuntimeError(f"ocop {' '.join(args)}: {done.returncode}: {why}")
        return done.stdout

    def serve(self):
        log = open(self.directory + ".log", "a", encoding="utf-8")
        self.daemon = subprocess.Popen(
            [self.program, "--data", self.directory, "serve", "--sync", "127.0.0.1:0", "--office",
             "127.0.0.1:0", "--insecure-loopback"], stdout=subprocess.PIPE, stderr=log, text=True)
        log.close()
        while True:
            line = self.daemon.stdout.readline()
            if not line:
                raise RuntimeError(f"the daemon of {self.directory} did not start")
            if line.startswith("ready sync"):
                self.port = int(line.rsplit(":", 1)[1])
            if line.startswith("ready office"):
                return

    def stop(self):
        if self.daemon:
            self.daemon.send_signal(signal.SIGTERM)
            self.daemon.wait()
            self.daemon = None

    def apply(self, saves):
        """Saves of [(key or "new", columns)]; the keys."""
        lines = [json.dumps({"unit": COMMUNE, "changes": [
            {"table": "product", "key": key, "set": columns} for key, columns in save]},
            ensure_ascii=False) for save in saves]
        out = self.run("--json", "apply", "-", stdin="\n".join(lines) + "\n")
        return [key for save in json.loads(out) for key in save["keys"]]

    def sync(self):
        """With the parent that it joined."""
        return json.loads(self.run("sync", "--json"))


def process_status(pid, field):
    """A number of /proc/PID/status, summed over threads for the context switches."""
    total = 0
    folders = [f"/proc/{pid}"]
    if "ctxt" in field:
        folders = [f"/proc/{pid}/task/{t}" for t in os.listdir(f"/proc/{pid}/task")]
    for folder in folders:
        with open(folder + "/status", encoding="ascii", errors="replace") as f:
            total += sum(int(line.split()[1]) for line in f if line.startswith(field + ":"))
    return total


def idle_measure(node, key_rss, key_wakeups, note):
    time.sleep(2)
    before = process_status(node.daemon.pid, "voluntary_ctxt_switches")
    time.sleep(IDLE_SECONDS)
    after = process_status(node.daemon.pid, "voluntary_ctxt_switches")
    figure(key_wakeups, after - before, "",
           f"voluntary context switches in {IDLE_SECONDS} s; {note}")
    figure(key_rss, process_status(node.daemon.pid, "VmRSS") * 1024, "B",
           f"private {process_status(node.daemon.pid, 'RssAnon') * 1024} B; {note}")


def wire_print(proxy, key, note=""):
    figure(key, proxy.total(), "B", f"{proxy.up} up, {proxy.down} down; {note}")
    figure(key + "_requests", proxy.requests, "requests", note)


def sync_measure(node, proxy, key, note=""):
    proxy.reset_counts()
    result = node.sync()
    if not result.get("equal"):
        raise RuntimeError(f"{key}: not equal: {result}")
    wire_print(proxy, key, note)


def join(master, program, directory, port):
    """A new node and the seconds it took: joining brings all there is.  A cut is tried again."""
    node = Node(program, directory)
    invitation = directory + ".invitation"
    master.run("invite", "--unit", COMMUNE, "--out", invitation)
    start = time.monotonic()
    for left in range(JOIN_TRIES, 0, -1):
        try:
            node.run("join", invitation, "--parent", f"http://127.0.0.1:{port}")
            break
        except RuntimeError:
            if left == 1:
                raise
    return node, time.monotonic() - start


def rows_count(node):
    return len(json.loads(node.run("list", "product", "--limit", "20000", "--json")))


def binary_measure(program, directory):
    stripped = os.path.join(directory, "stripped")
    subprocess.run(["strip", "-o", stripped, program], check=True)
    figure("binary", os.path.getsize(stripped), "B", "stripped")


def small_measure(master, child, proxy, keys, work):
    sync_measure(child, proxy, "real_nothing")
    master.apply([[(keys[77], {"note": "Đợt 3: Đạt yêu cầu"})]])
    sync_measure(child, proxy, "real_row")
    master.apply([[(keys[(i * 5 + j) * 2 % len(keys)], work.change()) for j in range(5)]
                  for i in range(20)])
    sync_measure(child, proxy, "real_saves")


def cuts_measure(program, folder):
    """2,000 rows: a good link, and one that dies every 4 KB."""
    master = Node(program, os.path.join(folder, "cut-master"))
    work = Workload(1)
    master.run("init", "--unit", "42", "--units", UNITS)
    master.serve()
    master.apply([[("new", work.product(COMMUNE)) for _ in range(SAVE_ROWS)] for _ in range(200)])
    totals = []
    for cut in (0, 4096):
        with Proxy(master.port, cut) as proxy:
            node, _ = join(master, program, os.path.join(folder, f"cut-{cut}"), proxy.port)
            for _ in range(JOIN_TRIES):
                try:
                    if node.sync().get("equal") and rows_count(node) == 2000:
                        break
                except RuntimeError:
                    continue
            totals.append(proxy.total())
            note = f"{totals[-1]} B, {proxy.cuts} cuts; {rows_count(node)} of 2,000 rows"
    figure("real_cut_4k", totals[1] / totals[0], "x", f"{totals[0]} B uncut, {note}")
    master.stop()


def main():
    program = os.path.abspath(sys.argv[1])
    percent = int(os.environ.get("BENCH_PERCENT", "100"))
    products = max(500, 10000 * percent // 100)
    work = Workload()
    place = os.environ.get("TMPDIR", "build")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=place) as folder:
        folder = os.path.abspath(folder)
        binary_measure(program, folder)
        master = Node(program, os.path.join(folder, "master"))
        child = None
        try:
            master.run("init", "--unit", "42", "--units", UNITS)
            master.serve()
            idle_measure(master, "rss_empty", "wakeups_empty", "a master just made")
            keys = master.apply([[("new", work.product(COMMUNE)) for _ in range(SAVE_ROWS)]
                                 for _ in range(products // SAVE_ROWS)])
            with Proxy(master.port) as proxy:
                child, seconds = join(master, program, os.path.join(folder, "child"), proxy.port)
                note = f"{rows_count(child)} rows; the invitation's exchange included"
                wire_print(proxy, "real_new_node", note)
                figure("real_new_node_s", seconds, "s", "join, with the start of its process")
                small_measure(master, child, proxy, keys, work)
            child.serve()
            idle_measure(child, "rss_idle", "wakeups", "a commune's daemon, its parent up")
            idle_measure(master, "rss_master", "wakeups_master", "a master with one child waiting")
            cuts_measure(program, folder)
        finally:
            for node in (child, master):
                if node:
                    node.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
