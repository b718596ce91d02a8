"""A stand-in for a Kubernetes API server: as much of its HTTP interface as kubectl get, debug, logs, attach and patch use for
one pod. Containers are started by node.py. It is no Kubernetes, and passing against it does not mean that a cluster was tried.

Refusals are worded like those of the real one: Pod Security admission (level baseline), RBAC, webhooks.
"""
import http.server
import json
import pathlib
import threading
import urllib.parse

import websocket

RESOURCES = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": [
    {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "shortNames": ["po"],
     "verbs": ["get", "list", "watch", "patch", "create"]},
    {"name": "pods/ephemeralcontainers", "singularName": "", "namespaced": True, "kind": "Pod", "verbs": ["get", "patch", "update"]},
    {"name": "pods/attach", "singularName": "", "namespaced": True, "kind": "PodAttachOptions", "verbs": ["create", "get"]},
    {"name": "pods/log", "singularName": "", "namespaced": True, "kind": "Pod", "verbs": ["get"]}]}
BASELINE_CAPABILITIES = {"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
                         "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}


def pod_security(container):
    """What the level baseline has against the container, in the words of the real admission plugin."""
    context = container.get("securityContext") or {}
    violations = []
    if context.get("privileged"):
        violations.append(f'privileged (container "{container["name"]}" must not set securityContext.privileged=true)')
    added = [name for name in context.get("capabilities", {}).get("add", []) if name not in BASELINE_CAPABILITIES]
    if added:
        names = ", ".join(f'"{name}"' for name in added)
        violations.append(f'non-default capabilities (container "{container["name"]}" must not include {names} in '
                          'securityContext.capabilities.add)')
    return f'violates PodSecurity "baseline:latest": {", ".join(violations)}' if violations else None


class ApiServer:
    """One namespace, one pod. `baseline` turns Pod Security on, `denied` names resources that RBAC refuses, `webhook` is
    the sentence of an admission webhook that refuses everything."""

    def __init__(self, pod, baseline=False, denied=(), webhook=None):
        self.pod = pod
        self.baseline = baseline
        self.denied = denied
        self.webhook = webhook
        self.patches = []
        handler = type("Handler", (Handler,), {"api": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def write_kubeconfig(self, path):
        cluster = {"name": "stand-in", "cluster": {"server": f"http://127.0.0.1:{self.server.server_port}"}}
        context = {"name": "stand-in", "context": {"cluster": "stand-in", "user": "tester", "namespace": "default"}}
        pathlib.Path(path).write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "clusters": [cluster], "contexts": [context],
            "users": [{"name": "tester", "user": {}}], "current-context": "stand-in"}), encoding="utf-8")

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def admission(self, containers):
        """Why the containers are not let in, or None."""
        if self.webhook:
            return self.webhook
        for container in containers if self.baseline else []:
            if (reason := pod_security(container)) is not None:
                return f'pods "{self.pod.manifest["metadata"]["name"]}" is forbidden: {reason}'
        return None

    def add_ephemeral(self, patch):
        known = {one.name for one in self.pod.ephemeral}
        added = [one for one in patch["spec"].get("ephemeralContainers", []) if one["name"] not in known]
        self.patches += added
        refusal = self.admission(added)
        if refusal is None:
            for container in added:
                self.pod.add_ephemeral(container)
        return refusal


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api = None  # ApiServer sets it

    def log_message(self, *_):
        pass

    def send(self, answer, code=200):
        body = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, code, reason, message):
        self.send({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason,
                   "code": code, "message": message}, code)

    def parse(self):
        """(what of the pod is asked for, query), or None if it is something else, which is answered here."""
        parts = urllib.parse.urlsplit(self.path)
        fixed = {"/version": {"major": "1", "minor": "35", "gitVersion": "v1.35.0"}, "/api/v1": RESOURCES,
                 "/api": {"kind": "APIVersions", "versions": ["v1"]},
                 "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []}}
        if parts.path in fixed:
            self.send(fixed[parts.path])
            return None
        words = parts.path.strip("/").split("/")
        metadata = self.api.pod.manifest["metadata"]
        if words[:3] != ["api", "v1", "namespaces"] or len(words) < 6:
            self.refuse(404, "NotFound", "the server could not find the requested resource")
            return None
        resource = "/".join(["pods", *words[6:]])
        if resource in self.api.denied:
            verb = {"GET": "get", "PATCH": "patch", "POST": "create"}[self.command]
            self.refuse(403, "Forbidden", f'pods "{words[5]}" is forbidden: User "tester" cannot {verb} resource "{resource}" '
                                          f'in API group "" in the namespace "{words[3]}"')
            return None
        if [words[3], words[5]] != [metadata["namespace"], metadata["name"]]:
            self.refuse(404, "NotFound", f'pods "{words[5]}" not found')
            return None
        return resource, dict(urllib.parse.parse_qsl(parts.query))

    def do_GET(self):
        asked = self.parse()
        if asked is None:
            return
        resource, query = asked
        if resource in ("pods", "pods/ephemeralcontainers"):
            self.send(self.api.pod.as_json())
            return
        container = self.api.pod.container(query.get("container", ""))
        if container is None or container.process is None:
            self.refuse(400, "BadRequest", f"container {query.get('container')} is not valid for pod")
        elif resource == "pods/log":
            self.stream_log(container, query.get("follow") == "true")
        elif resource == "pods/attach":
            self.attach(container, query)
        else:
            self.refuse(404, "NotFound", "the server could not find the requested resource")

    def do_PATCH(self):
        patch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = self.parse()
        if asked is None:
            return
        if asked[0] != "pods/ephemeralcontainers":
            self.refuse(422, "Invalid", "only ephemeral containers can be patched here")
        elif (refusal := self.api.add_ephemeral(patch)) is not None:
            self.refuse(403, "Forbidden", refusal)
        else:
            self.send(self.api.pod.as_json())

    def stream_log(self, container, follow):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        end = None if follow else container.written()
        sent = 0
        try:
            for piece in container.output():
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
                sent += len(piece)
                if end is not None and sent >= end:
                    break
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def attach(self, container, query):
        # As the container runtimes do it.
        if container.spec.get("tty") and query.get("stderr") == "true":
            self.refuse(400, "BadRequest", "tty and stderr cannot both be true")
            return
        if self.headers.get("Upgrade", "").lower() != "websocket":
            self.refuse(400, "BadRequest", "this stand-in speaks WebSocket only")
            return
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", websocket.accept_key(self.headers["Sec-WebSocket-Key"]))
        self.send_header("Sec-WebSocket-Protocol", websocket.PROTOCOL)
        self.end_headers()
        self.close_connection = True
        socket = websocket.WebSocket(self.rfile, self.wfile)
        position = container.written()  # what came before is in the log only
        threading.Thread(target=send_output, args=(socket, container, position), daemon=True).start()
        for channel, data in socket.messages():
            if channel == websocket.STDIN and data:
                try:
                    container.send(data)
                except OSError:
                    break


def send_output(socket, container, position):
    try:
        for piece in container.output(position):
            socket.send(websocket.STDOUT, piece)
        socket.send(websocket.ERROR, json.dumps({"metadata": {}, "status": "Success"}).encode())
        socket.close()
    except OSError:
        pass  # kubectl has gone
