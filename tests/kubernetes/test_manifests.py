#!/usr/bin/env python3
"""The manifests in deploy/: that they are YAML, what they ask for, and that the schemas of Kubernetes accept them.

test_manifests.py [--cache FOLDER] [TEST...]. The schemas come from the npm package kubernetes-models, which is installed into
the cache; where that fails, the test that needs it is skipped with the reason, and the others run.
"""
import argparse
import copy
import json
import pathlib
import shutil
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True  # the source folder stays as it is
import suite  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
DEPLOY = HERE.parent.parent / "deploy"
SCHEMAS = "kubernetes-models@5.1.0"
CAPABILITIES = ["SYS_ADMIN", "SYS_PTRACE"]

cache = None


def documents(name):
    import yaml
    return [one for one in yaml.safe_load_all((DEPLOY / name).read_text()) if one is not None]


def pod_with_ephemeral(container):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
            "spec": {"containers": [{"name": "app", "image": "app"}], "ephemeralContainers": [container]}}


def objects():
    """Whole objects: partial containers become an ephemeral container of a pod."""
    partial = [{"name": "whoholds", "image": "whoholds", **documents(name)[0]} for name in ("root.yaml", "least.yaml")]
    patched = documents("ephemeral-container.yaml")[0]["spec"]["ephemeralContainers"]
    return [*documents("daemonset.yaml"), *documents("rbac.yaml"), *map(pod_with_ephemeral, [*partial, *patched])]


def daemonset():
    return next(one for one in documents("daemonset.yaml") if one["kind"] == "DaemonSet")


class Manifests(unittest.TestCase):
    def test_every_file_is_yaml_and_says_how_it_is_used(self):
        for path in sorted(DEPLOY.glob("*.yaml")):
            self.assertGreater(len(documents(path.name)), 0, path)
            self.assertIn("#   kubectl ", path.read_text(), path)

    def test_the_daemonset_has_two_capabilities_and_nothing_writable(self):
        template = daemonset()["spec"]["template"]["spec"]
        container, = template["containers"]
        self.assertIs(template["hostPID"], True)
        self.assertIs(template["automountServiceAccountToken"], False)
        self.assertNotIn("volumes", template)
        self.assertNotIn("volumeMounts", container)
        self.assertEqual(container["securityContext"], {
            "runAsUser": 0, "runAsNonRoot": False, "privileged": False, "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False, "seccompProfile": {"type": "RuntimeDefault"},
            "capabilities": {"drop": ["ALL"], "add": CAPABILITIES}})

    def test_the_daemonset_selects_its_own_pods_on_labelled_nodes_in_a_namespace_that_allows_it(self):
        manifest = daemonset()
        template = manifest["spec"]["template"]
        self.assertEqual(manifest["spec"]["selector"]["matchLabels"], template["metadata"]["labels"])
        self.assertEqual(template["spec"]["nodeSelector"], {"whoholds": "on"})
        namespace = documents("daemonset.yaml")[0]
        self.assertEqual(namespace["metadata"]["name"], manifest["metadata"]["namespace"])
        self.assertEqual(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "privileged")

    def test_the_partial_containers_hold_what_they_are_for(self):
        self.assertEqual(documents("least.yaml"), [{"securityContext": {"capabilities": {"add": CAPABILITIES}}}])
        self.assertEqual(documents("root.yaml"), [{"securityContext": {"runAsUser": 0, "runAsNonRoot": False}}])


class Schemas(unittest.TestCase):
    def validate(self, checked):
        program = (HERE / "validate_manifests.mjs").read_text()
        done = subprocess.run(["node", "--input-type=module", "--eval", program], input=json.dumps(checked), cwd=cache,
                              capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    def setUp(self):
        if not shutil.which("npm"):
            self.skipTest("there is no npm, which would bring the schemas of Kubernetes")
        if not (cache / "node_modules" / "kubernetes-models").is_dir():
            cache.mkdir(parents=True, exist_ok=True)
            (cache / "package.json").write_text('{"private": true}\n')
            done = subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", SCHEMAS], cwd=cache,
                                  capture_output=True, text=True, check=False)
            if done.returncode != 0:
                self.skipTest(f"npm cannot install {SCHEMAS}: {done.stderr.strip()[-200:]}")

    def test_kubernetes_accepts_every_manifest(self):
        checked = objects()
        said = self.validate(checked)
        self.assertEqual(said, ["ok"] * len(checked))

    def test_the_validation_would_see_a_wrong_type(self):
        broken = copy.deepcopy(objects())
        manifest = next(one for one in broken if one["kind"] == "DaemonSet")
        manifest["spec"]["template"]["spec"]["hostPID"] = "very much"
        broken[-1]["spec"]["ephemeralContainers"][0]["securityContext"]["capabilities"]["add"] = "SYS_ADMIN"
        said = self.validate(broken)
        self.assertEqual([line == "ok" for line in said], [one is not manifest and one is not broken[-1] for one in broken])


def main():
    global cache
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", default=str(HERE.parent.parent / "build" / "kubernetes"))
    parser.add_argument("tests", nargs="*")
    arguments = parser.parse_args()
    cache = pathlib.Path(arguments.cache)
    try:
        import yaml  # noqa: F401
    except ImportError:
        return suite.skip("this python3 has no yaml (Debian: python3-yaml)")
    return suite.run(arguments.tests)


if __name__ == "__main__":
    sys.exit(main())
