#!/usr/bin/env python3
"""Turn the transcribed regulations (JSON) into the CSV files of schema/data.

    criteria-to-csv.py SOURCE-DIR TARGET-DIR

SOURCE-DIR holds criteria-qd26-2026.json, criteria-qd1048-2020.json, rubric-seed-2018.json, regimes.json, the lists of
units, their mappings, the product groups and the products.  Every CSV file made here has the key of its table first
and then the table's columns, in order.  Nothing is dropped: what has no column of its own stands in a notes column, a
line each.  The run ends with an error when the result does not add up.
"""
import csv
import json
import re
import shutil
import sys
import unicodedata
from pathlib import Path

COPIED = ["units-2018.csv", "units-2020.csv", "units-2025-03.csv", "units-2025-07.csv",
          "mapping-2018-2020.csv", "mapping-2020-2025-01.csv", "mapping-2025.csv", "products-ha-tinh.csv"]

SET = ("set_id regulation version number name total part_a part_a_name part_b part_b_name part_c part_c_name status "
       "effective_from source notes").split()
CRITERION = ("criterion_id criteria_set part section section_name section_max section_notes parent code name max kind "
             "position is_section notes source_id").split()
OPTION = "option_id criterion position text points min_for_star case_number case_name notes".split()
RULE = "rule_id criteria_set criterion kind text predicate".split()
REGIME = ("regime_id valid_from valid_to basis part_a part_b part_c levels scoring partial_assessment "
          "forward_district_ge forward_province_ge recognise_3 recognise_4 recognise_5 no_certificate validity_months "
          "gates commune_working_days province_rounds central_rounds renewal_from_days renewal_to_days "
          "reevaluation_max_days late_extension_max_days revocation_days transition_first_days "
          "transition_reevaluation_days").split()
PROOF = "proof_id version number title is_required explanation".split()
GROUP = ("group_id industry_code industry_vi group_vi subgroup_vi name_en managing_ministry requires_5_samples").split()
MAPPING = "mapping_id old_unit new_unit kind coverage basis".split()

CASE = re.compile(r"^([ab])\. Trường hợp (\d): (.*)$")
NUMBERED = re.compile(r"^\s*(\d+(?:\.\d+)*)\s*\.?\s*(.*)$", re.S)
ELIMINATIONS = [
    ("not_evaluated", re.compile(r"không đánh giá những sản phẩm", re.I)),
    ("stop", re.compile(r"không đánh giá các bước tiếp theo|không xem xét các chỉ tiêu khác", re.I)),
    ("product", re.compile(r"bị loại", re.I)),
]


class Tables:
    def __init__(self):
        self.sets, self.criteria, self.options, self.rules = [], [], [], []
        self.keys = set()

    def key(self, wanted):
        """A key not yet given: a number that the source gives twice gets a letter behind it."""
        key = wanted
        for letter in " bcdefg":
            key = (wanted + letter).strip()
            if key not in self.keys:
                break
        assert key not in self.keys, key
        self.keys.add(key)
        return key

    def criterion(self, **row):
        row["position"] = 1 + sum(c["criteria_set"] == row["criteria_set"] for c in self.criteria)
        self.criteria.append(row)
        for note in (row.get("section_notes") or "").split("\n") + (row.get("notes") or "").split("\n"):
            self.rule_of_note(row["criteria_set"], row["criterion_id"], note)

    def rule(self, set_id, criterion, kind, text, predicate=None):
        number = 1 + sum(r["criteria_set"] == set_id for r in self.rules)
        self.rules.append({"rule_id": f"{set_id}/E{number}", "criteria_set": set_id, "criterion": criterion,
                           "kind": kind, "text": text, "predicate": predicate})

    def rule_of_note(self, set_id, criterion, note):
        for kind, pattern in ELIMINATIONS:
            if pattern.search(note):
                self.rule(set_id, criterion, kind, note)
                return

    def add_options(self, criterion, options, cases=None):
        case = 0
        for i, o in enumerate(options):
            if cases and (i == 0 or o["points"] < options[i - 1]["points"]):
                case += 1       # the points begin again: the other case
            key = criterion["criterion_id"]
            self.options.append({
                "option_id": f"{key}/{i + 1}", "criterion": key, "position": i + 1, "text": o["text_vi"],
                "points": o["points"], "min_for_star": o.get("min_for_star"),
                "case_number": case or None, "case_name": cases[case] if cases else None, "notes": o.get("note")})
            self.rule_of_note(criterion["criteria_set"], key, o.get("note") or "")
        assert not cases or case == len(cases)


