"""What a process gives up for good: files, the network, other programs. Linux only: Landlock, and seccomp.

``python -m livegen.confinement`` confines itself, tries what it gave up, and prints what confines it.

Landlock (https://docs.kernel.org/userspace-api/landlock.html) takes all files from the calling thread and those that it
starts; seccomp (https://docs.kernel.org/userspace-api/seccomp_filter.html) refuses system calls to all threads.
"""

import ctypes
import errno
import os
import platform
import socket
import struct
import subprocess
import sys
from collections.abc import Callable

from livegen.own_process import module_command

_PR_SET_NO_NEW_PRIVS = 38
_CREATE_RULESET, _RESTRICT_SELF = 444, 446  # of Landlock, on every processor
_ABI_QUESTION = 1
_FILE_RIGHTS = ((1, 0x1FFF), (2, 0x2000), (3, 0x4000), (5, 0x8000))  # from this version of Landlock on
_NET_RIGHTS, _NET_ABI = 0x3, 4  # to bind and to connect TCP sockets
_SCOPES, _SCOPES_ABI = 0x3, 6  # abstract Unix sockets, and signals

_SECCOMP = {"x86_64": 317, "aarch64": 277}
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SET_FILTER, _ALL_THREADS = 1, 1
_X32 = 0x40000000  # numbers of x86-64's second table begin here
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM
_DENIED = {  # numbers of system calls: files, the network, other programs and processes, the system
    "x86_64": (
        *(2, 76, 80, 82, 83, 84, 85, 86, 87, 88, 90, 92, 94, 133, 188, 257, 258, 259, 260, 263, 264, 265, 266, 268),
        *(280, 294, 303, 304, 316, 437, 452),
        *(41, 42, 43, 44, 46, 49, 50, 53, 288),
        *(57, 58, 59, 322, 62, 101, 129, 200, 297, 310, 311, 424, 434, 438, 29, 30, 68),
        *(155, 161, 165, 166, 169, 175, 246, 248, 249, 250, 272, 298, 308, 313, 321, 323, 425),
    ),
    "aarch64": (
        *(5, 26, 33, 34, 35, 36, 37, 38, 45, 49, 53, 54, 56, 88, 264, 265, 276, 437, 452),
        *(198, 199, 200, 201, 202, 203, 206, 211, 242),
        *(117, 129, 130, 138, 186, 194, 196, 221, 240, 270, 271, 281, 424, 434, 438),
        *(39, 40, 41, 51, 97, 104, 105, 142, 217, 218, 219, 241, 268, 273, 280, 282, 425),
    ),
}
_MOST_DATA = 3 * 2**30  # bytes: the largest model eight times over, and a GiB
_PATIENCE_S = 20


def confine() -> str:
    """Give up files, the network and other programs; say what sees to it, "" where this system has nothing for it.

    What is open stays open. Modules that are imported later are not found.
    """
    if sys.platform != "linux":
        return ""
    _limit_memory()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return ""
    abi = _restrict_files(libc)
    parts = ([f"Landlock ABI {abi}"] if abi else []) + (["seccomp"] if _filter_calls(libc) else [])
    return ", ".join(parts)


def confinement() -> str:
    """As ``confine`` says, tried in a process of its own; "" where a process can still reach what it gave up."""
    try:
        done = subprocess.run(
            module_command("livegen.confinement"), capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _limit_memory() -> None:
    import resource  # not on every system; what else needs it later finds it imported

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = _MOST_DATA if most == resource.RLIM_INFINITY else min(most, _MOST_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _restrict_files(libc: ctypes.CDLL) -> int:
    """Allow no file by Landlock; its version, 0 without it."""
    abi = int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ABI_QUESTION))
    if abi < 1:
        return 0
    fields = [sum(rights for since, rights in _FILE_RIGHTS if abi >= since)]
    fields += [_NET_RIGHTS] if abi >= _NET_ABI else []
    fields += [_SCOPES] if abi >= _SCOPES_ABI else []
    rules = struct.pack(f"={len(fields)}Q", *fields)
    handle = int(libc.syscall(_CREATE_RULESET, rules, ctypes.c_size_t(len(rules)), 0))
    if handle < 0:
        return 0
    is_done = libc.syscall(_RESTRICT_SELF, handle, 0) == 0
    os.close(handle)
    return abi if is_done else 0


def _filter_calls(libc: ctypes.CDLL) -> bool:
    """Refuse the denied system calls with EPERM, to all threads; False where the system does not offer it."""
    machine = platform.machine()
    if machine not in _SECCOMP or sys.maxsize < 2**32:
        return False
    code = _program(_ARCHITECTURES[machine], _DENIED[machine], x32=_X32 if machine == "x86_64" else None)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    return bool(libc.syscall(_SECCOMP[machine], _SET_FILTER, _ALL_THREADS, program) == 0)


def _program(architecture: int, denied: tuple[int, ...], *, x32: int | None) -> bytes:
    """A filter in BPF: (code, jump if true, jump if false, operand) each."""
    tests = [(_AT_LEAST, x32)] if x32 else []
    tests += [(_EQUAL, number) for number in denied]
    lines = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    lines += [(code, len(tests) - place, 0, number) for place, (code, number) in enumerate(tests)]
    lines += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _main() -> int:
    """The exit status: 0 when nothing can be reached any more."""
    said, parent = confine(), os.getppid()
    attempts: list[Callable[[], object]] = [
        lambda: os.open(__file__, os.O_RDONLY),
        lambda: socket.socket(),
        lambda: os.kill(parent, 0),
    ]
    for attempt in attempts:
        try:
            attempt()
        except PermissionError:
            continue
        return 1
    sys.stdout.write(f"{said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(_main())
