#!/usr/bin/env python3
"""packaging/tidy.py - enforces what can be checked of the house rules (`make tidy`).

usage: packaging/tidy.py [--out DIR] [--root DIR] [--warn]
       packaging/tidy.py --self-test

  LAYER   include graph; sync/ takes no symbol from outside but those of sync/SYMBOLS.allow
  S1      foo.c exports only foo_* (foo_bar.c may share foo_*)
  S2      every header compiles alone, with gcc and clang
  S4      function at most 110 lines, file at most 1000 (--warn lists those above 70 and 600)
  S5      a function declared to return enum rc is RC_CHECK
  S7      no floating point in sync/
  S19     W<n> of sync/PROTOCOL.md, M<n> of sync/MERGE.md and C<n> of sync/TRUST.md stand in the page, in sync/ and
          in tests/
  S22     no dead code, no assertion commented out
  BAN     calls known to go wrong
  TEXT    at most 110 columns, no trailing blanks, no note of unfinished work, no path of somebody's machine

Exceptions stand in packaging/tidy.allow, each with its reason.  A finding reads "file:line: rule: text".
"""
import concurrent.futures
import fnmatch
import os
import re
import subprocess
import sys
import tempfile

COLUMNS_MAX = 120
FUNCTION_WARN, FUNCTION_MAX = 70, 110
FILE_WARN, FILE_MAX = 600, 1000
TEXT_FILES = (".c", ".h", ".py", ".sh", ".sql", ".def", ".md", ".js", ".css", ".html", ".allow",
              ".1", ".5", ".8")
LAYERS = ("sync", "schema", "node", "tests", "packaging")

STD = {"assert.h", "inttypes.h", "limits.h", "stdalign.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h",
       "stdio.h", "stdlib.h", "stdnoreturn.h", "string.h"}
# Angle includes a layer may use; None: any.
SYSTEM = {
    "sync": STD | {"sqlite3.h", "sodium.h", "zstd.h"},
    "schema": STD | {"sqlite3.h", "zstd.h"},
    "node": None, "tests": None, "packaging": None,
}
PROJECT = {
    "sync": ["sync/*"],
    "schema": ["schema/*", "sync/catalogue.h", "sync/rc.h", "sync/mem.h", "sync/cursor.h", "sync/statements.h"],
    "node": ["node/*", "sync/*.h", "schema/*.h"],
    "tests": ["*"],
    "packaging": ["packaging/*"],
}
BAN_CALLS = ("strcpy strcat sprintf vsprintf strtok atoi gets rand srand localtime strerror system popen "
             "alloca cJSON_GetObjectItem uv_strerror sqlite3_get_table").split()
BAN = [(re.compile(r"\b(" + "|".join(BAN_CALLS) + r")\s*\("), "banned call"),
       (re.compile(r"\b(cJSON_AddNumberTo\w*)"), "numbers of record never pass through a double"),
       (re.compile(r"\b(valueint)\b"), "reads a saturated number")]
FLOAT = re.compile(r"\b(float|double|long double)\b")
DEAD = re.compile(r"^\s*#\s*if\s+0\b")
DEAD_ASSERT = re.compile(r"(//|/\*)\s*(assert\w*|INVARIANT)\s*\(.*\)\s*;?\s*(\*/)?\s*$")
# Spelt so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
PLACES = re.compile(r"(?<![\w.-])/wo" r"rk\b|(?<![\w/-])share" r"d/(\w+\.md|data|hooks)")
C_WARN = "-std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c".split()