def lines(notes):
    return "\n".join(n for n in notes if n) or None


def add_qd26(t, source):
    fixes = {}
    for set_id, where, what in source["transcription_fixes"]:
        fixes.setdefault(set_id, []).append(f"Transcription: {what} ({where})")
    for s in source["sets"]:
        parts = {p["id"]: p for p in s["parts"]}
        t.sets.append({
            "set_id": s["id"], "regulation": source["regulation"], "version": "QD26", "number": s["no"],
            "name": s["name_vi"], "total": sum(p["max"] for p in s["parts"]), "status": "published",
            "effective_from": source["effective_from"],
            "notes": lines(s["notes"] + s["disqualify"] + fixes.get(s["id"], [])),
            **{f"part_{k.lower()}": p["max"] for k, p in parts.items()},
            **{f"part_{k.lower()}_name": p["name_vi"] for k, p in parts.items()}})
        for text in s["disqualify"]:
            t.rule(s["id"], None, "dossier", text)
        for p in s["parts"]:
            for section in p["sections"]:
                for i, c in enumerate(section["criteria"]):
                    add_qd26_criterion(t, s["id"], p["id"], section, c, None, i == 0)


def add_qd26_criterion(t, set_id, part, section, c, parent, is_first):
    implicit = bool(c.get("implicit"))
    code = c["id"][:-2] if implicit and c["id"].endswith(".0") else c["id"]
    kind = "group" if c.get("children") else "yes_no" if c.get("boolean") else "options"
    row = {"criterion_id": t.key(f"{set_id}/{code}"), "criteria_set": set_id, "part": part, "section": section["id"],
           "section_name": section["name_vi"], "section_max": section["max"],
           "section_notes": lines(section["notes"]) if is_first else None, "parent": parent, "code": code,
           "name": c["name_vi"], "max": c["max"], "kind": kind, "is_section": int(implicit),
           "notes": lines(c["notes"]), "source_id": c["id"]}
    t.criterion(**row)
    found = [m for m in map(CASE.match, section["notes"] + c["notes"]) if m]
    t.add_options(row, c["options"], {int(m.group(2)): m.group(0) for m in found} if found else None)
    for child in c.get("children", []):
        add_qd26_criterion(t, set_id, part, section, child, row["criterion_id"], False)


def add_qd1048(t, source):
    for number, s in enumerate(source["sets"], 1):
        declared = {"part_a": 35, "part_b": 25, "part_c": 40}
        notes = []
        if not s["parts"]:
            notes.append("Transcription: the source names this set and has none of its criteria")
        elif s["total"] != 100:
            notes.append(f"Transcription: the criteria of the source add up to {s['total']}, "
                         f"part C to {s['part_sums']['C']}")
        t.sets.append({
            "set_id": s["id"], "regulation": source["regulation"], "version": "QD1048", "number": number,
            "name": s["name_vi"], "total": s["total"], "status": "published" if s["parts"] else "draft",
            "effective_from": "2019-08-21", "source": source["source"], "notes": lines(notes), **declared})
        for part, sections in s["parts"].items():
            for section in sections:
                match = NUMBERED.match(section["name_vi"])
                for i, c in enumerate(section["criteria"]):
                    add_qd1048_criterion(t, s["id"], part, section, match, c, None, i == 0)


def add_qd1048_criterion(t, set_id, part, section, section_match, c, parent, is_first):
    match = NUMBERED.match(c["name_vi"])
    is_section = not c["name_vi"].strip()
    code = section_match.group(1) if is_section else match.group(1)
    name = section_match.group(2) if is_section else match.group(2)
    row = {"criterion_id": t.key(f"{set_id}/{code}"), "criteria_set": set_id, "part": part,
           "section": section_match.group(1), "section_name": section_match.group(2),
           "section_max": section["max_sum"], "parent": parent, "code": code, "name": name.strip(), "max": c["max"],
           "kind": "group" if c.get("children") else "options", "is_section": int(is_section),
           "notes": c.get("note"), "source_id": c["id"]}
    t.criterion(**row)
    t.add_options(row, c["options"])
    for child in c.get("children", []):
        add_qd1048_criterion(t, set_id, part, section, section_match, child, row["criterion_id"], False)


