"""A demonstration without hardware: plays a hymn to the daemon, in real time, through ports in memory."""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.daemon.daemon import run_daemon
from livegen.daemon.ports import MemoryPorts
from livegen.daemon.status_file import Figures
from livegen.errors import LivegenError, SoundError
from livegen.events import NoteOff, NoteOn, Timed
from livegen.files.bar_map import lay_bars
from livegen.files.midi_file import write_midi
from livegen.files.piano_roll import draw_roll
from livegen.ipc.marks import marks_of
from livegen.midi_in.port import MemoryInput
from livegen.recording.format import Session, read_session
from livegen.recording.tracks import Who, first_note_ns, track
from livegen.settings import Settings
from livegen.sound.sound_file import render_sound

# Old Hundredth (Louis Bourgeois, Geneva Psalter, 1551), its first three lines: pitches, a beat each, the last two.
HYMN = ((67, 67, 66, 64, 62, 67, 69, 71), (71, 71, 71, 69, 67, 72, 71, 69), (67, 69, 71, 69, 67, 64, 66, 67))
_BEAT_NS = 560 * NS_PER_MS
_DETACHED = 0.9  # a note sounds for this part of its length
_PATIENCE_NS = 20 * NS_PER_S  # how long to wait for the end of an answer
_ROW_NS = 140 * NS_PER_MS  # the time of one line of the printed piano roll
_LOW, _HIGH = 36, 84

_PLAYERS = ("pw-play", "paplay", "aplay", "afplay")  # programs that play a WAV file

Say = Callable[[str], None]


def run_demo(settings: Settings, folder: Path, say: Say) -> Figures:
    """Play the hymn line by line, each after the answer to the one before; write demo.mid, demo.png and demo.wav.

    LivegenError when there was no answer, or when a note is left hanging.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stage = Stage()
    ports = MemoryPorts()
    stop = threading.Event()
    player = threading.Thread(target=_play_hymn, args=(ports.input, stage, stop), name="demo player")
    roll = threading.Thread(target=_print_roll, args=(stage, stop, say), name="demo roll")

    def say_and_begin(line: str) -> None:
        say(line)
        if line.startswith("ready"):
            stage.is_ready.set()

    say("below, time goes down and pitch to the right; you: o, then | while the key is down; livegen: # and :")
    player.start()
    roll.start()
    with tempfile.TemporaryDirectory() as recorded:
        recording = settings.model_copy(update={"daemon": settings.daemon.model_copy(update={"record": recorded})})
        try:
            figures = run_daemon(recording, say=say_and_begin, stop=stop, observe=stage.observe, memory=ports)
        finally:
            stop.set()
            player.join()
            roll.join()
        (path,) = Path(recorded).iterdir()
        _write(folder, read_session(path), f"Old Hundredth, answered by {settings.play.model}")
    if not figures.notes_out or figures.hanging:
        raise LivegenError(f"the demo failed: {figures.notes_out} notes in the answers, {figures.hanging} left hanging")
    _tell_of_files(folder, settings.sound.soundfont, say)
    return figures


def _tell_of_files(folder: Path, soundfont: str, say: Say) -> None:
    """Write demo.wav where FluidSynth is there; say where the files are, and how to hear them."""
    missing = ""
    try:
        render_sound(folder / "demo.mid", folder / "demo.wav", soundfont)
    except SoundError as error:
        missing = str(error)
    say("")
    if missing:
        say(f"  {folder / 'demo.mid'}   the music: open it in a DAW or a notation program")
    else:
        player = next((name for name in _PLAYERS if shutil.which(name)), "")
        how = f"hear it: {player} {folder / 'demo.wav'}" if player else "open it in any music player"
        say(f"  {folder / 'demo.wav'}   the sound; {how}")
        say(f"  {folder / 'demo.mid'}   the music, for a DAW or a notation program")
    say(f"  {folder / 'demo.png'}   a picture of it: you in blue, the machine in orange")
    if missing:
        say(missing)


def _write(folder: Path, session: Session, title: str) -> None:
    player, machine = track(session, "player"), track(session, "machine")
    bars = lay_bars(marks_of(session), first_note_ns(session))
    write_midi(folder / "demo.mid", [("player", player), ("machine", machine)], bars)
    draw_roll(folder / "demo.png", player, machine, title, bars)


class Stage:
    """What the machine has played so far, and what is new. Filled by the daemon's monitor thread, read by ours."""

    def __init__(self) -> None:
        self.machine: list[Timed] = []
        self.is_ready = threading.Event()
        self.new: SimpleQueue[tuple[Who, Timed]] = SimpleQueue()

    def observe(self, voice: Who, timed: Timed) -> None:
        """Take an event that came in or was sent."""
        if voice == "machine":
            self.machine.append(timed)
        self.new.put((voice, timed))


def _play_hymn(keyboard: MemoryInput, stage: Stage, stop: threading.Event) -> None:
    while not stage.is_ready.wait(0.1):
        if stop.is_set():
            return
    for line in HYMN:
        _play_line(keyboard, line)
        _wait_for_answer(stage, stop)
        if stop.is_set():
            return
    stop.set()


def _play_line(keyboard: MemoryInput, line: tuple[int, ...]) -> None:
    at_ns = now_ns()
    for index, pitch in enumerate(line):
        length_ns = _BEAT_NS * (2 if index == len(line) - 1 else 1)
        _sleep_until(at_ns)
        keyboard.play(NoteOn(pitch, 84))
        _sleep_until(at_ns + round(length_ns * _DETACHED))
        keyboard.play(NoteOff(pitch))
        at_ns += length_ns


def _wait_for_answer(stage: Stage, stop: threading.Event) -> None:
    """Wait until the machine has answered and then been silent for two beats."""
    begin_ns = now_ns()
    while now_ns() < begin_ns + _PATIENCE_NS and not stop.wait(0.05):
        last = stage.machine[-1] if stage.machine else None
        if last and begin_ns < last.at_ns < now_ns() - 2 * _BEAT_NS and isinstance(last.event, NoteOff):
            return


def _sleep_until(at_ns: int) -> None:
    time.sleep(max(0, at_ns - now_ns()) / NS_PER_S)


def _print_roll(stage: Stage, stop: threading.Event, say: Say) -> None:
    """Print a piano roll, time downwards, pitch to the right: player ``o`` and ``|``, machine ``#`` and ``:``."""
    sounding: dict[int, str] = {}
    while not stop.wait(_ROW_NS / NS_PER_S):
        row = {pitch: "|" if voice == "player" else ":" for pitch, voice in sounding.items()}
        while True:
            try:
                voice, timed = stage.new.get_nowait()
            except Empty:
                break
            if isinstance(timed.event, NoteOn):
                sounding[timed.event.pitch] = voice
                row[timed.event.pitch] = "o" if voice == "player" else "#"
            elif isinstance(timed.event, NoteOff):
                sounding.pop(timed.event.pitch, None)
        if row:
            say("".join(row.get(pitch, " ") for pitch in range(_LOW, _HIGH + 1)).rstrip())
