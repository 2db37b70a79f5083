# SPDX-License-Identifier: BSD-2-Clause
"""A machine of the lab: network, mount and UTS namespaces of its own, and the processes in them.

A machine is held by one sleeping process.  It has its own host name, its own /run (tmpfs) and its own
/sys/fs/bpf, so two directors on one host do not meet.  Processes are started with nsenter, which
execs: the pid is the program's own.  (`ip netns exec` would mount another /sys and hide the pins.)

A lab is a folder that names its owner and its machines.  Whoever makes a lab first removes those whose
owner is dead, so what a SIGKILL leaves behind lives until the next lab only.
"""
import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

FOLDER = pathlib.Path(tempfile.gettempdir())
PREFIX = "lbd-lab-"
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)

# What a Debian host has; duplicate address detection alone is off, it would cost each start a second.
HOLDER = """
set -e
hostname "$1"
mount -t tmpfs -o mode=755 tmpfs /run
mount -t sysfs sysfs /sys
mount -t bpf -o mode=700 bpf /sys/fs/bpf
cd /proc/sys/net
echo 2 >ipv4/conf/default/rp_filter
echo 0 >ipv6/conf/default/accept_dad
echo 0 >ipv6/conf/default/accept_ra
ip link set lo up
echo ready
exec sleep infinity
"""


class LabError(Exception):
    """The lab could not do what was asked."""


def wait_for(condition, deadline=5.0, what="the condition", interval=0.01):
    """Returns the first true value of condition(); an OSError or a LabError counts as 'not yet'."""
    end = time.monotonic() + deadline
    while True:
        trouble = None
        try:
            value = condition()
            if value:
                return value
        except (OSError, LabError) as error:
            trouble = error
        if time.monotonic() >= end:
            why = f" ({trouble})" if trouble else ""
            raise LabError(f"not within {deadline} s: {what}{why}")
        time.sleep(interval)


def start_time(pid):
    """When a process started, in clock ticks: pid and start time name it for ever.  None: no such process."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def _signal(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _pids_in(netns):
    """The processes in a network namespace, given as the text of its /proc link."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{entry}/ns/net") == netns:
                    yield int(entry)


class Process:
    """A program in a machine.  Its output goes to a log file of its own."""

    def __init__(self, machine, argv, name, env=None):
        self.name = name
        self.log_path = machine.lab_folder / f"{machine.name}.{name}.log"
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen(
                machine.enter(argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, env={**os.environ, **(env or {})})
        self.pid = self.popen.pid

    @property
    def running(self):
        return self.popen.poll() is None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait(self, deadline=5.0):
        """The exit status; negative: the signal that ended it."""
        try:
            return self.popen.wait(deadline)
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name} (pid {self.pid}) still runs after {deadline} s") from None

    def send(self, number):
        self.popen.send_signal(number)

    def stop(self, number=signal.SIGTERM, deadline=5.0):
        if self.running:
            self.send(number)
        return self.wait(deadline)

    def kill(self):
        return self.stop(signal.SIGKILL)


class Machine:
    """One machine.  `lab_folder` takes its logs and its pid file."""

    def __init__(self, lab_folder, name):
        self.name = name
        self.lab_folder = lab_folder
        self.processes = []
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--uts", "sh", "-c", HOLDER, "holder", name],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, text=True)
        self.pid = self._holder.pid
        (lab_folder / f"{name}.pid").write_text(f"{self.pid} {start_time(self.pid)}\n")

    def wait_ready(self):
        """Machines are begun together, and are waited for afterwards."""
        if self._holder.stdout.readline() != "ready\n":
            self._holder.kill()
            raise LabError(f"cannot make {self.name}: {self._holder.stderr.read().strip()}")

    def enter(self, argv):
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--uts", "--",
                *map(str, argv)]

    def run(self, *argv, check=True, timeout=20, **options):
        """Runs a program to its end.  Returns the CompletedProcess, output as text."""
        done = subprocess.run(self.enter(argv), capture_output=True, text=True, timeout=timeout, **options)
        if check and done.returncode:
            raise LabError(f"{self.name}: {' '.join(map(str, argv))}: exit status {done.returncode}: "
                           f"{(done.stderr or done.stdout).strip()}")
        return done

    def start(self, *argv, name=None, env=None):
        """Starts a program that goes on."""
        process = Process(self, argv, name or os.path.basename(str(argv[0])), env)
        self.processes.append(process)
        return process

    def ip(self, *lines):
        """Runs `ip` commands, one a line, in one process."""
        self.run("ip", "-batch", "-", input="\n".join(lines) + "\n")

    def sysctl(self, name, value):
        """Sets a sysctl; a name is written with slashes because interfaces may have dots."""
        self.run("sh", "-c", 'echo "$2" >"/proc/sys/$1"', "sysctl", name, value)

    def socket(self, family, kind, protocol=0):
        """A socket that lives in this machine, for the calling process."""
        with open("/proc/thread-self/ns/net") as home, open(f"/proc/{self.pid}/ns/net") as there:
            self._setns(there)
            try:
                return socket.socket(family, kind, protocol)
            finally:
                self._setns(home)

    @staticmethod
    def _setns(namespace):
        if _libc.setns(namespace.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


def remove(folder):
    """Ends every process in the machines of a lab and removes its folder.  The namespaces go with them."""
    holders = []
    for pid_file in folder.glob("*.pid"):
        pid, started = (pid_file.read_text().split() + ["0", "0"])[:2]
        if started == str(start_time(int(pid))):
            holders.append(int(pid))
    home = os.readlink("/proc/self/ns/net")
    for holder in holders:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            netns = os.readlink(f"/proc/{holder}/ns/net")
            if netns == home:  # not yet unshared
                _signal(holder, signal.SIGKILL)
                continue
            for pid in sorted(_pids_in(netns), key=lambda p: p == holder):
                _signal(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def reap():
    """Removes the labs whose owner is dead."""
    for folder in FOLDER.glob(PREFIX + "*"):
        with contextlib.suppress(OSError, ValueError):
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            pid, started = (folder / "owner").read_text().split()
            if started != "kept" and str(start_time(int(pid))) != started:
                remove(folder)


def new_folder():
    """A folder for a lab of this process."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=PREFIX, dir=FOLDER))
    folder.chmod(0o755)  # nginx's workers read their files here
    (folder / "owner").write_text(f"{os.getpid()} {start_time(os.getpid())}\n")
    return folder
