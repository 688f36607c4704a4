#!/usr/bin/env python3
"""tests/bench/report.py - lines of figures in, an aligned table and a JSON file out.

usage: report.py --json FILE [--peers FILE] LINES...

LINES are files of JSON objects, one a line, as figure.c prints them.  A figure that was not
measured stands as "-".  What is asked, and what other programs were published with, stands here;
no figure of ours does.
"""
import argparse
import json
import os
import sys

X, B, REQ, S, PER_S = "x", "B", "requests", "s", "/s"

# key, title, asked (None: for information), published figure of others
FIGURES = [
    ("save_normal", "save of 5 products, x plain, NORMAL", 1.3,
     "triggers 3.6-4.1, cr-sqlite 2.9-3.4"),
    ("save_full", "save of 5 products, x plain, FULL", 1.15, ""),
    ("save_scores_normal", "save of 5 scores, x plain, NORMAL", 1.3, ""),
    ("save_scores_full", "save of 5 scores, x plain, FULL", 1.15, ""),
    ("load", "load of an empty replica, x plain", 1.3, "triggers 9, cr-sqlite 9-11"),
    ("load_rules", "  with the domain's rules", None, ""),
    ("bulk", "bulk update of 10,000 rows, x plain", 1.25, "triggers 3.3-4.7, cr-sqlite 2.8-4.1"),
    ("apply_whole", "apply a whole replica, x plain", 1.5, "cr-sqlite 20"),
    ("apply_saves", "apply 400 forms of products, x plain", 1.5, "cr-sqlite 3.1-4.5"),
    ("apply_saves_scores", "apply 400 forms of scores, x plain", 1.5, "cr-sqlite 3.1-4.5"),
    ("apply_single", "apply forms one by one, x plain", None, ""),
    ("disk_load", "disk after the load, x plain", 1.7, "triggers 4.3, cr-sqlite 2.7, Morango 12"),
    ("disk", "disk after 4,000 forms more, x plain", 1.7, ""),
    ("nothing", "nothing to do, bytes", 400, "Fossil 793, PouchDB 4,978, Morango 38,143"),
    ("nothing_requests", "nothing to do, round trips", 1, "Fossil 1, PouchDB 8, Morango 26"),
    ("row_down", "1 row from the parent, bytes", 600, "PouchDB 14,994, Morango 39,311"),
    ("row_down_requests", "1 row from the parent, round trips", 1, "PouchDB 18, Morango 27"),
    ("row_up", "1 row from the child, bytes", 600, ""),
    ("row_up_requests", "1 row from the child, round trips", 1, ""),
    ("form", "1 form of 5 rows, bytes", None, ""),
    ("saves_down", "100 rows x 2 columns down, bytes", 2500,
     "Fossil 19.4k, Morango 46.7k, PouchDB 54.3k"),
    ("saves_down_requests", "100 rows x 2 columns down, round trips", 1, "PouchDB 11"),
    ("saves_up", "100 rows x 2 columns up, bytes", 2500, ""),
    ("saves_up_requests", "100 rows x 2 columns up, round trips", 1, ""),
    ("new_node", "new node of 10,000 products, bytes", None, "PouchDB 1.34-1.67M, Morango 0.82M"),
    ("new_node_zstd", "new node, x zstd-19 of the CSV", 1.2, ""),
    ("new_node_requests", "new node, requests", 3, ""),
    ("new_node_s", "new node, seconds", 0.5, "PouchDB 1.8-3.9, Morango 65"),
    ("new_node_load", "new node, x plain load (both sides)", None, ""),
    ("cut_4k", "cut every 4 KB, bytes x uncut", 1.3, "PouchDB: 0 of 2,000 docs"),
    ("cut_32k", "cut every 32 KB, bytes x uncut", 1.3, "PouchDB: 0 of 2,000 docs, 30.6M"),
    ("province", "new province of 303,000 rows, bytes", 2500000, "PouchDB 66-76M, rsync -z 21.8M"),
    ("province_zstd", "new province, x zstd-19 of the CSV", None, ""),
    ("province_requests", "new province, requests", None, ""),
    ("province_load", "new province, time x plain load", 2, "PouchDB 50-136 s"),
    ("slow", "300 ms, 64 kbit/s: x bytes/rate + 2 trips", 1.25, "PouchDB 83-199 s"),
    ("hub_engine", "hub: idle syncs/s, engine alone", None, "SymmetricDS 350 clients a CPU"),
    ("hub", "hub: idle syncs/s, 40 connections", -3000, ""),
    ("binary", "binary, bytes stripped", 2000000, "SymmetricDS: 64 MB RAM and a JRE"),
    ("rss_idle", "idle RSS, bytes", 10000000, ""),
    ("wakeups", "idle wake-ups in 10 s", 0, ""),
    ("real_nothing", "daemons: nothing to do, bytes", 400, ""),
    ("real_nothing_requests", "daemons: nothing to do, round trips", 1, ""),
    ("real_row", "daemons: 1 row, bytes", 600, ""),
    ("real_row_requests", "daemons: 1 row, round trips", 1, ""),
    ("real_saves", "daemons: 100 rows x 2 columns, bytes", 2500, ""),
    ("real_saves_requests", "daemons: 100 rows x 2 columns, trips", 1, ""),
    ("real_new_node", "daemons: new node, bytes", None, ""),
    ("real_new_node_requests", "daemons: new node, requests", 3, ""),
    ("real_new_node_s", "daemons: new node, seconds", 0.5, ""),
    ("real_cut_4k", "daemons: cut every 4 KB, bytes x uncut", 1.3, ""),
]
# The hard variant cannot be judged by the figure asked: the entropy of its texts alone is more.
UNJUDGED = {("province", "random")}


