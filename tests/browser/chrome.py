"""chrome.py - a headless Chromium, driven through its pipe; Python's own library is enough."""
import json
import os
import shutil
import subprocess
import tempfile

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
WAIT_S = 30


def find():
    """The browser's path, or None."""
    return next((p for p in map(shutil.which, PROGRAMS) if p), None)


class Chrome:
    """with Chrome("MAP a.example 127.0.0.1") as c: c.go(url); c.run("javascript expression")"""

    def __init__(self, resolver_rules=""):
        self.dir = tempfile.mkdtemp()
        in_r, self.out_fd = os.pipe()
        self.in_fd, out_w = os.pipe()

        def place():
            os.dup2(in_r, 3)
            os.dup2(out_w, 4)

        # The ends that the browser gets must not lie where the others are put.
        in_r, out_w = (os.dup2(fd, to) for fd, to in ((in_r, 200), (out_w, 201)))
        argv = [find(), "--headless=new", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
                "--remote-debugging-pipe", f"--user-data-dir={self.dir}", "--disable-background-networking",
                "--disable-component-update", "--disable-features=OptimizationHints"]
        if os.geteuid() == 0:
            argv.append("--no-sandbox")
        if resolver_rules:
            argv.append(f"--host-resolver-rules={resolver_rules}")
        self.process = subprocess.Popen(argv + ["about:blank"], preexec_fn=place, pass_fds=(3, 4),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(in_r)
        os.close(out_w)
        self.number = 0
        self.buffer = b""
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")

    def message(self):
        while b"\0" not in self.buffer:
            piece = os.read(self.in_fd, 65536)
            if not piece:
                raise RuntimeError("the browser ended")
            self.buffer += piece
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **params):
        self.number += 1
        ask = {"id": self.number, "method": method, "params": params}
        if self.session:
            ask["sessionId"] = self.session
        os.write(self.out_fd, json.dumps(ask).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def go(self, url):
        """Load a page and wait for it."""
        self.call("Page.navigate", url=url)
        for _ in range(WAIT_S * 20):
            if self.run("document.readyState === 'complete' && location.href !== 'about:blank'"):
                return
            self.run("new Promise(r => setTimeout(r, 50))")
        raise RuntimeError(f"{url} does not load")

    def run(self, expression):
        """The value of the expression, awaited, in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.out_fd)
        os.close(self.in_fd)
        shutil.rmtree(self.dir, ignore_errors=True)
