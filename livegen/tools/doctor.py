"""Checks what livegen needs, and says what is wrong and how to fix it."""

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from livegen.bench.conditions import conditions, priority
from livegen.confinement import confinement
from livegen.daemon.spare import available_bytes, is_wanted
from livegen.daemon.status_file import read_status
from livegen.engine.composer import playable_roles
from livegen.errors import LivegenError, SoundError
from livegen.midi_out.ledger import ledger_folder
from livegen.midi_ports.names import is_keyboard, is_own
from livegen.midi_ports.nearby import remedies
from livegen.midi_ports.systems import START_JACK, answering_system, list_ports, supported_systems
from livegen.model.bundle import load_bundle
from livegen.printable import printable
from livegen.realtime import PLANNING, may_lock_memory
from livegen.settings import Daemon, Ports, Settings
from livegen.shipped import PLAYS, shipped_models
from livegen.sound.fluidsynth import DRIVER_REMEDY, audio_driver, driver_fault
from livegen.sound.soundfont import find_soundfont
from livegen.tools.status_report import not_ready, to_do

_LEAST_FREE_BYTES = 100 * 2**20
_ALLOW_PRIORITY = "allow it: 'username - rtprio 95' in /etc/security/limits.d/audio.conf, then log in again"
_OTHER_SOUND = "or connect a synthesizer; livegen plays without"
_FIRST_YEAR = 2026  # a wall clock with an earlier year is wrong


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check, in plain words; ``remedy`` says how to fix it, ``details`` are for a technician."""

    name: str
    is_ok: bool
    says: str
    remedy: str = ""
    details: str = ""
    is_needed: bool = False  # without it livegen cannot play
    is_awaited: bool = False  # without it nobody can play, but livegen starts and waits for it
    is_fault: bool = True  # it is to be repaired where it is not ok, not just plugged in
    is_detail: bool = False  # of interest only when it is wrong


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, and the conditions of the checks."""

    findings: tuple[Finding, ...]
    conditions: dict[str, Any]

    @property
    def is_healthy(self) -> bool:
        """Is everything there that livegen needs to play?"""
        return all(finding.is_ok or not finding.is_needed for finding in self.findings)

    def as_text(self, *, details: bool = False) -> str:
        """A line for each finding, its remedy below it; the last line says whether livegen can play.

        With ``details`` it has every finding with its details, and the conditions.
        """
        lines = []
        for finding in self.findings:
            if finding.is_ok and finding.is_detail and not details:
                continue
            more = f" ({finding.details})" if details and finding.details else ""
            mark = "ok  " if finding.is_ok else "MISS" if finding.is_fault else "wait"
            lines.append(printable(f"{mark}  {finding.name}: {finding.says}{more}"))
            if not finding.is_ok and finding.remedy:
                lines.append(f"      → {finding.remedy}")
        if details:
            lines += [f"      {name}: {value}" for name, value in self.conditions.items()]
        return "\n".join([*lines, self.summary])

    @property
    def summary(self) -> str:
        """Whether livegen can play here, and what is to be repaired, in a line."""
        missing = [finding for finding in self.findings if not finding.is_ok]
        wrong = [finding for finding in missing if finding.is_fault]
        if not missing:
            return "livegen can play here: everything is there"
        if not wrong:
            return "livegen can play here, once somebody plays and something listens"
        count = "1 thing" if len(wrong) == 1 else f"{len(wrong)} things"
        repairs = f"{count} to repair: {_names(wrong)}"
        if not self.is_healthy:
            return f"livegen cannot play here: {repairs}"
        if any(finding.is_awaited for finding in missing):
            return f"livegen can start here, but nobody can play yet: {repairs}"
        return f"livegen can play here; {repairs}"

    def as_dict(self) -> dict[str, Any]:
        """The report for ``--json``."""
        findings = [asdict(finding) for finding in self.findings]
        return {
            "healthy": self.is_healthy,
            "summary": self.summary,
            "findings": findings,
            "conditions": self.conditions,
        }


def _names(findings: Sequence[Finding]) -> str:
    return ", ".join(printable(finding.name) for finding in findings)


