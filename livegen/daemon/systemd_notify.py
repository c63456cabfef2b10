"""What the service manager is told: systemd's notification protocol, sd_notify(3)."""

import os
import socket
import sys
from contextlib import suppress

from livegen.clock import NS_PER_MS, now_ns

_NS_PER_US = NS_PER_MS // 1_000


def notify(*states: str) -> bool:
    """Say ``READY=1``, ``STATUS=...`` and their like; False where nobody listens. Never waits for the other end."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address or sys.platform == "win32":
        return False
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
        manager.settimeout(0)
        manager.sendto("\n".join(states).encode(), address)
        return True
    return False


def notify_reloading() -> bool:
    """Say that the settings are read again; READY=1 says that they were."""
    return notify("RELOADING=1", f"MONOTONIC_USEC={now_ns() // _NS_PER_US}")


def watchdog_ns() -> int:
    """How often the watchdog is to be fed at the least, in ns; 0 where there is none (sd_watchdog_enabled(3))."""
    asked, process = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not asked.isdigit() or process not in ("", str(os.getpid())):
        return 0
    return int(asked) * _NS_PER_US
