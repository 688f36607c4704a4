#!/usr/bin/env python3
"""tests/run.py - runs test programs and sums up.

usage: tests/run.py [--out DIR] [--vars VARS] [--slow N] [--jobs N] [--build COMMAND]... SUITE:KIND:WHAT...
       tests/run.py --fuzz NAME PROGRAM [LIBFUZZER-OPTION]...
       tests/run.py --self-test

KIND is one of
  cmocka   WHAT is a cmocka program; every test in it counts
  script   WHAT is a script that prints "ok NAME" or "not ok NAME: why" for every test
  command  WHAT is a shell command; counts by its last "N passed, N failed" line, else by its ok lines, else
           as one

A test that says "# SKIP why" counts neither way and is listed at the end.

A program that dies, runs too long, does not exist or runs no test counts as a failure; so does a failed
--build.  Each runs in its own session with its own TMPDIR and is killed with all its children when it ends.
The environment tells scripts where the programs are: OCOP, SIM, OUT.  After a failure the output is shown,
then the command that repeats it.  The last line is "N passed, N failed"; no test at all is a failure of the
run.
"""
import ctypes
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

TIMEOUT_S = {"unit": 60, "browser": 100, "http": 120, "fault": 240, "sim": 600, "process": 240, "tidy": 120,
             "fuzz": 120}
TIMEOUT_OTHER_S = 300
OUTPUT_LINES_MAX = 200
PR_SET_CHILD_SUBREAPER = 36

SUMMARY = re.compile(r"^(?:.*[:\s])?(\d+) passed, (\d+) failed\s*$")
OK = re.compile(r"^ok\b(?!\s*$)(?!.*# SKIP)")
NOT_OK = re.compile(r"^not ok\b(?!.*# SKIP)")
SKIP = re.compile(r"^(not )?ok\b.*# SKIP")
PLAN = re.compile(r"^1\.\.(\d+)\s*$")

lock = threading.Lock()
live_groups = set()
stopping = False


class Item:
    def __init__(self, text):
        self.suite, self.kind, self.what = text.split(":", 2)
        if self.kind not in ("cmocka", "script", "command"):
            raise SystemExit(f"run.py: unknown kind in {text}")
        self.passed = self.failed = 0
        self.skipped = []
        self.why = ""
        self.output = ""

    def name(self):
        return self.what if self.kind == "command" else os.path.basename(self.what)

    def argv(self):
        return ["/bin/sh", "-c", self.what] if self.kind == "command" else [self.what]


def group_kill(group, sig=signal.SIGKILL):
    try:
        os.killpg(group, sig)
    except (ProcessLookupError, PermissionError):
        pass


def session_run(argv, env, timeout_s):
    """Run to the end; return (status or None after a timeout, output, seconds)."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as out:
        proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env,
                                start_new_session=True)
        with lock:
            live_groups.add(proc.pid)
            if stopping:
                group_kill(proc.pid)
        try:
            status = proc.wait(timeout_s)
        except subprocess.TimeoutExpired:
            status = None
        group_kill(proc.pid)
        proc.wait()
        with lock:
            live_groups.discard(proc.pid)
        out.seek(0)
        return status, out.read().decode("utf-8", "replace"), time.monotonic() - started


def judge(item, status, timeout_s):
    """Count passes and failures in the item's output."""
    lines = item.output.splitlines()
    item.passed = sum(1 for line in lines if OK.match(line))
    item.failed = sum(1 for line in lines if NOT_OK.match(line))
    planned = sum(int(m.group(1)) for m in map(PLAN.match, lines) if m)
    item.skipped = [line for line in lines if SKIP.match(line)]
    planned -= len(item.skipped)
    if item.kind == "command":
        sums = [m for m in map(SUMMARY.match, lines) if m]
        if sums:
            item.passed, item.failed = int(sums[-1].group(1)), int(sums[-1].group(2))
        elif item.passed + item.failed == 0 and status == 0:
            item.passed = 1
    ran = item.passed + item.failed
    if item.kind == "cmocka" and planned > ran:
        item.failed += planned - ran
        item.why = f"{planned - ran} of {planned} tests did not run"
    if status is None:
        item.failed += 1
        item.why = f"ran longer than {timeout_s} s"
    elif status < 0:
        item.failed = max(item.failed, 1)
        item.why = f"killed by {signal.Signals(-status).name}"
    elif status != 0 and item.failed == 0:
        item.failed = 1
        item.why = f"exit status {status}"
    elif ran == 0 and item.failed == 0 and not item.skipped:
        item.failed = 1
        item.why = "no test ran"


