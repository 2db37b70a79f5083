# SPDX-License-Identifier: BSD-2-Clause
"""CPU time: of one process, and of all that a benchmark starts, whatever else this machine does."""
import contextlib
import os
import pathlib
import re
import time


def process_seconds(pid):
    """All threads of a process, those that ended too.  /proc/PID/schedstat knows the first thread alone."""
    return time.clock_gettime(~pid << 3 | 2)  # CPUCLOCK_SCHED, as clock_getcpuclockid(3) makes it


class Group:
    """This process and all that it starts from now on, in a control group of its own (cgroup2 counts CPU time
    without any controller).  What the kernel forwards counts as the time of the process that it interrupts or that
    sends, and so is in; when much is sent the kernel's softirq threads take it over, so they are counted too."""

    def __init__(self):
        mount = next(line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines()
                     if line.split()[2] == "cgroup2")
        home = re.search(r"^0::/(.*)$", pathlib.Path("/proc/self/cgroup").read_text(), re.M)[1]
        self.home = pathlib.Path(mount, home)
        self.folder = pathlib.Path(mount, f"lbd-bench-{os.getpid()}")
        for left in self.folder.parent.glob("lbd-bench-*"):
            with contextlib.suppress(OSError):  # in use
                left.rmdir()
        self.folder.mkdir()
        self._move(self.folder)
        kernel = pathlib.Path("/proc/2/task/2/children").read_text().split()
        self.softirq = [pathlib.Path("/proc", pid, "schedstat") for pid in kernel
                        if pathlib.Path("/proc", pid, "comm").read_text().startswith("ksoftirqd/")]

    @staticmethod
    def _move(folder):
        (folder / "cgroup.procs").write_text(str(os.getpid()))

    def seconds(self):
        usage = int(re.search(r"^usage_usec (\d+)", (self.folder / "cpu.stat").read_text(), re.M)[1]) / 1e6
        return usage + sum(int(path.read_text().split()[0]) for path in self.softirq) / 1e9

    def close(self):
        """The group itself goes with the next one, if something that was killed is still in it."""
        self._move(self.home)
        with contextlib.suppress(OSError):
            self.folder.rmdir()


def machine_load():
    """How many tasks run or wait, on average of the last minute: with more than the CPUs, figures spread."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs"