def add_seed(t, s):
    t.sets.append({
        "set_id": s["id"], "regulation": s["title_vi"], "version": s["id"], "number": 1,
        "name": "Khung chung cho mọi sản phẩm", "total": s["total_listed"], "status": "historical",
        "source": s["source"],
        "notes": lines([s["title_en"], f"Declared total {s['total_declared']}, listed {s['total_listed']}, "
                        f"{s['total_if_repaired']} if the missing group is counted"]
                       + [f"Part {p['id']}: declared {p['max_declared']}, listed {p['max_listed']}; {p['en']}"
                          for p in s["parts"]]),
        **{f"part_{p['id'].lower()}": p["max_declared"] for p in s["parts"]},
        **{f"part_{p['id'].lower()}_name": p["vi"] for p in s["parts"]}})
    for p in s["parts"]:
        for g in p["groups"]:
            common = {"criteria_set": s["id"], "part": p["id"], "section": g["id"], "section_name": g["vi"],
                      "section_max": g["max"], "is_section": 0}
            if not g["criteria"]:
                t.criterion(criterion_id=t.key(f"{s['id']}/{g['id']}"), code=g["id"], name=g["vi"], max=g["max"],
                            kind="group", notes=lines([g["en"], g["status"], g["repair"]]), source_id=g["id"], **common)
            for c in g["criteria"]:
                notes = [c["en"], c.get("guidance_vi")]
                if "ordinal_vi" in c:
                    notes.append("Thang: " + "; ".join(c["ordinal_vi"]))
                for name, items in c.get("variants_vi", {}).items():
                    notes.append(f"{name}: " + "; ".join(items))
                key = t.key(f"{s['id']}/{c['id']}")
                t.criterion(criterion_id=key, code=c["id"], name=c["vi"], max=c["max"], kind="points",
                            notes=lines(notes), source_id=c["id"], **common)
                if "elimination" in c:
                    e = c["elimination"]
                    t.rule(s["id"], key, "product", lines([e["rule_vi"], e["rule_en"], e["code"]]), e["predicate"])


def regime_row(r):
    d, tr = r.get("deadlines", {}), r.get("transition", {})
    rounds = lambda name: " ".join(f"{x['dossiers_by']}/{x['evaluate_before']}" for x in d.get(name, [])) or None
    window = d.get("reeval_window_days_before_expiry", [None, None])
    forward = r.get("forward", {})
    return {
        "regime_id": r["id"], "valid_from": r["from"], "valid_to": r["to"], "basis": r["basis"],
        "part_a": r["parts"]["A"], "part_b": r["parts"]["B"], "part_c": r["parts"]["C"],
        "levels": " ".join(r["levels"]), "scoring": " ".join(r["scoring"]),
        "partial_assessment": " ".join(r.get("partial_assessment", [])) or None,
        "forward_district_ge": forward.get("district", {}).get("ge"),
        "forward_province_ge": forward.get("province", {}).get("ge"),
        **{f"recognise_{k}": r["recognise"][k] for k in "345"},
        "no_certificate": " ".join(map(str, r.get("no_certificate", []))) or None,
        "validity_months": r["validity_months"], "gates": r.get("gates"),
        "commune_working_days": d.get("commune_assess_working_days"),
        "province_rounds": rounds("province_rounds"), "central_rounds": rounds("central_rounds"),
        "renewal_from_days": window[0], "renewal_to_days": window[1],
        "reevaluation_max_days": d.get("reeval_max_days"),
        "late_extension_max_days": d.get("late_reeval_extension_max_days"),
        "revocation_days": d.get("revocation_days"),
        "transition_first_days": tr.get("pending_first_or_upgrade_days"),
        "transition_reevaluation_days": tr.get("pending_reeval_days")}


def proof_rows(source):
    explain = {int(x["proof_id"]): x["explain"] for x in source["proof_requirements"]}
    return [{"proof_id": f"QD1048/{n}", "version": "QD1048", "number": n, "title": p["title"],
             "is_required": int(p["required"]), "explanation": explain.get(n)}
            for n, p in enumerate(source["proof_types"], 1)]


