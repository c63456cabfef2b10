"""MIDI files: a file's music in real time, and two voices of a conversation into one file."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import mido

from livegen.errors import MidiFileError
from livegen.events import TICKS_PER_QUARTER, NoteOn, Timed, from_bytes, to_bytes

_TEMPO_US = 500_000  # of the files we write: 120 beats a minute, so a tick is 0.52 ms
_BEAT_NS = _TEMPO_US * 1000


def read_midi(path: Path) -> list[Timed]:
    """Notes and controls of a type 0 or 1 file, in order, in ns from its beginning; MidiFileError otherwise."""
    try:
        content = path.read_bytes()
        if not content:
            raise MidiFileError(f"{path}: the file is empty; give a Standard MIDI File of type 0 or 1")
        if not content.startswith(b"MThd"):
            raise MidiFileError(f"{path}: not a Standard MIDI File: it does not begin with MThd")
        file = mido.MidiFile(path, clip=True)
    except FileNotFoundError:
        raise MidiFileError(f"{path}: no such file") from None
    except EOFError:
        raise MidiFileError(f"{path}: the file is truncated; export it again from its program") from None
    except MidiFileError:
        raise
    except Exception as error:  # noqa: BLE001 (mido raises what its parsing hits, and classes of its own)
        detail = f" ({error})" if str(error) else ""
        raise MidiFileError(f"{path}: not a Standard MIDI File{detail}") from None
    if file.type == 2:
        raise MidiFileError(f"{path}: type 2 holds independent patterns; save it as type 0 or 1")
    if file.ticks_per_beat <= 0:
        raise MidiFileError(f"{path}: counts time in film frames (SMPTE); save it in ticks per quarter")
    events = list(_timed(file))
    if not any(isinstance(timed.event, NoteOn) for timed in events):
        raise MidiFileError(f"{path}: holds no notes")
    return events


def _timed(file: mido.MidiFile) -> Iterable[Timed]:
    tempo_us, anchor_ns, anchor_tick, tick = 500_000, 0, 0, 0
    for message in mido.merge_tracks(file.tracks):
        tick += message.time
        at_ns = anchor_ns + (tick - anchor_tick) * tempo_us * 1000 // file.ticks_per_beat
        if message.type == "set_tempo":
            tempo_us, anchor_ns, anchor_tick = message.tempo, at_ns, tick
        elif not message.is_meta and (event := from_bytes(message.bytes())):
            yield Timed(at_ns, event)


def write_midi(path: Path, voices: Sequence[tuple[str, Iterable[Timed]]], origin_ns: int = 0) -> None:
    """Write a type 1 file at 120 bpm: a track for each (name, events in order), from ``origin_ns`` on."""
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER)
    file.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=_TEMPO_US)]))
    for name, events in voices:
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        before = 0
        for timed in events:
            tick = max(before, (timed.at_ns - origin_ns) * TICKS_PER_QUARTER // _BEAT_NS)
            message = mido.Message.from_bytes(to_bytes(timed.event))
            message.time, before = tick - before, tick
            track.append(message)
        file.tracks.append(track)
    file.save(path)