class Tidy:
    def __init__(self, root, out, warn):
        self.root, self.out, self.warn = root, out, warn
        self.checks = 0
        self.findings = []
        self.warnings = []
        self.allow = []
        self.used = set()
        self.files = sorted(self.walk())

    def walk(self):
        for layer in LAYERS + (".ci",):
            for folder, subs, names in os.walk(os.path.join(self.root, layer)):
                subs[:] = [s for s in subs if s not in ("node_modules", "__pycache__", "corpus")]
                for name in names:
                    yield os.path.relpath(os.path.join(folder, name), self.root)
        for name in ("Makefile", ".clang-format", "README.md"):
            if os.path.exists(os.path.join(self.root, name)):
                yield name

    def path(self, name):
        return os.path.join(self.root, name)

    def text(self, name):
        with open(self.path(name), encoding="utf-8", errors="surrogateescape") as f:
            return f.read()

    def find(self, name, line, rule, text, detail=None):
        if detail is not None:
            for i, (a_rule, a_file, a_detail) in enumerate(self.allow):
                if rule == a_rule and fnmatch.fnmatchcase(name, a_file) and \
                        (detail == a_detail or (a_detail.endswith("_") and detail.startswith(a_detail))):
                    self.used.add(i)
                    return
        self.findings.append(f"{name}:{line}: {rule}: {text}")

    # ---- exceptions

    def allow_read(self):
        name = "packaging/tidy.allow"
        if not os.path.exists(self.path(name)):
            return
        for n, line in enumerate(self.text(name).splitlines(), 1):
            if line.startswith("#") or not line.strip():
                continue
            entry, _, reason = line.partition("#")
            fields = entry.split()
            self.allow.append(tuple(fields[:3]) if len(fields) == 3 else ("", "", ""))
            self.checks += 1
            if len(fields) != 3 or not reason.strip():
                self.used.add(len(self.allow) - 1)
                self.find(name, n, "ALLOW", "an exception reads: RULE FILE DETAIL # reason")

    def allow_check(self, rules_run):
        for i, entry in enumerate(self.allow):
            if i not in self.used and entry[0] in rules_run:
                self.find("packaging/tidy.allow", 1, "ALLOW",
                          "nothing needs the exception: " + " ".join(entry))

    # ---- one file

    def code_check(self, name, code, raw):
        layer = name.split("/")[0]
        for n, line in enumerate(code, 1):
            for pattern, why in BAN:
                for m in pattern.finditer(line):
                    self.find(name, n, "BAN", f"{m.group(1)}: {why}", m.group(1))
            if DEAD.search(line):
                self.find(name, n, "S22", "dead code")
            if layer == "sync" and FLOAT.search(line):
                self.find(name, n, "S7", "floating point in sync/")
            if layer in ("sync", "schema") and re.search(r"\bFILE\s*\*", line):
                self.find(name, n, "LAYER", "files belong to node/")
        for n, line in enumerate(raw, 1):
            if DEAD_ASSERT.search(line):
                self.find(name, n, "S22", "an assertion commented out")
            if re.match(r" {8}", line):
                self.find(name, n, "TEXT", "indented by blanks; use tabs")
        self.checks += 4
        self.include_check(name, raw)
        self.length_check(name, code)
        if name.endswith(".h"):
            self.checked_results(name, "\n".join(code))

    def include_check(self, name, raw):
        layer = name.split("/")[0]
        for n, line in enumerate(raw, 1):
            m = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
            if not m:
                continue
            self.checks += 1
            kind, what = m.groups()
            if kind == "<":
                if SYSTEM[layer] is not None and what not in SYSTEM[layer]:
                    self.find(name, n, "LAYER", f"{layer}/ may not include <{what}>", what)
                continue
            near = os.path.normpath(os.path.join(os.path.dirname(name), what))
            target = near if os.path.exists(self.path(near)) else what
            if not os.path.exists(self.path(target)):
                if layer in ("sync", "schema"):
                    self.find(name, n, "LAYER", f'"{what}" is not ours', what)
            elif not any(fnmatch.fnmatchcase(target, p) for p in PROJECT[layer]):
                self.find(name, n, "LAYER", f"{layer}/ may not include {target}", target)

    def length_check(self, name, code):
        self.checks += 1
        if len(code) > FILE_MAX:
            self.find(name, len(code), "S4", f"file of {len(code)} lines; at most {FILE_MAX}", "file")
        elif len(code) > FILE_WARN:
            self.warnings.append(f"{name}:1: S4: file of {len(code)} lines; better {FILE_WARN}")
        opened = None
        for n, line in enumerate(code, 1):
            if line.startswith("{") and opened is None:
                opened = n
            elif line.startswith("}") and opened is not None:
                self.checks += 1
                lines = n - opened + 1
                if lines > FUNCTION_MAX:
                    self.find(name, opened, "S4", f"function of {lines} lines; at most {FUNCTION_MAX}",
                              "function")
                elif lines > FUNCTION_WARN:
                    self.warnings.append(f"{name}:{opened}: S4: function of {lines} lines; "
                                         f"better {FUNCTION_WARN}")
                opened = None

    def checked_results(self, name, code):
        for m in re.finditer(r"^(?:RC_CHECK\s+)?enum rc\s+(\w+)\s*\(", code, re.M):
            self.checks += 1
            if not m.group(0).startswith("RC_CHECK"):
                line = code.count("\n", 0, m.start()) + 1
                self.find(name, line, "S5", f"{m.group(1)} is not RC_CHECK", m.group(1))

    def text_check(self, name, raw):
        self.checks += 1
        wide = name.endswith((".c", ".h", ".py", ".sh", ".sql", ".def")) or name in ("Makefile", ".ci/run")
        for n, line in enumerate(raw, 1):
            if wide and len(line.expandtabs(8)) > COLUMNS_MAX:
                self.find(name, n, "TEXT", f"{len(line.expandtabs(8))} columns; at most {COLUMNS_MAX}")
            if line != line.rstrip():
                self.find(name, n, "TEXT", "trailing blanks")
            if re.match(r"\t* +\t", line):
                self.find(name, n, "TEXT", "blank before tab")
            if UNFINISHED.search(line):
                self.find(name, n, "TEXT", "unfinished work belongs into an issue")
            if PLACES.search(line):
                self.find(name, n, "TEXT", "path of somebody's machine", PLACES.search(line).group(0))

    def file_check(self, name):
        if name.startswith("schema/data/") or name.startswith("tests/fuzz/corpus/"):
            return
        if not name.endswith(TEXT_FILES) and name not in ("Makefile", ".ci/run", ".clang-format"):
            return
        text = self.text(name)
        raw = text.split("\n")
        if raw[-1] != "":
            self.find(name, len(raw), "TEXT", "no newline at the end")
        else:
            raw.pop()
            if raw and raw[-1] == "":
                self.find(name, len(raw), "TEXT", "blank line at the end")
        self.text_check(name, raw)
        if name.endswith((".c", ".h")):
            self.code_check(name, code_only(text).split("\n")[:len(raw)], raw)

    # ---- headers alone

    def header_check(self, name, compilers, flags):
        for cc in compilers:
            argv = [cc] + C_WARN + flags + ["-I", self.root, "-"]
            unit = f'#include "{name}"\nextern int tidy;\n'
            done = subprocess.run(argv, cwd=self.root, input=unit, capture_output=True, text=True,
                                  check=False)
            self.checks += 1
            if done.returncode != 0:
                lines = (done.stderr.splitlines() or ["?"])
                said = next((x for x in lines if "error" in x), lines[0])
                self.find(name, 1, "S2", f"does not compile alone with {cc}: {said}")

    def headers_check(self):
        compilers = [c for c in ("gcc", "clang") if on_path(c)]
        flags = pkg_cflags()
        headers = [f for f in self.files if f.endswith(".h") and f.split("/")[0] in LAYERS]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            list(pool.map(lambda h: self.header_check(h, compilers, flags), headers))

    # ---- symbols

    def symbols_check(self):
        for layer in ("sync", "schema", "node"):
            lib = os.path.join(self.out, f"lib{layer}.a")
            if not os.path.exists(lib):
                self.find(lib, 1, "S1", "not built; run make")
                continue
            defined, wanted = symbols(lib)
            for source, name in defined:
                self.checks += 1
                if not exported_ok(source, name):
                    self.find(f"{layer}/{source}.c", 1, "S1", f"exports {name}", name)
            if layer == "sync":
                self.allowed_check({n for _, n in defined}, wanted)

    def allowed_check(self, own, wanted):
        name = "sync/SYMBOLS.allow"
        lines = self.text(name).splitlines() if os.path.exists(self.path(name)) else []
        patterns = [x.strip() for x in lines if x.strip() and not x.startswith("#")]
        # A sanitizer's or the coverage's own runtime is not the layer's doing.
        patterns += ["__asan_*", "__ubsan_*", "__tsan_*", "__sanitizer_*", "__gcov_*"]
        for source, symbol in wanted:
            self.checks += 1
            if symbol not in own and not any(fnmatch.fnmatchcase(symbol, p) for p in patterns):
                self.find(f"sync/{source}.c", 1, "LAYER", f"takes {symbol}, which is not in {name}")

    # ---- rule numbers

    def rules_check(self):
        for page, letter in (("sync/PROTOCOL.md", "W"), ("sync/MERGE.md", "M"), ("sync/TRUST.md", "C")):
            if page not in self.files:
                continue
            pattern = re.compile(rf"(?<![\w-]){letter}([1-9][0-9]?)(?![\w-])")
            stated = self.rule_places([page], pattern)
            code = self.rule_places([f for f in self.files if re.match(r"sync/.*\.[ch]$", f)], pattern)
            files = [f for f in self.files if re.match(r"tests/.*\.(c|h|sh|py)$", f)]
            tests = self.rule_places(files, pattern)
            for number, (name, line) in sorted(stated.items()):
                self.checks += 2
                for where, found in (("sync/", code), ("tests/", tests)):
                    if number not in found:
                        rule = f"{letter}{number}"
                        self.find(name, line, "S19", f"{rule} stands nowhere in {where}", rule)
            for found in (code, tests):
                for number in sorted(found.keys() - stated.keys()):
                    name, line = found[number]
                    self.find(name, line, "S19", f"{letter}{number} is not in {page}", f"{letter}{number}")

    def rule_places(self, names, pattern):
        places = {}
        for name in names:
            for n, line in enumerate(self.text(name).splitlines(), 1):
                for m in pattern.finditer(line):
                    places.setdefault(int(m.group(1)), (name, n))
        return places

    def run(self):
        self.allow_read()
        for name in self.files:
            self.file_check(name)
        self.headers_check()
        self.symbols_check()
        self.rules_check()
        self.allow_check({"S1", "S4", "S5", "S19", "BAN", "LAYER", "TEXT"})
        return self.findings


