"""What the sources say of themselves, and whether findings are right: no process is started here.

A source says in its first lines `expect: leak of KIND...`, `expect: quiet` or `expect: RULE...`, with `quiet or` before it if
both are right. Lines that end in a comment LEAK HERE are the true ones; a finding that names one of them is right.
"""
import dataclasses
import json
import os
import pathlib
import re

LANGUAGES = {".c": "C", ".cpp": "C++", ".go": "Go", ".py": "Python", ".js": "Node"}
MARK = re.compile(r"(//|#)\s*LEAK HERE\b")
SETS = {"tuned": ("leaking", "healthy"), "held-out": ("held_out/leaking", "held_out/healthy")}
SUSPECTING = ("leak", "growing")  # verdicts; "holding" says only that there is much

# Outcomes. Of leaking programs:
RIGHT, OTHER_LINE, MISSED = "true line first", "another line", "missed"
# ... and of healthy ones, and of those of which something else than a leak is to be said:
QUIET, FALSE_ALARM, NAMED, UNNAMED = "quiet", "false alarm", "named", "not named"
# ... and of all:
NO_REPORT, SKIPPED = "no report", "skipped"
PASSING = (RIGHT, QUIET, NAMED)


@dataclasses.dataclass
class Case:
    name: str
    source: str  # file name
    language: str
    leaks: bool
    kinds: list  # of a leak
    rules: list  # findings that are right although nothing leaks
    quiet_is_right: bool
    lines: list  # the true ones
    needs: list
    path: str = ""

    def expected(self):
        if self.leaks:
            return "leak " + "+".join(self.kinds)
        return " or ".join((["quiet"] if self.quiet_is_right else []) + self.rules)


@dataclasses.dataclass
class Outcome:
    case: Case
    result: str
    said: str = ""  # the first finding
    remarks: list = dataclasses.field(default_factory=list)

    def passed(self):
        return self.result in PASSING


def read_case(path):
    text = path.read_text(encoding="utf-8").splitlines()
    described = {}
    for line in text[:12]:
        found = re.match(r"(?://|#) (expect|needs): (.+)", line)
        if found:
            described[found[1]] = found[2].split()
    words = described.get("expect", [])
    leaks = words[:2] == ["leak", "of"]
    rules = [] if leaks else [word for word in words if word not in ("quiet", "or")]
    return Case(name=path.stem, source=path.name, language=LANGUAGES[path.suffix], leaks=leaks,
                kinds=words[2:] if leaks else [], rules=rules, quiet_is_right="quiet" in words,
                lines=[number for number, line in enumerate(text, 1) if MARK.search(line)],
                needs=described.get("needs", []), path=str(path))


def read_cases(folder, sets):
    found = []
    for name in sets:
        for part in SETS[name]:
            paths = [path for path in pathlib.Path(folder, part).glob("*") if path.suffix in LANGUAGES]
            order = list(LANGUAGES)
            found += [read_case(path) for path in sorted(paths, key=lambda path: (order.index(path.suffix), path.name))]
    return found


def save_cases(path, cases):
    pathlib.Path(path).write_text(json.dumps([dataclasses.asdict(case) for case in cases], indent=1) + "\n", encoding="utf-8")


def load_cases(path):
    return [Case(**fields) for fields in json.loads(pathlib.Path(path).read_text(encoding="utf-8"))]


def findings(report):
    return [finding for process in report.get("processes", []) for finding in process.get("findings", [])]


def names_true_line(case, place):
    return os.path.basename(place.get("file") or "") == case.source and place.get("line") in case.lines


def describe(finding):
    place = f" {os.path.basename(finding['file'])}:{finding.get('line')}" if finding.get("file") else ""
    return f"{finding.get('verdict')} [{finding.get('rule')}] {finding.get('headline')}{place}"


def stacks_with_true_line(case, report):
    return sum(any(names_true_line(case, frame) for frame in stack.get("frames", []))
               for process in report.get("processes", []) for stack in process.get("stacks", []))


