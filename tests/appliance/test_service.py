"""The unit for systemd, and the commands that write and remove it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from livegen.appliance.systemd_unit import Scope, Service, shut_to_others
from livegen.settings import load

ROOT = Path(__file__).parents[2]
MOST_EXPOSED = 2.0


def unit(scope: Scope = "system", systemd: int = 252, user: str = "", **sections: dict[str, Any]) -> str:
    return Service(load(None, sections), Path("/etc/livegen/box.toml"), scope, user, systemd).unit()


def livegen(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "livegen.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed (Debian: systemd)")
@pytest.mark.parametrize("scope", ["system", "user"])
@pytest.mark.parametrize(
    "sections",
    [{}, {"ports": {"system": "jack"}}, {"time": {"clock": "link"}}],
    ids=["alsa", "jack", "link"],
)
def test_systemd_finds_the_unit_whole_and_little_exposed(
    scope: Scope, sections: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    path = tmp_path / "livegen.service"
    path.write_text(unit(scope, user="root" if scope == "system" and sections else "", **sections))

    security = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(path)]
    judged = subprocess.run(security, capture_output=True, text=True, check=False)
    verify = ["systemd-analyze", "verify", *(["--user"] if scope == "user" else []), "--man=no", str(path)]
    verified = subprocess.run(verify, capture_output=True, text=True, check=False)

    found = re.search(r"Overall exposure level.*: ([\d.]+)", judged.stdout)
    assert found, judged.stderr
    assert float(found[1]) <= MOST_EXPOSED
    assert [line for line in verified.stderr.splitlines() if "livegen.service" in line] == []


def test_it_is_started_again_for_ever_and_ever_more_slowly_where_systemd_can() -> None:
    old, new = unit(systemd=252).splitlines(), unit(systemd=254).splitlines()

    assert {"Type=notify", "Restart=always", "RestartSec=1", "StartLimitIntervalSec=0", "WatchdogSec=20"} <= {*old}
    assert {*new} - {*old} == {"RestartSteps=6", "RestartMaxDelaySec=60"}


def test_it_may_do_what_music_needs_and_nothing_else() -> None:
    alsa, jack, link = unit(), unit(ports={"system": "jack"}), unit(time={"clock": "link"})

    assert "DeviceAllow=char-alsa rw" in alsa
    assert "PrivateDevices=yes" not in alsa
    assert "PrivateDevices=yes" in jack
    assert "PrivateNetwork=yes" in alsa
    assert "PrivateNetwork=yes" not in link
    for text in (alsa, jack, link):
        assert {"LimitRTPRIO=95", "LimitMEMLOCK=infinity", "CapabilityBoundingSet="} <= {*text.splitlines()}


def test_other_users_reach_the_status_file_and_see_nothing_else() -> None:
    assert {"RuntimeDirectoryMode=0711", "UMask=0077"} <= {*unit().splitlines()}


def test_a_path_with_signs_of_systemds_own_is_quoted() -> None:
    text = Service(load(), Path('/srv/100%/$a "b"/box.toml')).unit()

    assert r' -P -m livegen.cli run "/srv/100%%/$$a \"b\"/box.toml"' in text


def test_what_others_may_not_read_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir(mode=0o700)
    (folder / "box.toml").write_text("")

    assert shut_to_others(Path("/usr/bin/env")) is None
    assert shut_to_others(folder / "box.toml") in (folder, *folder.parents)


def test_the_unit_is_written_printed_and_removed(tmp_path: Path) -> None:
    config = tmp_path / "box.toml"
    config.write_text('[ports]\nname = "box"\nsystem = "memory"\n')
    where = ("--to", str(tmp_path / "units"))

    printed = livegen("service", "install", str(config), "--as", "ada", "--print")
    installed = livegen("service", "install", str(config), "--as", "ada", *where)
    written = (tmp_path / "units" / "box.service").read_text()
    removed = livegen("service", "uninstall", "--name", "box", *where)
    again = livegen("service", "uninstall", "--name", "box", *where)

    assert written == printed.stdout
    assert "User=ada" in written
    assert installed.stdout.splitlines() == [
        f"written: {tmp_path}/units/box.service",
        "then: systemctl daemon-reload",
        "then: systemctl enable --now box.service",
    ]
    assert removed.returncode == 0
    assert list((tmp_path / "units").iterdir()) == []
    assert (again.returncode, "no such unit" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[ports]\nsystem = "jack"\n', "JACK accepts only the user who runs its server; give that user: --as NAME"),
        ('[play]\nmodel = "bahc"\n', "unknown model 'bahc'; did you mean 'bach'?"),
        ('[installation]\nfallback_model = "bahc"\n', "unknown model 'bahc'; did you mean 'bach'?"),
        ("[installation]\nattract = 3\n", "unknown key 'installation.attract'; did you mean 'attract_s'?"),
    ],
)
def test_what_could_not_play_is_not_installed(text: str, complaint: str, tmp_path: Path) -> None:
    config = tmp_path / "box.toml"
    config.write_text(text)

    done = livegen("service", "install", str(config), "--to", str(tmp_path / "units"))

    assert done.returncode == 1
    assert complaint in done.stderr
    assert not (tmp_path / "units").exists()


def test_a_config_that_its_user_could_not_read_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir(mode=0o700)
    config = folder / "box.toml"
    config.write_text('[ports]\nname = "box"\n')

    done = livegen("service", "install", str(config), "--to", str(tmp_path / "units"))

    assert done.returncode == 1
    assert "may not read this" in done.stderr


def test_the_settings_of_an_installation_are_whole() -> None:
    settings = load(ROOT / "livegen" / "configs" / "installation.toml")

    assert settings.installation.attract_s > 0
    assert settings.installation.max_silence_s > 0
    assert settings.installation.longest_note_s > 0
