#!/usr/bin/env python3
"""Runs the programs of the verdict matrix under whoholds and prints the matrix; started by scripts/verdict-matrix.

Each program gets a pipe as its standard input and ends with it. The last line is `N passed, N failed`.
"""
import argparse
import concurrent.futures
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # the source folder stays as it is

import judgement

HERE = pathlib.Path(__file__).resolve().parent
CGROUP_LIMIT_BYTES = 512 << 20
ATTACH_SECONDS = 120  # on a loaded machine


class Skip(Exception):
    pass


def command_of(case, arguments):
    if case.language == "Python":  # the distribution's, which is one process and one program
        python = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
        return [python, case.path]
    if case.language == "Node":
        node = shutil.which("node")
        if not node:
            raise Skip("there is no node")
        return [node, case.path]
    program = pathlib.Path(arguments.programs, case.name)
    if not program.is_file():
        raise Skip(f"{program} was not built")
    return [str(program)]


@contextlib.contextmanager
def cgroup(name):
    """A memory cgroup of its own with a limit; the folder, or Skip if this machine has none to give."""
    base = pathlib.Path("/sys/fs/cgroup")
    is_first_version = (base / "memory").is_dir()
    folder = (base / "memory" if is_first_version else base) / f"whoholds-verdict-{os.getpid()}-{name}"
    limit = "memory.limit_in_bytes" if is_first_version else "memory.max"
    try:
        folder.mkdir()
        (folder / limit).write_text(str(CGROUP_LIMIT_BYTES))
    except OSError as error:
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise Skip(f"no memory cgroup can be made here: {error}") from error
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()


@contextlib.contextmanager
def running(case, arguments):
    """The program, set up and at work."""
    with contextlib.ExitStack() as stack:
        group = stack.enter_context(cgroup(case.name)) if "cgroup" in case.needs else None
        command = command_of(case, arguments) + [str(arguments.seconds), str(arguments.seed)]
        if group:  # sh enters the cgroup and becomes the program
            command = ["sh", "-c", 'echo $$ >"$0" && exec "$@"', str(group / "cgroup.procs")] + command
        environment = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
        # In a session of its own: Ctrl-C is for us, and it then ends with its input and cleans up.
        program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
                                   start_new_session=True)
        try:
            if program.stdout.readline().strip() != b"READY":
                raise Skip("the program did not get ready")
            yield program
        finally:
            program.stdin.close()
            try:
                program.wait(10)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
            program.stdout.close()


def watch(case, pid, arguments):
    """What whoholds printed of it, and why there is nothing."""
    how = ["-p", str(pid), f"{arguments.interval:g}", "--duration", f"{arguments.seconds}s"]
    if not arguments.record:
        return output_of([arguments.whoholds, *how, "--json", "--top", "40"], arguments)
    recording = str(pathlib.Path(arguments.record, case.name + ".rec"))
    _, complaint = output_of([arguments.whoholds, "record", "-o", recording, *how], arguments)
    text, _ = output_of([arguments.whoholds, "report", recording, "--json", "--top", "40"], arguments)
    return text, complaint


def output_of(command, arguments):
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        tool = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        try:
            tool.wait(arguments.seconds * 2 + ATTACH_SECONDS)
        finally:
            if tool.poll() is None:
                tool.kill()
                tool.wait()
        output.seek(0)
        errors.seek(0)
        complaint = (errors.read().decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
        return output.read().decode(errors="replace"), complaint


def run(case, arguments):
    try:
        with running(case, arguments) as program:
            text, complaint = watch(case, program.pid, arguments)
            ended = program.poll()
    except Skip as reason:
        return judgement.Outcome(case, judgement.SKIPPED, str(reason))
    except subprocess.TimeoutExpired:
        return judgement.Outcome(case, judgement.NO_REPORT, "whoholds did not end")
    if arguments.save:
        pathlib.Path(arguments.save, case.name + ".jsonl").write_text(text, encoding="utf-8")
    if ended is not None:  # a program that is not there leaks nothing
        return judgement.Outcome(case, judgement.NO_REPORT, f"the program ended with status {ended}")
    outcome = judgement.judge(case, judgement.parse_lines(text))
    if outcome.result == judgement.NO_REPORT:
        outcome.said = complaint
    return outcome


def rejudge(case, folder):
    path = pathlib.Path(folder, case.name + ".jsonl")
    if not path.is_file():
        return judgement.Outcome(case, judgement.SKIPPED, "nothing was saved of it")
    return judgement.judge(case, judgement.parse_lines(path.read_text(encoding="utf-8")))


def parse_arguments():
    parser = argparse.ArgumentParser(prog="verdict-matrix")
    parser.add_argument("--set", choices=[*judgement.SETS, "all"], default="tuned", help="which programs")
    parser.add_argument("--only", metavar="REGEX", default="", help="those whose name matches")
    parser.add_argument("--seconds", metavar="N", type=int, default=60, help="how long each is watched")
    parser.add_argument("--interval", metavar="N", type=float, default=5, help="seconds between reports")
    parser.add_argument("--parallel", metavar="N", type=int, default=1, help="so many at once")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="of the programs' random numbers")
    parser.add_argument("--save", metavar="DIR", help="keep the JSON lines there")
    parser.add_argument("--record", metavar="DIR", help="record them there, and judge the recordings")
    parser.add_argument("--from", dest="saved", metavar="DIR", help="judge what was saved there")
    parser.add_argument("--list", action="store_true", help="only list the programs")
    parser.add_argument("--whoholds", metavar="PATH", default="whoholds", help=argparse.SUPPRESS)
    parser.add_argument("--programs", metavar="DIR", default=".", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.seconds < 1 or arguments.interval <= 0 or arguments.parallel < 1:
        parser.error("--seconds, --interval and --parallel must be positive")
    return arguments


def choose_cases(arguments):
    sets = list(judgement.SETS) if arguments.set == "all" else [arguments.set]
    cases = (judgement.load_cases(pathlib.Path(arguments.saved, "cases.json")) if arguments.saved
             else judgement.read_cases(HERE, sets))
    return [case for case in cases if re.search(arguments.only, case.name)]


def main():
    arguments = parse_arguments()
    cases = choose_cases(arguments)
    if arguments.list:
        for case in cases:
            print(f"{case.name:<22} {case.language:<7} {case.expected():<22} lines {case.lines}")
        return 0
    if arguments.record:
        pathlib.Path(arguments.record).mkdir(parents=True, exist_ok=True)
    if arguments.save:
        pathlib.Path(arguments.save).mkdir(parents=True, exist_ok=True)
        judgement.save_cases(pathlib.Path(arguments.save, "cases.json"), cases)
    judge = (lambda case: rejudge(case, arguments.saved)) if arguments.saved else (lambda case: run(case, arguments))
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(arguments.parallel) as pool:
        for outcome in pool.map(judge, cases):
            outcomes.append(outcome)
            print(judgement.row(outcome), flush=True)
    print("\n" + judgement.confusion_matrix(outcomes))
    print(judgement.summary(outcomes))
    return 0 if outcomes and all(outcome.passed() or outcome.result == judgement.SKIPPED for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
