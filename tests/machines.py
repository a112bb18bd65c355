"""A machine to try a host's files on: this one, in private namespaces, with the files laid over its root.

Mounts, network, processes and host name are the machine's own: servers run with their real paths and ports, and
nothing outside is touched. Needs root on Linux; whatever is started dies with the machine.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers import Project, environment

OVERLAID = ("/etc", "/var", "/home", "/srv", "/root")
"""Folders that are written to: each gets a layer of its own in memory."""
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
PATIENCE = 20.0
"""Seconds within which a server must answer or a line must be logged."""

SETUP = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs /mnt
for folder in {overlaid}; do
    mkdir -p /mnt/upper$folder /mnt/work$folder
    mount -t overlay overlay -o lowerdir=$folder,upperdir=/mnt/upper$folder,workdir=/mnt/work$folder $folder
done
mkdir -m 0755 /mnt/dev /mnt/dev/pts /mnt/dev/shm
for device in {devices}; do touch /mnt/dev/$device; mount --bind /dev/$device /mnt/dev/$device; done
ln -s /proc/self/fd /mnt/dev/fd; mkdir -p /srv
mount --rbind /mnt/dev /dev
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p -m 1777 /run/lock
[ -L /var/run ] || mount --rbind /run /var/run
ip link set lo up
hostname {name}
printf '127.0.0.1 localhost\\n{hosts}' > /etc/hosts
printf 'passwd: files\\ngroup: files\\nhosts: files\\nservices: files\\nprotocols: files\\n' > /etc/nsswitch.conf
echo ready
exec sleep infinity
"""

LOGGER = """
import os, socket
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/dev/log")
os.chmod("/dev/log", 0o666)
with open("/var/log/test.log", "ab", buffering=0) as file:
    print("ready", flush=True)
    while True:
        file.write(log.recv(65536).rstrip(b"\\n\\0") + b"\\n")
"""


def needs(*programs: str) -> None:
    """Skip the test where such a machine, or one of its programs, cannot be had."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can lay files over a machine in private namespaces")
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    for program in ("unshare", "nsenter", "ip", *programs):
        if shutil.which(program, path=path) is None:
            pytest.skip(f"{program} is not installed (tests/install-servers)")
    if subprocess.run(["unshare", "-m", "-n", "-p", "-u", "--fork", "true"], capture_output=True).returncode:
        pytest.skip("namespaces of one's own are not allowed here")


def bundle(project: Project, host: str) -> bytes:
    """`pkibuild bundle HOST`: the host's files as a tar stream."""
    argv = [sys.executable, "-m", "pkibuild", "bundle", host]
    done = subprocess.run(argv, cwd=project.folder, env=environment(), capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@dataclass(slots=True)
class Machine:
    pid: int
    """Of its first process, as seen from outside."""

    def argv(self, *command: str) -> list[str]:
        return ["nsenter", "-t", str(self.pid), "-m", "-n", "-p", "-u", "--", *command]

    def run(self, *command: str, feed: bytes = b"", timeout: float = 60) -> subprocess.CompletedProcess[bytes]:
        """Run a command on the machine, whatever its status."""
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        return subprocess.run(self.argv(*command), input=feed, capture_output=True, timeout=timeout, env=env)

    def ok(self, *command: str, feed: bytes = b"", timeout: float = 60) -> str:
        """Run a command that must succeed; both its outputs."""
        done = self.run(*command, feed=feed, timeout=timeout)
        text = (done.stdout + done.stderr).decode(errors="replace")
        assert done.returncode == 0, f"{shlex.join(command)}: status {done.returncode}\n{text}"
        return text

    def shell(self, script: str) -> str:
        return self.ok("sh", "-ec", script)

    def write(self, path: str, data: str | bytes) -> None:
        feed = data.encode() if isinstance(data, str) else data
        self.ok("sh", "-ec", 'mkdir -p "${1%/*}"; cat > "$1"', "sh", path, feed=feed)

    def read(self, path: str) -> str:
        return self.run("cat", path).stdout.decode(errors="replace")

    def lay(self, tar: bytes, root: str = "/") -> None:
        """Put a bundle in place as the manual says: `tar -xpC ROOT`."""
        self.ok("tar", "-xpC", root, feed=tar)

    def wait_for_port(self, port: int) -> None:
        def listens() -> bool:
            return f":{port} " in self.ok("ss", "-Hltn")

        until(listens, f"nothing listens on port {port}")

    def wait_for_log(self, *words: str, path: str = "/var/log/test.log") -> str:
        """The first line of the log that has all the words."""
        found: list[str] = []

        def logged() -> bool:
            found[:] = [line for line in self.read(path).splitlines() if all(word in line for word in words)]
            return bool(found)

        until(logged, f"no line with {words}", lambda: self.read(path))
        return found[0]

    def forget_log(self) -> None:
        self.ok("truncate", "-s", "0", "/var/log/test.log")

    @contextmanager
    def logging(self) -> Iterator[None]:
        """Catch what is sent to `/dev/log` in /var/log/test.log."""
        argv = self.argv(sys.executable, "-c", LOGGER)
        with subprocess.Popen(argv, stdout=subprocess.PIPE, env={"PATH": "/usr/bin:/bin"}) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            try:
                yield
            finally:
                process.kill()


def until(true: object, message: str, more: object = None) -> None:
    """Ask again and again until a server has started; there is nothing to wait on but the server itself."""
    assert callable(true)
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"{message} within {PATIENCE:.0f} s\n{more() if callable(more) else ''}")
        time.sleep(0.05)


@contextmanager
def machine(names: Sequence[str], name: str = "") -> Iterator[Machine]:
    """A machine that resolves `names` to itself and calls itself `name` (the first of them)."""
    hosts = "".join(f"127.0.0.1 {one}\\n" for one in names)
    script = SETUP.format(
        overlaid=" ".join(one for one in OVERLAID if os.path.isdir(one)),
        devices=" ".join(DEVICES),
        name=shlex.quote(name or names[0]),
        hosts=hosts,
    )
    argv = ["unshare", "-m", "-n", "-p", "-u", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            if process.stdout.readline() != b"ready\n":
                process.kill()
                raise AssertionError(f"the machine did not start: {process.stderr.read().decode()}")
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            yield Machine(int(children[0]))
        finally:
            process.kill()
