"""What a kubelet would do, done by podman and runc: containers of a pod, with the securityContext that the API was given.

Used by api_server and the tests. Covers what these tests ask for and nothing else; it is no kubelet.
"""
import json
import os
import pathlib
import pty
import shutil
import subprocess
import tempfile
import threading

CONF = """[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


class Podman:
    """podman with a store of its own, which goes with it."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="whoholds-kubernetes-"))
        (self.folder / "containers.conf").write_text(CONF)
        self.environment = {**os.environ, "CONTAINERS_CONF": str(self.folder / "containers.conf")}
        self.base = ["podman", "--root", str(self.folder / "store"), "--runroot", str(self.folder / "run")]

    def __call__(self, *arguments, **options):
        options = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL, **options}
        return subprocess.run([*self.base, *arguments], env=self.environment, check=False, **options)

    def start(self, arguments, **streams):
        return subprocess.Popen([*self.base, *arguments], env=self.environment, **streams)

    def trouble(self, image):
        """Why containers cannot be started here, or None."""
        for program in ("podman", "runc"):
            if not shutil.which(program):
                return f"there is no {program} (Debian: apt-get install podman runc)"
        tried = self("run", "--rm", "--pull=never", "--network=none", image, "--version")
        return None if tried.returncode == 0 else f"runc cannot start a container here: {tried.stderr.strip()[-300:]}"

    def import_programs(self, image, programs, entrypoint):
        """An image FROM scratch: the programs, at /, and the libraries that they need."""
        with tempfile.TemporaryDirectory() as root:
            for program in programs:
                shutil.copy(program, root)
                listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
                for library in (word for word in listed.split() if word.startswith("/")):
                    place = pathlib.Path(root + library)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(library, place)
            (pathlib.Path(root) / "tmp").mkdir()
            archive = self.folder / "image.tar"
            subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
        made = self("import", "--change", f"ENTRYPOINT {json.dumps([entrypoint])}", str(archive), image)
        if made.returncode != 0:
            raise RuntimeError(made.stderr)

    def has_image(self, image):
        return self("image", "exists", image).returncode == 0

    def clean(self):
        self("rm", "--all", "--force", "--time", "0")
        self("unmount", "--all")
        shutil.rmtree(self.folder, ignore_errors=True)


def security_arguments(container, pod_spec):
    """securityContext of a container and its pod, as arguments of podman run."""
    pod = pod_spec.get("securityContext") or {}
    own = container.get("securityContext") or {}
    arguments = []
    if own.get("privileged"):
        arguments.append("--privileged")
    capabilities = own.get("capabilities", {})
    arguments += [f"--cap-drop={name}" for name in capabilities.get("drop", [])]
    arguments += [f"--cap-add={name}" for name in capabilities.get("add", [])]
    user = own.get("runAsUser", pod.get("runAsUser"))
    if user is not None:
        arguments += ["--user", str(user)]
    if own.get("readOnlyRootFilesystem"):
        arguments += ["--read-only", "--read-only-tmpfs=false"]
    if own.get("allowPrivilegeEscalation") is False:
        arguments.append("--security-opt=no-new-privileges")
    seccomp = own.get("seccompProfile", pod.get("seccompProfile", {})).get("type", "Unconfined")
    if seccomp == "Unconfined":
        arguments.append("--security-opt=seccomp=unconfined")
    return arguments


def must_not_be_root(container, pod_spec):
    pod = pod_spec.get("securityContext") or {}
    own = container.get("securityContext") or {}
    user = own.get("runAsUser", pod.get("runAsUser", 0))
    return own.get("runAsNonRoot", pod.get("runAsNonRoot", False)) and user == 0