def examine(settings: Settings) -> Report:
    """Check everything that livegen needs, and what makes it play better."""
    findings = (
        _build(),
        _midi(settings.ports),
        _keyboards(settings.ports),
        _sound(settings),
        *_models(settings.play.model, settings.installation.fallback_model),
        _running(settings.ports.name),
        *_wall_clock(settings.installation.hours),
        _priority(),
        _engine_priority(settings.daemon),
        _spare(settings),
        _memory(),
        _disk(),
        _engine(),
    )
    return Report(findings, conditions(provider="CPUExecutionProvider"))


def describe_ports(ports: Ports) -> list[dict[str, str]]:
    """Every MIDI port, and whether jam would listen to it; PortError when no MIDI system answers."""
    system, inputs, outputs = list_ports(ports.system, ports.name)
    rows = [
        {"direction": "in", "name": name, "jam": "listens" if is_keyboard(name, system, ports.name) else ""}
        for name in inputs
        if not is_own(name, ports.name)
    ]
    return rows + [{"direction": "out", "name": name, "jam": ""} for name in outputs if not is_own(name, ports.name)]


def describe_models() -> list[dict[str, Any]]:
    """Every shipped model: what it plays, in which roles, and its figures and title as its card has them."""
    rows = []
    for name, path in shipped_models().items():
        bundle = load_bundle(name)
        card, roles = bundle.card, playable_roles(bundle.codec)
        size = f"{path.stat().st_size / 1e6:.1f} MB"
        nats = card.metrics.get("test_nats")
        figure = f"{nats:.3f} nats a token" if nats else ""
        figures = {"title": card.title, "codec": card.codec.name, "size": size, "figure": figure}
        rows.append({"name": name, "plays": PLAYS[name], "roles": roles, **figures})
    return rows


def _build() -> Finding:
    found = supported_systems()
    remedy = "install ALSA's library (Debian: alsa-utils), and what reaches it: pip install alsa-midi"
    return Finding(
        "MIDI library",
        is_ok=bool(found.keys() - {"jack"}),
        says=f"for {' and '.join(found) or 'nothing'}",
        remedy=remedy,
        details=", ".join(f"{system} by {library.name}" for system, library in found.items()),
        is_detail=True,
    )


def _midi(ports: Ports) -> Finding:
    try:
        system = answering_system(ports.system, ports.name)
    except LivegenError as error:
        remedy = "; or ".join([*remedies(), f"start JACK ({START_JACK})", "start jam anyway: it waits for the system"])
        return Finding("MIDI system", is_ok=False, says=str(error).partition(";")[0], remedy=remedy, is_awaited=True)
    return Finding("MIDI system", is_ok=True, says="; ".join([system, *remedies(system)]))


def _keyboards(ports: Ports) -> Finding:
    found: list[str] = []
    with suppress(LivegenError):
        found += [row["name"] for row in describe_ports(ports) if row["jam"]]
    with suppress(LivegenError):  # what is connected to a livegen that runs
        found += [port["name"][4:] for port in read_status(ports.name)["plugged"] if port["name"].startswith("in: ")]
    found = list(dict.fromkeys(found))
    remedy = f"plug one in, or connect a program to {ports.name}:in; you can do this later, too"
    says = ", ".join(found) or "none yet"
    return Finding("keyboards", bool(found), says, remedy, is_awaited=True, is_fault=False)


def _sound(settings: Settings) -> Finding:
    """What ``--sound`` needs, tried; livegen plays without it, too."""
    sound, system = settings.sound, None
    with suppress(LivegenError):
        system = answering_system(settings.ports.system, settings.ports.name)
    driver = audio_driver(system) if sound.driver == "auto" else sound.driver
    try:
        fault = driver_fault(sound, driver)
    except (SoundError, OSError) as error:
        return Finding("sound", is_ok=False, says=str(error), remedy=_OTHER_SOUND)
    if fault:
        return Finding("sound", is_ok=False, says=fault, remedy=f"{DRIVER_REMEDY}; {_OTHER_SOUND}")
    says = f"livegen jam --sound is heard, through {driver}"
    return Finding("sound", is_ok=True, says=says, details=str(find_soundfont(sound.soundfont)))


