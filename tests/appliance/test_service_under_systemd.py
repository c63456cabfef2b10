"""The unit as it is written, under a real systemd in namespaces of its own: restrictions, reload, watchdog, kill, stop.

By LIVEGEN_SYSTEMD=1, as root, where systemd is installed. The service runs as root without any capability, for the
tests' Python may be where nobody else can read it.
"""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from livegen.appliance.systemd_unit import Service, systemd_version
from livegen.settings import load

ROOT = Path(__file__).parents[2]
PATIENCE_S = 90

pytestmark = pytest.mark.skipif("LIVEGEN_SYSTEMD" not in os.environ, reason="boots systemd: LIVEGEN_SYSTEMD=1")

BOOT = """
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/out /run/targets
cp /lib/systemd/system/*.target /run/targets
mount -t tmpfs tmpfs /lib/systemd/system
cp /run/targets/* /lib/systemd/system
mount -t tmpfs tmpfs /etc/systemd/system
mount --bind {out} /run/out
cp -r {units}/* /etc/systemd/system/
exec env -i container=livegen PATH=$PATH /lib/systemd/systemd --system --unit=box.target
"""

PROBE = """
say() {{ echo "$1=$2" >> /run/out/probe; }}
show() {{ systemctl show box --property=$1 --value; }}
await() {{ for i in $(seq 200); do [ "$(show $1)" = "$2" ] && return; sleep 0.1; done; }}
await ActiveState active
pid=$(show MainPID)
for key in NoNewPrivs Seccomp CapEff CapBnd; do say $key $(grep "^$key:" /proc/$pid/status | cut -f2); done
engine=$(pgrep -P $pid)
say engine_seccomp $(grep ^Seccomp: /proc/$engine/status | cut -f2)
[ "$(readlink /proc/$pid/ns/net)" != "$(readlink /proc/1/ns/net)" ]; say own_network $?
sleep 3
{python} -m livegen.cli status --name box --json > /run/out/status
systemctl reload box; say reload $?
kill -KILL $pid; await NRestarts 1; await ActiveState active
say after_kill $(show NRestarts),$(show ActiveState)
pid=$(show MainPID)
kill -STOP $pid; await NRestarts 2; await ActiveState active
say after_stop $(show NRestarts),$(show ActiveState)
systemctl stop box; say stop $?,$(show Result),$(show ExecMainStatus)
systemctl stop jack
{python} -m livegen.cli service install {second} --as root >> /run/out/box.log 2>&1; say install $?
say second $(systemctl is-active second.service),$(systemctl is-enabled second.service)
{python} -m livegen.cli service uninstall --name second >> /run/out/box.log 2>&1; say uninstall $?
say gone $(systemctl is-active second.service),$(ls /etc/systemd/system | grep -c second.service$)
say end 1
"""


@pytest.mark.parametrize("system", ["memory", "jack"])
def test_under_systemd_it_plays_shut_in_and_comes_back_from_a_kill_and_a_standstill(
    system: str, tmp_path: Path
) -> None:
    units, out = tmp_path / "units", tmp_path / "out"
    out.mkdir()
    config = tmp_path / "box.toml"
    config.write_text(f'[ports]\nname = "box"\nsystem = "{system}"\n[installation]\nattract_s = 1\nmute_s = 20\n')
    second = tmp_path / "second.toml"
    second.write_text('[ports]\nname = "second"\nsystem = "memory"\n')
    server = f"JACK_NO_AUDIO_RESERVATION=1 JACK_DEFAULT_SERVER=livegen-systemd-{os.getpid()}"
    own = f'[Service]\nEnvironment="PYTHONPATH={ROOT}" {server}\n'
    # what the tests have below /tmp is to be seen, and what is said
    more = "WatchdogSec=3\nStandardOutput=append:/run/out/box.log\nStandardError=inherit\nPrivateTmp=no\n"
    for name in ("box", "second"):
        (units / f"{name}.service.d").mkdir(parents=True)
        (units / f"{name}.service.d" / "try.conf").write_text(f"{own}{more}")
    (units / "box.service").write_text(Service(load(config), config, "system", "root", systemd_version()).unit())
    (units / "box.target").write_text("[Unit]\nWants=jack.service box.service probe.service\n")
    (units / "jack.service").write_text(f"{own}ExecStart=/usr/bin/jackd -r -p 128 -d dummy\n")
    (units / "probe.service").write_text(f"{own}ExecStart=/bin/bash {tmp_path}/probe.sh\n")
    (tmp_path / "probe.sh").write_text(PROBE.format(python=sys.executable, second=second))
    (tmp_path / "boot.sh").write_text(BOOT.format(out=out, units=units))
    groups = _control_groups()
    namespaces = ["--mount", "--pid", "--ipc", "--uts", "--cgroup", "--fork", "--kill-child"]

    with subprocess.Popen(
        ["unshare", *namespaces, "bash", str(tmp_path / "boot.sh")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as machine:
        try:
            found = _found(out / "probe")
        finally:
            machine.kill()
    time.sleep(0.5)  # its processes are going
    for folder in sorted(_control_groups() - groups, reverse=True):  # it leaves them behind, empty
        with suppress(OSError):
            folder.rmdir()

    log = (out / "box.log").read_text()
    assert found["NoNewPrivs"] == "1", log
    assert (found["Seccomp"], found["engine_seccomp"]) == ("2", "2")
    assert {int(found["CapEff"], 16), int(found["CapBnd"], 16)} == {0}
    assert found["own_network"] == "0"
    assert '"role": "solo"' in (out / "status").read_text()
    assert '"notes_out": 0,' not in (out / "status").read_text()
    assert (found["reload"], found["after_kill"], found["after_stop"]) == ("0", "1,active", "2,active"), log
    assert found["stop"] == "0,success,0"
    assert (found["install"], found["second"]) == ("0", "active,enabled"), log
    assert (found["uninstall"], found["gone"]) == ("0", "inactive,0"), log
    assert log.count("(JACK)") == (3 if system == "jack" else 0)


def _control_groups() -> set[Path]:
    return {path for path in Path("/sys/fs/cgroup").rglob("*") if path.is_dir()}


def _found(path: Path) -> dict[str, str]:
    until = time.monotonic() + PATIENCE_S
    found: dict[str, str] = {}
    while "end" not in found and time.monotonic() < until:
        time.sleep(0.2)
        if path.exists():
            found = dict(line.split("=", 1) for line in path.read_text().splitlines())
    assert "end" in found, found
    return found