def reproducer(item, options):
    make = " ".join(["make", options.vars]).strip()
    if item.kind == "cmocka":
        return f"{make} {item.what} && {item.what}"
    if item.kind == "script":
        return f"{make} all && OUT={options.out} OCOP={options.out}/ocop SIM={options.out}/sim {item.what}"
    if item.what.startswith(options.out + "/"):
        return f"{make} {item.what.split()[0]} && {item.what}"
    return item.what


def environment(options, tmp):
    makes_own = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")
    env = {k: v for k, v in os.environ.items() if k not in makes_own}
    here = os.path.abspath(options.out)
    env.update(OUT=here, OCOP=here + "/ocop", SIM=here + "/sim", TMPDIR=tmp, HOME=tmp, LC_ALL="C.UTF-8",
               CMOCKA_MESSAGE_OUTPUT="TAP", UBSAN_OPTIONS="print_stacktrace=1")
    return env


def item_run(item, options):
    if item.kind != "command" and not os.access(item.what, os.X_OK):
        item.failed = 1
        item.why = "does not exist or is not executable; did it build?"
        return
    timeout_s = TIMEOUT_S.get(item.suite, TIMEOUT_OTHER_S) * options.slow
    # Short, because names of sockets are.
    tmp = tempfile.mkdtemp(prefix="t", dir="/tmp")
    try:
        status, item.output, _ = session_run(item.argv(), environment(options, tmp), timeout_s)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    judge(item, status, timeout_s)


def report_failure(item, options):
    lines = item.output.splitlines()
    if len(lines) > OUTPUT_LINES_MAX:
        lines = [f"({len(lines) - OUTPUT_LINES_MAX} lines before)"] + lines[-OUTPUT_LINES_MAX:]
    print(f"---- {item.suite}: {item.name()} failed{': ' if item.why else ''}{item.why}")
    for line in lines:
        print("    " + line)
    print("reproduce: " + reproducer(item, options), flush=True)


def worker(queue, options):
    while not stopping:
        with lock:
            if not queue:
                return
            item = queue.pop(0)
        item_run(item, options)
        with lock:
            if item.failed != 0:
                report_failure(item, options)


def build(command, options):
    """A build that fails counts once, and what it left unbuilt counts again where it is missed."""
    env = environment(options, os.environ.get("TMPDIR", "/tmp"))
    env["HOME"] = os.environ.get("HOME", "/")
    proc = subprocess.run(["/bin/sh", "-c", command], env=env, stdin=subprocess.DEVNULL, check=False)
    if proc.returncode != 0:
        print(f"---- build failed\nreproduce: {command}", flush=True)
        return 1
    return 0


def on_signal(number, _frame):
    global stopping
    stopping = True
    for group in list(live_groups):
        group_kill(group)
    children_kill()
    # Not through the interpreter's own shutdown: worker threads would be waited for.
    os.write(1, b"\nrun.py: interrupted\n")
    os._exit(128 + number)


