#!/usr/bin/env python3
"""Tests judgement.py with made-up reports, and that every program of the matrix is described: neither root nor a build."""
import json
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True  # the source folder stays as it is

import judgement

HERE = pathlib.Path(__file__).resolve().parent


def leaking(**fields):
    return judgement.Case(**{"name": "keeper", "source": "keeper.c", "language": "C", "leaks": True, "kinds": ["heap"], "rules": [],
                             "quiet_is_right": False, "lines": [12], "needs": [], **fields})


def healthy(rules=(), quiet=True):
    return leaking(leaks=False, kinds=[], rules=list(rules), quiet_is_right=quiet, lines=[])


def finding(line=12, **fields):
    return {"verdict": "leak", "rule": "survivors", "headline": "keep", "file": "/src/keeper.c", "line": line, "kinds": ["heap"],
            **fields}


def report(*findings, at=60, final=True, stacks=()):
    return {"attached_s": at, "final": final, "processes": [{"pid": 1, "findings": list(findings), "stacks": list(stacks)}]}


class Leaking(unittest.TestCase):
    def result(self, *reports, case=None):
        return judgement.judge(case or leaking(), list(reports))

    def test_the_true_line_must_be_first(self):
        self.assertEqual(self.result(report(finding())).result, judgement.RIGHT)
        second = self.result(report(finding(line=40), finding()))
        self.assertEqual(second.result, judgement.OTHER_LINE)
        self.assertIn("the true line is finding 2", second.remarks)

    def test_any_of_several_true_lines_is_right(self):
        self.assertTrue(self.result(report(finding(line=30)), case=leaking(lines=[12, 30])).passed())

    def test_the_same_line_of_another_file_is_another_line(self):
        self.assertEqual(self.result(report(finding(file="other.c"))).result, judgement.OTHER_LINE)
        self.assertEqual(self.result(report(finding(file=None, line=None))).result, judgement.OTHER_LINE)

    def test_holding_is_no_suspicion(self):
        self.assertEqual(self.result(report(finding(verdict="holding"))).result, judgement.MISSED)
        self.assertTrue(self.result(report(finding(verdict="holding", line=1), finding(verdict="growing"))).passed())

    def test_a_missed_one_says_whether_the_line_was_to_be_seen(self):
        missed = self.result(report(stacks=[{"frames": [{"file": "keeper.c", "line": 12}]}, {"frames": []}]))
        self.assertEqual(missed.result, judgement.MISSED)
        self.assertIn("the true line is in 1 stacks of the report", missed.remarks)

    def test_a_report_without_findings_is_one_that_missed(self):
        self.assertEqual(self.result({"final": True, "processes": [{"pid": 1}]}).result, judgement.MISSED)

    def test_only_the_last_report_counts_and_it_says_since_when(self):
        outcome = self.result(report(at=5, final=False), report(finding(), at=20, final=False), report(finding()))
        self.assertTrue(outcome.passed())
        self.assertIn("said since 20 s", outcome.remarks)
        self.assertEqual(self.result(report(finding(), at=5, final=False), report()).result, judgement.MISSED)

    def test_kinds_of_something_else_are_remarked(self):
        self.assertIn("kinds: fd", self.result(report(finding(kinds=["fd"]))).remarks)

    def test_no_report_fails(self):
        self.assertFalse(self.result().passed())


class Healthy(unittest.TestCase):
    def result(self, *reports, case=None):
        return judgement.judge(case or healthy(), list(reports))

    def test_any_finding_is_a_false_alarm(self):
        self.assertEqual(self.result(report()).result, judgement.QUIET)
        for verdict in ("leak", "growing", "holding"):
            self.assertEqual(self.result(report(finding(verdict=verdict))).result, judgement.FALSE_ALARM)

    def test_an_alarm_that_is_gone_at_the_end_is_remarked(self):
        outcome = self.result(report(finding(), at=25, final=False), report())
        self.assertTrue(outcome.passed())
        self.assertIn("alarms at 25 s, gone at the end", outcome.remarks)

    def test_what_is_to_be_named(self):
        named = report(finding(rule="fragmentation", verdict="holding"))
        self.assertEqual(self.result(named, case=healthy(["fragmentation"], quiet=False)).result, judgement.NAMED)
        self.assertEqual(self.result(report(), case=healthy(["fragmentation"], quiet=False)).result, judgement.UNNAMED)
        self.assertEqual(self.result(report(finding()), case=healthy(["fragmentation"])).result, judgement.FALSE_ALARM)
        self.assertTrue(self.result(report(), case=healthy(["fragmentation"])).passed())


class Output(unittest.TestCase):
    def test_the_matrix_counts_each_language_and_all(self):
        outcomes = [judgement.judge(leaking(), [report(finding())]), judgement.judge(leaking(language="Go"), [report()]),
                    judgement.judge(healthy(), [report()]), judgement.Outcome(healthy(), judgement.SKIPPED, "no cgroup")]
        rows = [line.split() for line in judgement.confusion_matrix(outcomes).splitlines() if line]
        self.assertIn(["C", "1", "0", "0"], rows)
        self.assertIn(["Go", "0", "0", "1"], rows)
        self.assertIn(["all", "1", "0", "1"], rows)
        self.assertIn(["all", "1", "0", "0", "1"], rows)
        self.assertEqual(judgement.summary(outcomes), "2 passed, 1 failed")

    def test_lines_that_were_cut_are_passed_over(self):
        text = json.dumps(report(finding())) + "\n" + json.dumps(report())[:20]
        self.assertEqual(len(judgement.parse_lines(text)), 1)

    def test_cases_are_saved_and_loaded(self):
        with tempfile.TemporaryDirectory() as folder:
            judgement.save_cases(folder + "/cases.json", [leaking(), healthy(["tmpfs"])])
            self.assertEqual(judgement.load_cases(folder + "/cases.json"), [leaking(), healthy(["tmpfs"])])


class Sources(unittest.TestCase):
    def test_each_says_what_is_expected_of_it(self):
        cases = judgement.read_cases(HERE, judgement.SETS)
        self.assertGreater(len(cases), 50)
        for case in cases:
            with self.subTest(case.name):
                self.assertEqual(case.leaks, "leaking" in case.path)
                self.assertEqual(bool(case.lines), case.leaks, "LEAK HERE")
                self.assertTrue(case.kinds or case.rules or case.quiet_is_right, "expect:")

    def test_no_two_have_one_name(self):
        names = [case.name for case in judgement.read_cases(HERE, judgement.SETS)]
        self.assertEqual(len(names), len(set(names)))


if __name__ == "__main__":
    unittest.main()
