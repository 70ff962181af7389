"""The cores that a process may use: its affinity, its cgroup's quota, or what OMP_NUM_THREADS says."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from selfie_tui import cores

Tree = Callable[[str, dict[str, str]], None]


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A machine of 128 cores, all of them this process's; the fixture writes its cgroups."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 128)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(128)), raising=False)
    monkeypatch.setattr(cores, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(cores, "OWN_CGROUPS", tmp_path / "own")

    def write(own: str, files: dict[str, str]) -> None:
        (tmp_path / "own").write_text(own)
        for name, content in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    return write


def test_without_affinity_or_cgroups_it_is_the_machines_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cores.usable_cores() == 128
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores.usable_cores() == 1


def test_affinity_bounds_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 5, 9})
    assert cores.usable_cores() == 3


def test_an_affinity_that_cannot_be_asked_for_leaves_the_machines_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(process: int) -> set[int]:
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr(os, "sched_getaffinity", refused)
    assert cores.usable_cores() == 128


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "400000 100000\n"}, 4),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 128),
        ("0::/job/task\n", {"job/task/cpu.max": "max 100000\n", "job/cpu.max": "600000 100000\n"}, 6),
        ("0::/job/task\n", {"job/task/cpu.max": "200000 100000\n", "job/cpu.max": "600000 100000\n"}, 2),
        ("0::/docker/of-the-host\n", {"cpu.max": "300000 100000\n"}, 3),
        ("0::/\n", {"cpu.max": "250000 100000\n"}, 3),
        ("0::/\n", {"cpu.max": "10000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "nonsense\n"}, 128),
        ("nonsense\n", {"cpu.max": "400000 100000\n"}, 128),
        ("4:cpu,cpuacct:/job\n", quota := {"cpu,cpuacct/job/cpu.cfs_quota_us": "500000\n"}, 128),
        ("4:cpu,cpuacct:/job\n", quota | {"cpu,cpuacct/job/cpu.cfs_period_us": "100000\n"}, 5),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 128),
        ("4:memory:/\n", {"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 128),
        ("1:cpu:/\n0::/\n", {"cpu.max": "700000 100000\n"}, 7),
        ("1:name=systemd:/\n0::/a\n", {"unified/a/cpu.max": "800000 100000\n"}, 8),
    ],
)
def test_the_quota_of_a_cgroup_bounds_the_cores(tree: Tree, own: str, files: dict[str, str], expected: int) -> None:
    tree(own, files)
    assert cores.usable_cores() == expected


def test_the_smaller_of_affinity_and_quota_counts(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree("0::/\n", {"cpu.max": "400000 100000\n"})
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
    assert cores.usable_cores() == 2


@pytest.mark.parametrize(("chosen", "expected"), [("3", 3), ("6,2", 6), ("", 4), ("0", 4), ("many", 4), ("²", 4)])
def test_the_number_of_threads_that_the_user_chose_decides(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, chosen: str, expected: int
) -> None:
    tree("0::/\n", {"cpu.max": "400000 100000\n"})
    monkeypatch.setenv("OMP_NUM_THREADS", chosen)
    assert cores.usable_cores() == expected


@pytest.mark.parametrize(("chosen", "expected"), [("", 3), ("4", 4), ("1", 1)])
def test_the_engine_leaves_a_core_to_the_interface_unless_the_user_chose_its_threads(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, chosen: str, expected: int
) -> None:
    from selfie_tui.engine.service import default_threads

    tree("0::/\n", {"cpu.max": "400000 100000\n"})
    monkeypatch.setenv("OMP_NUM_THREADS", chosen)
    assert default_threads() == expected
