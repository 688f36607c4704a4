#!/usr/bin/env python3
"""A page of others in the officer's browser, against a real office listener: it changes nothing and reads nothing; the
listener's own page may do both."""
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import chrome  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OCOP = os.environ.get("OCOP", os.path.join(TOP, "build", "ocop"))
UNITS = os.path.join(TOP, "schema", "data", "units-2018.csv")
ROW = '{"changes":[{"table":"producer","key":"new","set":{"name":"EVIL","unit":"18538"}}]}'
failed = 0


def check(name, is_ok, why=""):
    global failed
    failed |= not is_ok
    print(f"ok {name}" if is_ok else f"not ok {name}: {why}", flush=True)


class Evil(http.server.BaseHTTPRequestHandler):
    """The attacker's own server: an empty page, allowed to do whatever it likes."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>evil</title><body></body>")

    def log_message(self, *_):
        pass


# Every way a page has to send something or to see an answer.  Each resolves to what it learnt: "" is nothing.
ATTACKS = {
    "fetch": "fetch(U + '/api/v1/status').then(r => r.text()).catch(() => '')",
    "fetch with cookies": "fetch(U + '/api/v1/status', {credentials: 'include'}).then(r => r.text()).catch(() => '')",
    "fetch without cors": "fetch(U + '/api/v1/status', {mode: 'no-cors'}).then(r => r.text()).catch(() => '')",
    "fetch of the metrics": "fetch(U + '/metrics', {mode: 'no-cors'}).then(r => r.text()).catch(() => '')",
    "simple post": "fetch(U + '/api/v1/save', {method: 'POST', mode: 'no-cors', credentials: 'include', body: ROW})"
                   ".then(r => r.text()).catch(() => '')",
    "post of json": "fetch(U + '/api/v1/save', {method: 'POST', credentials: 'include', body: ROW, "
                    "headers: {'Content-Type': 'application/json'}}).then(r => r.text()).catch(() => '')",
    "post of a typed blob": "fetch(U + '/api/v1/save', {method: 'POST', mode: 'no-cors', credentials: 'include', "
                            "body: new Blob([ROW], {type: 'application/json'})}).then(r => r.text()).catch(() => '')",
    "beacon": "new Promise(r => { try { navigator.sendBeacon(U + '/api/v1/save', new Blob([ROW], "
              "{type: 'application/json'})) } catch (e) {} ; setTimeout(() => r(''), 200) })",
    "plain beacon": "new Promise(r => { navigator.sendBeacon(U + '/api/v1/save', ROW); setTimeout(() => r(''), 200) })",
    "form": "new Promise(r => { const f = document.createElement('form'), i = document.createElement('input'), "
            "w = document.createElement('iframe'); w.name = 'w'; document.body.append(w); f.target = 'w'; "
            "f.method = 'post'; f.enctype = 'text/plain'; f.action = U + '/api/v1/save'; i.name = ROW.slice(0, -2) + "
            "',\"a\":\"'; i.value = '\"}'; f.append(i); document.body.append(f); f.submit(); setTimeout(() => { "
            "let t = ''; try { t = w.contentDocument.body.innerText } catch (e) {} r(t) }, 500) })",
    "frame": "new Promise(r => { const w = document.createElement('iframe'); w.src = U + '/'; document.body.append(w); "
             "setTimeout(() => { let t = ''; try { t = w.contentDocument.body.innerText } catch (e) {} r(t) }, 500) })",
    "picture": "new Promise(r => { const i = new Image(); i.onload = () => r('loaded'); i.onerror = () => r(''); "
               "i.src = U + '/api/v1/product' })",
    "script": "new Promise(r => { const s = document.createElement('script'); s.onload = () => r('loaded'); "
              "s.onerror = () => r(''); s.src = U + '/api/v1/product'; document.head.append(s) })",
    "stylesheet": "new Promise(r => { const s = document.createElement('link'); s.rel = 'stylesheet'; "
                  "s.onload = () => r('loaded'); s.onerror = () => r(''); s.href = U + '/'; document.head.append(s) })",
    "websocket": "new Promise(r => { const s = new WebSocket(U.replace('http', 'ws') + '/api/v1/status'); "
                 "s.onopen = () => r('open'); s.onerror = () => r('') })",
    "window": "new Promise(r => { const w = window.open(U + '/'); setTimeout(() => { let t = ''; try { t = "
              "w.document.body.innerText } catch (e) {} r(t) }, 500) })",
}


def ocop(directory, *args):
    argv = [OCOP, "--data", directory, "--json", *args]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def attack(browser, where, office, directory):
    browser.go(where)
    who = f"{where.split(':')[1][2:]} → {office.split(':')[1][2:]}"
    given = f"const U = {json.dumps(office)}, ROW = {json.dumps(ROW)};"
    for name, script in ATTACKS.items():
        learnt = browser.run(f"(() => {{ {given} return {script} }})()")
        check(f"{who}: {name} learns nothing", learnt == "", repr(learnt))
    check(f"{where}: nothing was changed", json.loads(ocop(directory, "list", "producer")) == [])


def saving(row):
    """A page's own way to save; the status."""
    return ("fetch('/api/v1/save', {method: 'POST', headers: {'Content-Type': 'application/json'}, "
            f"body: {json.dumps(row)}}}).then(r => r.status)")


