"""The conditions of a measurement, which every figure is given with."""

import os
import platform
import threading
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from livegen.realtime import PLAYING, may_lock_memory, raise_thread


def conditions(*, provider: str | None = None) -> dict[str, Any]:
    """Machine, load, priority and versions, as they are now; ``provider``: onnxruntime's, when a model runs."""
    load = [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load_average": load,
        "priority": priority(),
        "locked_memory": may_lock_memory(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "livegen": _version("livegen"),
        "onnxruntime": _version("onnxruntime", "onnxruntime-gpu"),
        "provider": provider,
    }


def priority(level: int = PLAYING) -> str:
    """The scheduling class and priority that a thread gets on this machine; by default the player's."""
    levels: list[int] = []
    thread = threading.Thread(target=lambda: levels.append(raise_thread(level)))  # the priority ends with the thread
    thread.start()
    thread.join()
    return f"SCHED_FIFO {levels[0]}" if levels[0] else "normal"


def percentiles_us(times_ns: Sequence[int]) -> dict[str, float]:
    """p50, p99 and the longest, in microseconds; each is one of the times."""
    times = sorted(times_ns)
    return {
        "p50": times[(len(times) - 1) * 50 // 100] / 1000,
        "p99": times[(len(times) - 1) * 99 // 100] / 1000,
        "max": times[-1] / 1000,
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def _version(*names: str) -> str | None:
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None