def _models(*chosen: str) -> list[Finding]:
    """The chosen models, those that come with livegen, and a line for all of them when they are whole."""
    findings = []
    for name in filter(None, dict.fromkeys((*shipped_models(), *chosen))):
        try:
            card = load_bundle(name).card
        except LivegenError as error:
            findings.append(Finding(f"model {name}", is_ok=False, says=str(error), is_needed=True))
        else:
            says, is_ours = PLAYS.get(name, card.title), name in shipped_models()
            findings.append(Finding(f"model {name}", is_ok=True, says=says, is_needed=True, is_detail=is_ours))
    if all(finding.is_ok for finding in findings):
        findings.append(Finding("models", is_ok=True, says=f"{len(findings)}, all of them whole"))
    return findings


def _running(name: str) -> Finding:
    """The state of a running daemon; a daemon that does not run is ok: it may be started next."""
    try:
        status = read_status(name)
    except LivegenError as error:
        return Finding("running", is_ok=True, says=str(error))
    said = f"as '{name}', engine restarted {status['engine_restarts']} times"
    wanting = to_do(status)
    is_fault = wanting != not_ready(status)
    return Finding("running", not wanting, said, "; ".join(wanting), is_awaited=not is_fault, is_fault=is_fault)


def _wall_clock(hours: Sequence[str]) -> list[Finding]:
    """The wall clock, which opening hours depend on; a computer without a clock battery starts in the past."""
    if not hours:
        return []
    now = time.localtime()
    says = f"{time.strftime('%a %Y-%m-%d %H:%M %Z', now)}; opening hours {', '.join(hours)}"
    remedy = "set it: sudo timedatectl set-time '2026-05-01 10:00', or connect to a network until it is right"
    return [Finding("wall clock", now.tm_year >= _FIRST_YEAR, says, remedy)]


def _priority() -> Finding:
    found = priority()
    is_high = found != "normal"
    says = "notes go before other programs" if is_high else "under heavy load notes may be some milliseconds late"
    return Finding("priority", is_high, says, _ALLOW_PRIORITY, found)


def _engine_priority(daemon: Daemon) -> Finding:
    found = priority(PLANNING) if daemon.realtime else "normal (daemon.realtime is off)"
    is_high = found.startswith("SCHED")
    says = "the network goes before other programs" if is_high else "beside other programs answers may be late"
    return Finding("engine priority", is_high, says, _ALLOW_PRIORITY, found, is_detail=True)


def _spare(settings: Settings) -> Finding:
    """The second engine; without one music comes back after seconds, which is ok on a small computer."""
    free = available_bytes()
    room = "unknown" if free is None else f"{free >> 20} MB free"
    wanted = "yes" if is_wanted(settings, has_spare=False) else "no: after a crash music comes back after some seconds"
    details = f"daemon.spare is '{settings.daemon.spare}'; {room}"
    return Finding("spare engine", is_ok=True, says=wanted, details=details, is_detail=True)


def _memory() -> Finding:
    remedy = "allow it: 'username - memlock unlimited' in /etc/security/limits.d/audio.conf, then log in again"
    is_locked = may_lock_memory()
    says = "yes" if is_locked else "no: when memory is short, livegen may wait for the disk, and notes are late"
    return Finding("locked memory", is_locked, says, remedy, is_detail=True)


def _disk() -> Finding:
    folder = ledger_folder()
    nearest = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    free = shutil.disk_usage(nearest).free
    says = f"{free >> 20} MB free"
    return Finding("disk", free >= _LEAST_FREE_BYTES, says, f"free some space on {nearest}", str(folder))


def _engine() -> Finding:
    """What keeps a damaged or malicious model from files and from the network."""
    found = confinement()
    says = "no model can reach your files or the network" if found else "a model could reach your files and the network"
    remedy = "play only models that you trust; Linux 5.13 or newer, on x86-64 or ARM, confines the engine"
    return Finding("engine", bool(found), says, remedy, found, is_detail=True)
