"""Hosts for commands of containers: each with a network, processes and a /tmp/ray of its own.

The first host is the switch that the others are plugged into. With its first process a host ends,
and all that runs there, its network and its mounts: nothing is left to be removed.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

SHORT = 20.0
"""Seconds that a host may take to be there on a busy machine."""

BOOT = """
set -eu
mount --bind "$PLACE/ray" /tmp/ray
mount --bind "$PLACE/hosts" /etc/hosts
mount --bind "$PLACE/resolv.conf" /etc/resolv.conf
mount -t tmpfs tmpfs /run
mkdir /run/secrets
cp "$PLACE/token" /run/secrets/ray_token
mount -t tmpfs -o size=2g tmpfs /dev/shm
ip link set lo up
if [ "$NUMBER" = 1 ]; then
    ip link add name port type bridge
else
    until ip link show port >"$PLACE/link" 2>&1; do sleep 0.05; done
fi
ip address add "10.77.0.$NUMBER/24" dev port
ip link set port up
ip route add default via "10.77.0.$((NUMBER % 2 + 1))"
unset PLACE NUMBER
while true; do "$@" || true; sleep 1; done
"""


def why_not() -> str | None:
    """Why no host can be made here; None if it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    probe = "ip link add name port type bridge && mount -t tmpfs tmpfs /run"
    tried = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", probe],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if tried.returncode == 0 else f"no network namespaces here: {tried.stderr.strip()}"


class Host:
    """One host, which runs one command, and again when it ends, as `restart` has it.

    Args:
        number: 1 is the switch, and has the name `head`.
        command: What it runs.
        variables: What the command finds in its environment.
        token: The cluster's.
        place: A folder for what it says, its own.
        switch: The first host; None for that one.
    """

    def __init__(
        self,
        number: int,
        command: Sequence[str],
        variables: Mapping[str, str],
        token: str,
        place: Path,
        switch: "Host | None" = None,
    ) -> None:
        self.address = f"10.77.0.{number}"
        self._environment = own_environment() | dict(variables)
        self._said = place / "said"
        (place / "ray").mkdir(parents=True)
        Path("/tmp/ray").mkdir(exist_ok=True)
        (place / "hosts").write_text(f"127.0.0.1 localhost\n10.77.0.1 head\n{self.address} me\n")
        # Nobody listens there, and says so at once: one that is not there costs 40 s a name.
        (place / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        (place / "token").write_text(f"{token}\n")
        apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        with self._said.open("w") as said:
            self._process = subprocess.Popen(
                [*apart, "sh", "-c", BOOT, "host", *command],
                env=self._environment | {"PLACE": str(place), "NUMBER": str(number)},
                stdout=said,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        if switch is not None:
            self._plug_into(switch, number)

    @property
    def said(self) -> str:
        """What its command has written."""
        return self._said.read_text(encoding="utf-8", errors="replace")

    def run(self, command: Sequence[str], **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a second command there, to its end."""
        inside = ["nsenter", "--target", str(self._pid), "--net", "--mount", "--pid", "--"]
        return subprocess.run(
            [*inside, *command],
            env=self._environment | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def close(self) -> None:
        """End everything there: `unshare` takes the first process with it."""
        self._process.kill()
        self._process.wait()

    @property
    def _pid(self) -> int:
        """The first process of the host: what is entered to get there."""
        until = time.monotonic() + SHORT
        while True:
            children = psutil.Process(self._process.pid).children()
            if children:
                return children[0].pid
            assert time.monotonic() < until, self.said
            time.sleep(0.02)

    def _plug_into(self, switch: "Host", number: int) -> None:
        ours = f"sar{os.getpid()}x{number}"[-15:]
        inside = ["nsenter", "--target", str(switch._pid), "--net", "--"]
        for command in (
            ["ip", "link", "add", ours, "type", "veth", "peer", "port", "netns", str(self._pid)],
            ["ip", "link", "set", ours, "netns", str(switch._pid)],
            [*inside, "ip", "link", "set", ours, "master", "port", "up"],
        ):
            until = time.monotonic() + SHORT
            while True:
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode == 0:
                    break
                assert time.monotonic() < until, done.stderr + self.said
                time.sleep(0.05)


def own_environment() -> dict[str, str]:
    """What a container of ours has, from this environment: its programs, and nothing of a shell."""
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/sbin", "/usr/bin", "/bin"])
    return {"PATH": path, "HOME": "/root", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