def number(value, unit):
    if unit == X:
        return f"{value:.2f}x"
    if unit == S:
        return f"{value:.2f} s"
    return f"{value:,.0f}" + ("/s" if unit == PER_S else "")


def asked_text(asked, unit):
    if asked is None:
        return ""
    return ("<= " if asked >= 0 else ">= ") + number(abs(asked), unit)


def verdict(figure, asked):
    if asked is None or (figure["key"], figure["variant"]) in UNJUDGED:
        return ""
    is_met = figure["ours"] <= asked if asked >= 0 else figure["ours"] >= -asked
    return "ok" if is_met else "OUT"


def figures_read(names):
    found = {}
    for name in names:
        with open(name, encoding="utf-8") as f:
            for line in f:
                if line.startswith("{"):
                    figure = json.loads(line)
                    found[figure["key"], figure["variant"]] = figure
    return found


def ours_text(figure):
    text = number(figure["ours"], figure["unit"])
    if "min" in figure:
        text += f" ({figure['min']:.2f}-{figure['max']:.2f})"
    return text


def rows_make(found, peers):
    for key, title, asked, published in FIGURES:
        variants = sorted((v for k, v in found if k == key), reverse=True) or [None]
        for i, variant in enumerate(variants):
            figure = found.get((key, variant))
            measured = peers.get(key, "") if i == 0 else ""
            unit = figure["unit"] if figure else X
            cpu = f"{figure['cpu']:.2f}" if figure and "cpu" in figure else ""
            yield [title if i == 0 else "", variant or "", ours_text(figure) if figure else "-",
                   asked_text(asked, unit) if figure else "", cpu,
                   verdict(figure, asked) if figure else "", measured, published if i == 0 else ""]


def table_print(rows):
    head = ["figure", "variant", "ours (range)", "asked", "cpu", "", "peers here",
            "peers as published"]
    if not any(row[6] for row in rows):
        for row in [head] + rows:
            del row[6]
    widths = [max(len(row[i]) for row in [head] + rows) for i in range(len(head))]
    for row in [head, ["-" * w for w in widths]] + rows:
        print("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip())


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--json", required=True)
    ap.add_argument("--peers")
    ap.add_argument("lines", nargs="*")
    args = ap.parse_args()
    found = figures_read(args.lines)
    peers = {}
    if args.peers and os.path.exists(args.peers):
        with open(args.peers, encoding="utf-8") as f:
            for line in f:
                figure = json.loads(line)
                text = f"{figure['peer']} {number(figure['value'], figure['unit'])}"
                peers[figure["key"]] = ", ".join(filter(None, [peers.get(figure["key"]), text]))
    asked = {key: value for key, _, value, _ in FIGURES}
    out = [dict(f, asked=asked.get(k), verdict=verdict(f, asked.get(k)))
           for (k, _), f in found.items()]
    with open(args.json, "w", encoding="utf-8") as f:
        json.dump({"figures": out, "peers": peers}, f, ensure_ascii=False, indent=1)
        f.write("\n")
    table_print(list(rows_make(found, peers)))
    outside = sum(1 for f in out if f["verdict"] == "OUT")
    print(f"\n{len(out)} figures, {outside} outside of what is asked; with notes: {args.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
