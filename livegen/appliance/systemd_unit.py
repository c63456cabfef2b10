"""The systemd unit of a computer that plays for weeks: restarted after every exit, with the fewest permissions.

Directives are those of systemd.service(5), systemd.exec(5) and systemd.resource-control(5).
"""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from livegen.own_process import module_command
from livegen.settings import Settings
from livegen.shipped import SHIPPED, model_path

Scope = Literal["system", "user"]

_STEPS_SINCE = 254  # RestartSteps= and RestartMaxDelaySec=
_MODERN = 999
_HOMES = ("/home", "/root", "/run/user")


@dataclass(frozen=True, slots=True)
class Service:
    """The facts about a service. ``user`` runs it; "": a user that systemd creates for it (DynamicUser)."""

    settings: Settings
    config: Path
    scope: Scope = "system"
    user: str = ""
    systemd: int = _MODERN  # the version of systemd

    @property
    def name(self) -> str:
        """The name of the ports."""
        return self.settings.ports.name

    @property
    def file_name(self) -> str:
        """The file name of the unit."""
        return f"{self.name}.service"

    def needs(self) -> list[Path]:
        """The paths that the service has to read."""
        model = model_path(self.settings.play.model)
        return [Path(sys.prefix), Path(sys.base_prefix), SHIPPED, self.config, model.absolute()]

    def unit(self) -> str:
        """The text of the unit."""
        sections = {
            "Unit": [
                f"Description=livegen plays as '{self.name}'",
                "After=sound.target",
                "StartLimitIntervalSec=0",
            ],
            "Service": [*self._life(), *_LIMITS, *self._folders(), *_SHUT, *self._devices(), *self._network()],
            "Install": [f"WantedBy={'multi-user.target' if self.scope == 'system' else 'default.target'}"],
        }
        return "\n\n".join("\n".join([f"[{name}]", *lines]) for name, lines in sections.items()) + "\n"

    def _life(self) -> list[str]:
        python, *words = module_command("livegen.cli", "run")
        lines = [
            "Type=notify",
            "NotifyAccess=main",
            f"ExecStart={_quoted(python)} {' '.join(words)} {_quoted(str(self.config))}",
            "ExecReload=/bin/kill -HUP $MAINPID",
            "Restart=always",
            "RestartSec=1",
            "TimeoutStartSec=120",
            "TimeoutStopSec=5",
            "WatchdogSec=20",
            "KillMode=mixed",
            "OOMPolicy=continue",  # the engine may be killed: its parent starts a new one
            "Environment=PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1",
        ]
        if self.systemd >= _STEPS_SINCE:
            lines += ["RestartSteps=6", "RestartMaxDelaySec=60"]
        return lines

    def _folders(self) -> list[str]:
        homes = [path for path in self.needs() if str(path).startswith(_HOMES)]
        lines = [
            f"RuntimeDirectory={self.name}",
            "RuntimeDirectoryMode=0711",  # others reach the status file, and see nothing else
            "RuntimeDirectoryPreserve=yes",  # keeps the ledger when livegen is killed
            f"StateDirectory={self.name}",
            f"WorkingDirectory=%S/{self.name}",
            f"ProtectHome={'read-only' if homes else 'yes'}",
        ]
        if self.scope == "system":
            return [*lines, f"User={self.user}" if self.user else "DynamicUser=yes"]
        return [*lines, "PrivateUsers=yes"]  # a user's own manager needs it for the other restrictions

    def _devices(self) -> list[str]:
        """Access for the MIDI system: JACK needs its server's shared memory, ALSA needs its devices."""
        if self.settings.ports.system in ("jack", "memory"):
            return ["PrivateDevices=yes"]
        groups = ["SupplementaryGroups=audio"] if self.scope == "system" else []
        return [*groups, "PrivateIPC=yes", "DevicePolicy=closed", "DeviceAllow=char-alsa rw"]

    def _network(self) -> list[str]:
        if self.settings.time.clock == "link":
            near = "localhost link-local multicast 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7"
            families = "AF_UNIX AF_INET AF_INET6 AF_NETLINK"
            return ["IPAddressDeny=any", f"IPAddressAllow={near}", f"RestrictAddressFamilies={families}"]
        return ["PrivateNetwork=yes", "IPAddressDeny=any", "RestrictAddressFamilies=AF_UNIX"]


_LIMITS = [
    "LimitRTPRIO=95",
    "LimitNICE=-11",
    "LimitMEMLOCK=infinity",
    "LimitCORE=0",
    "LimitNOFILE=1024",
    "TasksMax=128",
    "MemoryHigh=768M",
    "MemoryMax=1G",
    "MemorySwapMax=0",
]

_SHUT = [
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "ProtectSystem=strict",
    "PrivateTmp=yes",
    "PrivateMounts=yes",
    "ProtectProc=invisible",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectControlGroups=yes",
    "RestrictNamespaces=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "RemoveIPC=yes",
    "UMask=0077",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged",
    "SystemCallFilter=landlock_create_ruleset landlock_restrict_self",  # the engine gives up what it does not need
    "SystemCallErrorNumber=EPERM",
]


def unit_folder(scope: Scope) -> Path:
    """The folder for units of a scope."""
    return Path("/etc/systemd/system") if scope == "system" else Path.home() / ".config" / "systemd" / "user"


def shut_to_others(path: Path) -> Path | None:
    """The first folder of a path, or the file, that not every user may read; None when every user may."""
    for part in (*reversed(path.parents), path):
        try:
            is_open = part.stat().st_mode & (0o001 if part.is_dir() else 0o004)
        except OSError:
            is_open = 0
        if not is_open:
            return part
    return None


def systemd_version() -> int:
    """The version of the installed systemd; a recent one when none answers."""
    try:
        said = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return _MODERN
    found = re.match(r"systemd (\d+)", said)
    return int(found[1]) if found else _MODERN


def _quoted(word: str) -> str:
    """A quoted word of a command line, with systemd's special characters % and $ escaped."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$") + '"'