def mapping_rows(directory):
    stages = [("mapping-2018-2020.csv", "2017-10-15", "2020-01-01"),
              ("mapping-2020-2025-01.csv", "2020-01-01", "2025-01-01"),
              ("mapping-2025.csv", "2025-01-01", "2025-07-01")]
    for name, old_from, new_from in stages:
        for r in rows_of(directory / name):
            old, new = f"{r['old_code']}@{old_from}", f"{r['new_code']}@{new_from}"
            basis = r.get("basis") or f"NQ 1665/NQ-UBTVQH15, item {r['resolution_item']}"
            yield {"mapping_id": f"{old}>{new}", "old_unit": old, "new_unit": new, "kind": r.get("kind"),
                   "coverage": r.get("coverage"), "basis": basis}


def rows_of(path):
    with open(path, encoding="utf-8-sig", newline="") as f:
        return list(csv.DictReader(f))


def write(path, columns, rows):
    rows = list(rows)
    assert all(set(r) <= set(columns) for r in rows), [set(r) - set(columns) for r in rows][:1]
    assert len({r[columns[0]] for r in rows}) == len(rows), f"{path.name}: a key stands twice"
    with open(path, "w", encoding="utf-8", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(columns)
        for r in rows:
            w.writerow(["" if r.get(c) is None else unicodedata.normalize("NFC", str(r[c])) for c in columns])
    return len(rows)


def check(t):
    scored = [c for c in t.criteria if c["kind"] != "group"]
    qd26 = [c for c in scored if c["criteria_set"].startswith("QD26-")]
    assert len(qd26) == 787
    assert sum(c["kind"] == "yes_no" for c in qd26) == 22
    assert sum(o["option_id"].startswith("QD26-") for o in t.options) == 2535
    best = {}
    for o in t.options:
        best[o["criterion"]] = max(best.get(o["criterion"], 0), o["points"])
    for c in scored:
        assert c["kind"] != "options" or best[c["criterion_id"]] == c["max"], c["criterion_id"]
    for s in t.sets:
        mine = [c for c in scored if c["criteria_set"] == s["set_id"]]
        sums = {p: sum(c["max"] for c in mine if c["part"] == p) for p in "ABC"}
        assert sum(sums.values()) == s["total"], (s["set_id"], sums)
        if s["version"] == "QD26":
            assert sums == {"A": 40, "B": 25, "C": 35}, (s["set_id"], sums)
        for section in {(c["part"], c["section"]) for c in mine}:
            part = [c for c in mine if (c["part"], c["section"]) == section]
            assert sum(c["max"] for c in part) == part[0]["section_max"], (s["set_id"], section)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: criteria-to-csv.py SOURCE-DIR TARGET-DIR")
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    load = lambda name: json.loads((source / name).read_text(encoding="utf-8"))
    target.mkdir(parents=True, exist_ok=True)
    t = Tables()
    add_qd26(t, load("criteria-qd26-2026.json"))
    add_qd1048(t, load("criteria-qd1048-2020.json"))
    add_seed(t, load("rubric-seed-2018.json"))
    check(t)
    counts = {
        "criteria-sets.csv": write(target / "criteria-sets.csv", SET, t.sets),
        "criteria.csv": write(target / "criteria.csv", CRITERION, t.criteria),
        "criterion-options.csv": write(target / "criterion-options.csv", OPTION, t.options),
        "elimination-rules.csv": write(target / "elimination-rules.csv", RULE, t.rules),
        "regimes.csv": write(target / "regimes.csv", REGIME, map(regime_row, load("regimes.json"))),
        "proof-types.csv": write(target / "proof-types.csv", PROOF, proof_rows(load("criteria-qd1048-2020.json"))),
        "unit-mapping.csv": write(target / "unit-mapping.csv", MAPPING, mapping_rows(source)),
        "product-groups-2026.csv": write(target / "product-groups-2026.csv", GROUP, [
            {"group_id": r.pop("id"), **r} for r in rows_of(source / "product-groups-2026.csv")]),
    }
    for name in COPIED:
        shutil.copyfile(source / name, target / name)
    for name, count in counts.items():
        print(f"{name}: {count} rows")


if __name__ == "__main__":
    main()