def code_only(text):
    """The text with comments and the insides of strings blanked, lines kept."""
    def blank(m):
        s = m.group(0)
        if s.startswith("/"):
            return re.sub(r"[^\n]", " ", s)
        return s[0] + re.sub(r"[^\n]", " ", s[1:-1]) + s[-1]
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def exported_ok(source, name):
    if source == "main":
        return name == "main"
    parts = source.split("_")
    return any(name == p or name.startswith(p + "_")
               for p in ("_".join(parts[:i]) for i in range(1, len(parts) + 1)))


def symbols(lib):
    """What a library defines and what it wants, each as (source, symbol)."""
    out = subprocess.run(["nm", "-g", "-A", lib], capture_output=True, text=True, check=True).stdout
    defined, wanted = [], []
    for line in out.splitlines():
        m = re.match(r".*?:(?:.*:)?(\w+)\.o:\s*[0-9a-f]*\s+(\w)\s+(\S+)$", line)
        # Generated and foreign members have their own ways.
        if m is None or m.group(1) == "embed_data" or m.group(1).startswith("llhttp_"):
            continue
        source, kind, name = m.groups()
        if kind in "Uwv":
            wanted.append((source, name))
        elif not name.startswith("__"):
            defined.append((source, name))
    return defined, wanted


def on_path(program):
    return any(os.access(os.path.join(d, program), os.X_OK) for d in os.environ.get("PATH", "").split(":"))


