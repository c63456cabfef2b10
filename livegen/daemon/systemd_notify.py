"""Notifies the service manager: systemd's notification protocol, sd_notify(3)."""

import os
import socket
import sys
from contextlib import suppress

from livegen.clock import NS_PER_MS, now_ns
from livegen.printable import printable

_NS_PER_US = NS_PER_MS // 1_000


def notify(*states: str) -> bool:
    """Send states such as ``READY=1`` or ``STATUS=...``; False where no manager listens. Never blocks."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address or sys.platform == "win32":
        return False
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
        manager.settimeout(0)
        manager.sendto("\n".join(map(printable, states)).encode(), address)
        return True
    return False


def notify_reloading() -> bool:
    """Report that the settings are being read again; READY=1 reports that this is done."""
    return notify("RELOADING=1", f"MONOTONIC_USEC={now_ns() // _NS_PER_US}")


def watchdog_ns() -> int:
    """The watchdog's time limit between two notifications, in ns; 0 without one (sd_watchdog_enabled(3))."""
    asked, process = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not asked.isdigit() or process not in ("", str(os.getpid())):
        return 0
    return int(asked) * _NS_PER_US