def judge_leak(case, report):
    found = [finding for finding in findings(report) if finding.get("verdict") in SUSPECTING]
    true_places = [place for place, finding in enumerate(found) if names_true_line(case, finding)]
    remarks = []
    if not true_places[:1] == [0]:
        remarks.append(f"the true line is finding {true_places[0] + 1}" if true_places
                       else f"the true line is in {stacks_with_true_line(case, report)} stacks of the report")
    if len(found) > 1:
        remarks.append(f"{len(found)} findings")
    said = found[:1] or findings(report)[:1]
    if said and case.kinds and not set(case.kinds) & set(said[0].get("kinds", [])):
        remarks.append(f"kinds: {', '.join(said[0].get('kinds', []))}")
    result = MISSED if not found else RIGHT if true_places[:1] == [0] else OTHER_LINE
    return Outcome(case, result, describe(said[0]) if said else "", remarks)


def judge_healthy(case, report):
    found = findings(report)
    wrong = [finding for finding in found if finding.get("rule") not in case.rules]
    if wrong:
        remarks = [f"{len(found)} findings"] if len(found) > 1 else []
        return Outcome(case, FALSE_ALARM, describe(wrong[0]), remarks)
    if found:
        return Outcome(case, NAMED, describe(found[0]))
    return Outcome(case, QUIET if case.quiet_is_right else UNNAMED)


def history_remarks(case, reports, last):
    """When it was said first; for healthy programs, whether there was an alarm in between."""
    said = [[(finding.get("headline"), finding.get("line")) for finding in findings(report)
             if finding.get("rule") not in case.rules] for report in reports]
    if last and (place := (last[0].get("headline"), last[0].get("line"))) in said[-1]:
        first = next(i for i in range(len(said)) if all(place in names for names in said[i:]))
        return [f"said since {reports[first].get('attached_s', 0):.0f} s"]
    times = [f"{report.get('attached_s', 0):.0f}" for report, names in zip(reports[:-1], said) if names]
    return [f"alarms at {', '.join(times)} s, gone at the end"] if times else []


def judge(case, reports):
    """reports: what was printed, oldest first."""
    if not reports:
        return Outcome(case, NO_REPORT)
    last = reports[-1]
    outcome = judge_leak(case, last) if case.leaks else judge_healthy(case, last)
    outcome.remarks += history_remarks(case, reports, findings(last))
    if not last.get("final"):
        outcome.remarks.append("not the final report")
    return outcome


def parse_lines(text):
    reports = []
    for line in text.splitlines():
        try:
            reports.append(json.loads(line))
        except ValueError:  # cut
            pass
    return reports


def row(outcome):
    remarks = f"  ({'; '.join(outcome.remarks)})" if outcome.remarks else ""
    good = "ok   " if outcome.passed() else "-    " if outcome.result == SKIPPED else "WRONG"
    return f"{good} {outcome.case.name:<22} {outcome.case.expected():<22} {outcome.result:<15} {outcome.said}{remarks}"


def confusion_matrix(outcomes):
    lines = []
    for title, leaks, columns in (("leaking", True, (RIGHT, OTHER_LINE, MISSED)),
                                  ("healthy", False, (QUIET, FALSE_ALARM, NAMED, UNNAMED))):
        mine = [outcome for outcome in outcomes if outcome.case.leaks == leaks]
        used = [column for column in columns + (NO_REPORT, SKIPPED)
                if column in columns[:3] or any(outcome.result == column for outcome in mine)]
        lines.append(f"{title:<9}" + "".join(f"{column:>17}" for column in used))
        for language in [*LANGUAGES.values(), "all"]:
            rows = [outcome for outcome in mine if language in ("all", outcome.case.language)]
            if rows:
                counts = "".join(f"{sum(outcome.result == column for outcome in rows):>17}" for column in used)
                lines.append(f"  {language:<7}{counts}")
        lines.append("")
    return "\n".join(lines)


def summary(outcomes):
    judged = [outcome for outcome in outcomes if outcome.result != SKIPPED]
    passed = sum(outcome.passed() for outcome in judged)
    return f"{passed} passed, {len(judged) - passed} failed"