def pkg_cflags():
    flags = []
    for package in ("libuv", "libcurl", "libcjson", "libsodium", "libzstd", "sqlite3", "libllhttp"):
        argv = ["pkg-config", "--cflags", package]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        flags += done.stdout.split() if done.returncode == 0 else []
    return flags + ["-isystem", "/usr/share/include/llhttp"]


# ---- self-test: each of these trees must yield exactly the rules named

SELF_TEST = [
    ("", {}),
    ("LAYER", {"sync/a.c": "#include <time.h>\n"}),
    ("LAYER", {"sync/a.c": '#include "node/n.h"\n', "node/n.h": "struct n;\n"}),
    ("LAYER", {"schema/a.c": '#include "sync/session.h"\n', "sync/session.h": "struct session;\n"}),
    ("LAYER", {"sync/a.c": "#include <stdlib.h>\nchar *a_x(void);\n"
                           "char *\na_x(void)\n{\n\treturn getenv(\"x\");\n}\n"}),
    ("LAYER", {"sync/a.c": "#include <sodium.h>\nvoid a_x(unsigned char *p);\n"
                           "void\na_x(unsigned char *p)\n{\n\trandombytes_buf(p, 4);\n}\n"}),
    ("S1", {"node/a.c": "int b_x(void);\nint\nb_x(void)\n{\n\treturn 1;\n}\n"}),
    ("", {"node/a_b.c": "int a_x(void);\nint\na_x(void)\n{\n\treturn 1;\n}\n"}),
    ("S2", {"node/a.h": "uint8_t a_x(void);\n"}),
    ("S4", {"node/a.c": "int a_x(void);\nint\na_x(void)\n{\n" + "\t;\n" * 110 + "\treturn 1;\n}\n"}),
    ("S4", {"node/a.h": "struct a;\n" * 1001}),
    ("S5", {"sync/a.h": "enum rc { RC_OK };\nenum rc a_x(void);\n"}),
    ("", {"sync/a.h": "#define RC_CHECK\nenum rc { RC_OK };\nRC_CHECK enum rc a_x(void);\n"}),
    ("S7", {"sync/a.h": "struct a { double x; };\n"}),
    ("S19", {"sync/PROTOCOL.md": "W1. Rule.\n", "sync/a.h": "/* W1 */\nstruct a;\n"}),
    ("S19", {"sync/PROTOCOL.md": "W1. Rule.\n", "tests/a.h": "/* W1 */\nstruct a;\n"}),
    ("S19", {"sync/MERGE.md": "M1.\n", "tests/a.h": "/* M1 */\nstruct a;\n",
             "sync/a.h": "/* M1, M2 */\nstruct a;\n"}),
    ("", {"sync/MERGE.md": "M1. Law.\n", "tests/a.h": "/* M1 */\nstruct a;\n",
          "sync/a.h": "/* M1 */\nstruct a;\n"}),
    ("S22", {"node/a.c": "#if 0\n#endif\n"}),
    ("S22", {"node/a.c": "/* INVARIANT(a); */\n"}),
    ("BAN", {"node/a.c": "static int\nx(const char *s)\n{\n\treturn atoi(s);\n}\n"}),
    ("BAN", {"node/a.c": "static int\nx(struct cJSON *j)\n{\n\treturn j->valueint;\n}\n"}),
    ("", {"node/a.c": "/* atoi( */ static const char a[] = \"system(\";\n"}),
    ("TEXT", {"node/a.c": "/* " + "x" * COLUMNS_MAX + " */\n"}),
    ("TEXT", {"node/a.c": "int a; \n"}),
    ("TEXT", {"node/a.c": "int a;"}),
    ("TEXT", {"node/a.c": "        int a;\n"}),
    ("TEXT", {"node/a.c": "/* TO" "DO */\n"}),
    ("TEXT", {"node/a.c": "/* see /wo" "rk/x */\n"}),
    ("ALLOW", {"packaging/tidy.allow": "S1 node/a.c b_\n"}),
    ("ALLOW", {"packaging/tidy.allow": "S1 node/a.c b_ # long gone\n"}),
]