def own_page(browser, office, directory):
    browser.go(office + "/")
    check("the page is shown", "OCOP" in browser.run("document.title"))
    check("its cookie is hidden from scripts", browser.run("document.cookie") == "")
    status = browser.run("fetch('/api/v1/status').then(r => r.status)")
    check("its page may read", status == 200, str(status))
    status = browser.run(saving(ROW.replace("EVIL", "GOOD")))
    check("and save", status == 200, str(status))
    check("once", len(json.loads(ocop(directory, "list", "producer"))) == 1)


def main():
    if chrome.find() is None:
        print("ok a page of others # SKIP no chromium here; packaging/install-deps.sh browser installs it")
        return
    top = tempfile.mkdtemp()
    directory = os.path.join(top, "A")
    subprocess.run([OCOP, "--data", directory, "init", "--unit", "42", "--units", UNITS], check=True,
                   stdout=subprocess.DEVNULL)
    log = open(os.path.join(top, "log"), "w+", encoding="utf-8")
    daemon = subprocess.Popen([OCOP, "--data", directory, "serve", "--sync", "127.0.0.1:0", "--office", "127.0.0.1:0",
                               "--insecure-loopback"], stdout=subprocess.PIPE, stderr=log, text=True)
    evil = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=evil.serve_forever, daemon=True).start()
    try:
        daemon.stdout.readline()
        office = daemon.stdout.readline().split()[2]
        port, evil_port = office.rsplit(":", 1)[1], evil.server_address[1]
        with chrome.Chrome("MAP *.example 127.0.0.1") as browser:
            browser.go(office + "/")		# the officer has the page open, with its cookie
            browser.go(f"http://localhost:{port}/")
            for where in (f"http://127.0.0.1:{evil_port}/", f"http://evil.example:{evil_port}/",
                          f"http://localhost:{evil_port}/"):
                attack(browser, where, office, directory)
            attack(browser, f"http://localhost:{evil_port}/", f"http://localhost:{port}", directory)
            log.seek(0)
            check("the attempts came here, and were refused", "event=office_refused" in log.read())
            # The name of the attacker's page now points here: same origin for the browser, another Host for us.
            browser.go(f"http://rebound.example:{port}/")
            text = browser.run("document.body.innerText")
            check("a rebound name gets no page", "403" in text and "OCOP" not in text, text)
            text = browser.run("fetch('/api/v1/status').then(r => r.text())")
            check("and no data", "403" in text and '"unit"' not in text, text)
            status = browser.run(saving(ROW))
            check("and saves nothing", status == 403 and json.loads(ocop(directory, "list", "producer")) == [])
            own_page(browser, office, directory)
    finally:
        daemon.terminate()
        daemon.wait(10)
        log.close()
        evil.shutdown()
        subprocess.run(["rm", "-rf", top], check=False)


main()
sys.exit(failed)