def children_kill():
    """Whatever left its session became our child; end it too."""
    me = str(os.getpid())
    for _ in range(100):
        found = False
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                    fields = f.read().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[1] == me:
                found = True
                if fields[0] != "Z":
                    os.kill(int(pid), signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
        except ChildProcessError:
            pass
        if not found:
            return
        time.sleep(0.01)


def run_all(options, items):
    failed_builds = sum(build(command, options) for command in options.build)
    started = time.monotonic()
    queue = list(items)
    threads = []
    for _ in range(options.jobs):
        threads.append(threading.Thread(target=worker, args=(queue, options), daemon=True))
        threads[-1].start()
    for t in threads:
        while t.is_alive():
            t.join(0.2)
    children_kill()
    passed = sum(i.passed for i in items)
    failed = sum(i.failed for i in items) + failed_builds
    print()
    for suite in dict.fromkeys(i.suite for i in items):
        mine = [i for i in items if i.suite == suite]
        print(f"{suite}: {sum(i.passed for i in mine)} passed, {sum(i.failed for i in mine)} failed "
              f"({len(mine)} programs)")
    if failed_builds:
        print(f"build: {failed_builds} failed")
    for item in items:
        for line in item.skipped:
            print(f"SKIPPED: {item.name()}: {line}")
    if passed + failed == 0 and not any(i.skipped for i in items):
        print("run.py: no test ran")
        failed = 1
    for item in items:
        if item.failed != 0:
            print("reproduce: " + reproducer(item, options))
    print(f"time: {time.monotonic() - started:.0f} s")
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def fuzz(name, program, args):
    """Seeds in git stay as they are: what the fuzzer finds goes to build/fuzz/NAME."""
    found = f"build/fuzz/{name}"
    os.makedirs(found + "/corpus", exist_ok=True)
    corpus = f"tests/fuzz/corpus/{name}"
    if any(a.startswith("-runs=") for a in args):
        args = args + ["-max_total_time=10"]
        work = tempfile.mkdtemp(prefix="fuzz")
    else:
        work = found + "/corpus"
    argv = [program, "-timeout=10", "-rss_limit_mb=1024", f"-artifact_prefix={found}/"] + args
    argv += [work] + ([corpus] if os.path.isdir(corpus) else [])
    print(" ".join(map(shlex.quote, argv)), flush=True)
    try:
        status = subprocess.run(argv, stdin=subprocess.DEVNULL, check=False).returncode
    except FileNotFoundError:
        print(f"fuzz {name}: {program} is not built")
        status = 1
    if work != found + "/corpus":
        shutil.rmtree(work, ignore_errors=True)
    if status != 0:
        print(f"fuzz {name}: FAILED; the input is the newest file of {found}/")
        print(f"reproduce: {program} {found}/FILE")
    return 0 if status == 0 else 1


SELF_TEST = [
    # kind, body, passed, failed
    ("script", "echo ok a; echo ok b", 2, 0),
    ("script", "echo ok a; echo not ok b: why", 1, 1),
    ("script", "echo not ok b: why; exit 1", 0, 1),
    ("script", "echo ok a; exit 3", 1, 1),
    ("script", "echo ok a; kill -9 $$", 1, 1),
    ("script", "true", 0, 1),
    ("script", "echo ok a; sleep 60", 1, 1),
    ("script", "sleep 60 & echo ok a", 1, 0),
    ("cmocka", "echo 1..3; echo 'ok 1 - a'; kill -SEGV $$", 1, 2),
    ("cmocka", "echo 1..2; echo 'ok 1 - a'; echo 'not ok 2 - b'; exit 1", 1, 1),
    ("cmocka", "echo 1..2; echo 'ok 1 - a'; echo 'not ok 2 # SKIP b'", 1, 0),
    ("cmocka", "echo 1..0", 0, 1),
    ("script", "echo 'ok a # SKIP no such program'", 0, 0),
    ("script", "echo 'ok a # SKIP no such program'; exit 1", 0, 1),
    ("command", "echo 7 passed, 0 failed", 7, 0),
    ("command", "echo sim: 7 passed, 2 failed; exit 1", 7, 2),
    ("command", "echo 7 passed, 0 failed; exit 1", 7, 1),
    ("command", "true", 1, 0),
    ("command", "false", 0, 1),
]


def self_test():
    options = Options()
    bad = 0
    with tempfile.TemporaryDirectory() as tmp:
        for kind, body, passed, failed in SELF_TEST:
            path = os.path.join(tmp, "t.sh")
            with open(path, "w", encoding="utf-8") as f:
                f.write("#!/bin/sh\n" + body + "\n")
            os.chmod(path, 0o755)
            item = Item(f"selftest:{kind}:{path}")
            TIMEOUT_S["selftest"] = 1
            item_run(item, options)
            if (item.passed, item.failed) != (passed, failed):
                print(f"not ok {kind} {body!r}: {item.passed} passed, {item.failed} failed; "
                      f"want {passed} and {failed}")
                bad += 1
    print(f"run.py self-test: {len(SELF_TEST)} cases, {bad} wrong")
    return 1 if bad else 0


class Options:
    def __init__(self):
        self.out = "build/gcc"
        self.vars = ""
        self.slow = 1
        self.jobs = 2
        self.build = []


def main(argv):
    options = Options()
    items = []
    if argv[:1] == ["--self-test"]:
        return self_test()
    if argv[:1] == ["--fuzz"]:
        return fuzz(argv[1], argv[2], argv[3:])
    while argv and argv[0].startswith("--"):
        if len(argv) < 2 or argv[0][2:] not in vars(options):
            raise SystemExit(__doc__)
        name, value = argv[0][2:], argv[1]
        if name == "build":
            options.build.append(value)
        else:
            setattr(options, name, int(value) if name in ("slow", "jobs") else value)
        argv = argv[2:]
    items = [Item(text) for text in argv]
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGHUP, on_signal)
    return run_all(options, items)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