class Container:
    """One container of a pod, its log and, if it has one, its terminal."""

    def __init__(self, podman, spec, pod_spec, namespaces):
        self.podman = podman
        self.name = spec["name"]
        self.node_name = f"k8s_{self.name}"
        self.spec = spec
        self.process = None
        self.terminal = None
        self._waiting = self._why_it_cannot_start(spec, pod_spec)
        self._output = b""
        self._changed = threading.Condition()
        self._ended = False
        self._was_running = False
        if self._waiting is None:
            self._start(self._arguments(spec, pod_spec, namespaces))

    def _why_it_cannot_start(self, spec, pod_spec):
        if not self.podman.has_image(spec["image"]):
            return {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{spec["image"]}"'}
        if must_not_be_root(spec, pod_spec):
            return {"reason": "CreateContainerConfigError", "message": "container has runAsNonRoot and image will run as root"}
        return None

    def _arguments(self, spec, pod_spec, namespaces):
        arguments = ["run", "--name", self.node_name, "--pull=never", *namespaces, *security_arguments(spec, pod_spec)]
        if spec.get("stdin"):
            arguments.append("--interactive")
        if spec.get("tty"):
            arguments.append("--tty")
        if spec.get("command"):
            arguments += ["--entrypoint", json.dumps(spec["command"])]
        return [*arguments, spec["image"], *spec.get("args", [])]

    def _start(self, arguments):
        if self.spec.get("tty"):
            self.terminal, theirs = pty.openpty()
            self.process = self.podman.start(arguments, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
            os.close(theirs)
            source = self.terminal
        else:
            self.process = self.podman.start(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            source = self.process.stdout.fileno()
        threading.Thread(target=self._collect, args=(source,), daemon=True).start()

    def _collect(self, source):
        while True:
            try:
                data = os.read(source, 65536)
            except OSError:  # EIO: the terminal's other end is closed
                data = b""
            with self._changed:
                self._output += data
                if not data:
                    break
                self._changed.notify_all()
        self.process.wait()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def output(self, position=0):
        """The log from there on, in pieces, until the container has ended."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: len(self._output) > position or self._ended)
                piece = self._output[position:]
            if not piece:
                return
            position += len(piece)
            yield piece

    def written(self):
        with self._changed:
            return len(self._output)

    def send(self, data):
        if self.terminal is not None:
            os.write(self.terminal, data)
        else:
            self.process.stdin.write(data)
            self.process.stdin.flush()

    def is_running(self):
        if not self._was_running and self.process is not None:
            said = self.podman("container", "inspect", "--format", "{{.State.Running}}", self.node_name)
            self._was_running = said.stdout.strip() == "true"
        return self._was_running

    def status(self):
        state = {"waiting": {"reason": "ContainerCreating"}}
        if self._waiting is not None:
            state = {"waiting": self._waiting}
        elif self._ended:
            state = {"terminated": {"exitCode": self.process.returncode, "reason": "Error" if self.process.returncode else "Completed"}}
        elif self.is_running():
            state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
        status = {"name": self.name, "state": state, "ready": "running" in state, "restartCount": 0,
                  "image": self.spec["image"], "imageID": ""}
        if "running" in state:
            status["containerID"] = f"containerd://{self.node_id()}"
        return status

    def node_id(self):
        return self.podman("container", "inspect", "--format", "{{.Id}}", self.node_name).stdout.strip()

    def stop(self):
        if self.process is not None:
            self.podman("rm", "--force", "--time", "0", self.node_name)
            self.process.wait()


class Pod:
    """A pod with one ordinary container, and the ephemeral ones that are added to it."""

    def __init__(self, podman, manifest, cgroups="host"):
        self.podman = podman
        self.manifest = manifest
        self.cgroups = f"--cgroupns={cgroups}"
        spec = manifest["spec"]
        self.containers = [Container(podman, container, spec, ["--network=none", self.cgroups, *node_namespaces(spec)])
                           for container in spec["containers"]]
        self.ephemeral = []

    def add_ephemeral(self, spec):
        target = f"k8s_{spec['targetContainerName']}"
        namespaces = [self.cgroups, *(f"--{kind}=container:{target}" for kind in ("pid", "network", "ipc"))]
        self.ephemeral.append(Container(self.podman, spec, self.manifest["spec"], namespaces))

    def container(self, name):
        return next((one for one in [*self.containers, *self.ephemeral] if one.name == name), None)

    def as_json(self):
        status = {"phase": "Running", "containerStatuses": [one.status() for one in self.containers],
                  "ephemeralContainerStatuses": [one.status() for one in self.ephemeral]}
        spec = {**self.manifest["spec"], "ephemeralContainers": [one.spec for one in self.ephemeral]}
        return {**self.manifest, "spec": spec, "status": {**status, **self.manifest.get("status", {})}}

    def stop(self):
        for container in [*self.ephemeral, *self.containers]:
            container.stop()


def node_namespaces(spec):
    return ["--pid=host"] if spec.get("hostPID") else []
