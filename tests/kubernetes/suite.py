"""Runs the test cases of the main module; the exit code is what CTest wants to know. Used by the test_*.py."""
import sys
import unittest

SKIPPED = 77


def skip(reason):
    print(f"SKIPPED: {reason}")
    return SKIPPED


def run(names):
    result = unittest.main(argv=[sys.argv[0], "-v", *names], exit=False, warnings="ignore").result
    if not result.wasSuccessful():
        return 1
    if result.testsRun and len(result.skipped) == result.testsRun:
        return skip(result.skipped[0][1])
    return 0
