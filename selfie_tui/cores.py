"""How many cores this process may use: those of its affinity and of its cgroup's quota, not those of the machine.

A container or a batch job on a large machine is often given a few of its cores; a thread for every core of the machine
would then make all of them wait for each other.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

CGROUPS = Path("/sys/fs/cgroup")
"""Where cgroups are mounted: version 2 itself, or the controllers of version 1."""

OWN_CGROUPS = Path("/proc/self/cgroup")
"""Which cgroups this process is in: lines of `id:controllers:path`."""

V1_CONTROLLERS = ("cpu", "cpu,cpuacct", "cpuacct,cpu")
"""Names of the folder that version 1 mounts the cpu controller at."""


def usable_cores() -> int:
    """The number of cores that this process may use, at least 1.

    `OMP_NUM_THREADS` decides where it is set to a number. Otherwise it is the smallest of the process's affinity and
    of the CPU quotas of its cgroups, rounded up; where the system knows neither, the cores of the machine.
    """
    quotas = [math.ceil(quota) for quota in cgroup_quotas()]
    return chosen_threads() or max(1, min([affinity(), *quotas]))


def chosen_threads() -> int | None:
    """The number of threads that `OMP_NUM_THREADS` sets; of a list of numbers, the outermost; None if it sets none."""
    text = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(text) or None if text.isascii() and text.isdigit() else None


def affinity() -> int:
    """The number of cores that the system schedules this process on."""
    if hasattr(os, "sched_getaffinity"):
        with contextlib.suppress(OSError):
            return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cgroup_quotas() -> Iterator[float]:
    """The CPU quotas, in cores, of this process's cgroups and of those around them; none where there are none."""
    with contextlib.suppress(OSError, ValueError):
        for line in OWN_CGROUPS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                roots = [CGROUPS, CGROUPS / "unified"]
            elif "cpu" in controllers.split(","):
                roots = [CGROUPS / name for name in V1_CONTROLLERS]
            else:
                continue
            for root in roots:
                for folder in folders_up(root, path):
                    yield from quota_in(folder)


def folders_up(root: Path, path: str) -> list[Path]:
    """The folder of a cgroup and those above it up to the root.

    In a container the path is often the host's and not found; the container's own cgroup is then the root.
    """
    inner = PurePosixPath(path.lstrip("/"))
    return [root / inner, *(root / outer for outer in inner.parents)]


def quota_in(folder: Path) -> Iterator[float]:
    """The quota that a cgroup's folder sets, in cores: `cpu.max` of version 2, or the two files of version 1."""
    with contextlib.suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        if quota != "max":
            yield int(quota) / int(period)
    with contextlib.suppress(OSError, ValueError):
        quota_us = int((folder / "cpu.cfs_quota_us").read_text())
        if quota_us > 0:
            yield quota_us / int((folder / "cpu.cfs_period_us").read_text())