def tree_check(files):
    with tempfile.TemporaryDirectory() as root:
        for layer in LAYERS:
            os.makedirs(os.path.join(root, layer))
        for name, text in {"sync/SYMBOLS.allow": "mem*\n", **files}.items():
            with open(os.path.join(root, name), "w", encoding="utf-8") as f:
                f.write(text)
        for layer in ("sync", "schema", "node"):
            objects = []
            for name in files:
                if name.startswith(layer + "/") and name.endswith(".c"):
                    objects.append(os.path.join(root, os.path.basename(name)[:-2] + ".o"))
                    # What does not compile is for the text rules only.
                    argv = ["gcc", "-w", "-I", root, "-c", "-o", objects[-1], os.path.join(root, name)]
                    if subprocess.run(argv, capture_output=True, check=False).returncode != 0:
                        objects.pop()
            subprocess.run(["ar", "rcs", os.path.join(root, f"lib{layer}.a")] + objects, check=True)
        return Tidy(root, root, False).run()


def self_test():
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        results = list(pool.map(lambda case: tree_check(case[1]), SELF_TEST))
    for (rule, files), findings in zip(SELF_TEST, results):
        rules = {f.split(": ")[1] for f in findings}
        if rules != ({rule} if rule else set()):
            print(f"not ok tidy self-test: {files}\n  wants {rule or 'nothing'}, found {findings}")
            bad += 1
    print(f"tidy self-test: {len(SELF_TEST)} cases, {bad} wrong")
    return 1 if bad else 0


def main(argv):
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    out, warn = os.path.join(root, "build/gcc"), False
    while argv:
        if argv[0] == "--self-test":
            return self_test()
        if argv[0] == "--warn":
            warn = True
        elif argv[0] in ("--out", "--root") and len(argv) > 1:
            out, root = (argv[1], root) if argv[0] == "--out" else (out, argv[1])
            argv = argv[1:]
        else:
            raise SystemExit(__doc__)
        argv = argv[1:]
    tidy = Tidy(root, out, warn)
    findings = tidy.run()
    for line in findings:
        print(line)
    if warn:
        for line in tidy.warnings:
            print("warning: " + line)
    print(f"tidy: {tidy.checks} checks, {len(findings)} findings, {len(tidy.warnings)} warnings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
