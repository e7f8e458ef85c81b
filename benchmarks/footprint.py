"""Peak memory of this process and of a child, for the benchmark scripts beside this file (Linux)."""

import os
import subprocess
import sys
from pathlib import Path

MB = 1e6


def forget_peak() -> bool:
    """Start the peak of this process anew; False where the system does not allow it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak() -> float:
    """Largest resident memory since the start, or since `forget_peak`, in bytes."""
    return _status("VmHWM")


def resident() -> float:
    """Resident memory now, in bytes."""
    return _status("VmRSS")


def _status(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return 1024.0 * float(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {field}: this script measures memory on Linux only")


def run_child(
    arguments: list[str], *, cores: set[int] | None = None, environment: dict[str, str] | None = None
) -> tuple[str, float]:
    """Run Python with `arguments`: what it wrote to stdout, and its largest resident memory in bytes."""
    child = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
        preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,
    )
    assert child.stdout is not None
    text = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"the child {arguments} ended with {child.returncode}")
    return text, 1024.0 * usage.ru_maxrss
