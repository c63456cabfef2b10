"""Damaged and made-up input for everything that reads what others wrote.

    python -m tests.fuzz --minutes 60 [--target settings] [--seed 1]

The minutes are those of a core, shared out evenly. Only a LivegenError of one line is an answer to what is damaged, and
no single input may take more than 100 ms, but for what a model's trial does, which has limits of its own. What breaks a
rule is made small by hypothesis and printed, and it exits with 1.
"""

import argparse
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import mido
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livegen.errors import LivegenError
from livegen.events import Event, NoteOff, NoteOn, Timed, ending_of, from_bytes, is_beginning
from livegen.files.midi_file import read_midi, read_score
from livegen.ipc.messages import decode
from livegen.midi_in.input_filter import InputFilter
from livegen.midi_in.parser import MidiParser
from livegen.model.card import Card
from livegen.model.onnx_structure import check_structure
from livegen.model.validation import validate_model
from livegen.recording.format import MARK, Kind, Record, decode_session, encode_frames
from livegen.recording.tracks import KINDS, track
from livegen.routing import InputRoute
from livegen.session.replay import model_opener, replay
from livegen.settings import Settings, load
from livegen.shipped import shipped_models

_LONGEST_S = 0.1
_TRIES = 3  # what takes too long every time is slow itself, and not a collector of garbage beside it
_LENGTHS = {0x80: 3, 0x90: 3, 0xA0: 3, 0xB0: 3, 0xC0: 2, 0xD0: 2, 0xE0: 3}
_SYSTEM_LENGTHS = {0xF1: 2, 0xF2: 3, 0xF3: 2}  # the rest is a byte
_PLACE = st.floats(0, 1, exclude_max=True)

Edit = tuple[str, float, bytes]
_EDITS = st.lists(
    st.tuples(st.sampled_from(("put", "insert", "remove", "cut", "repeat")), _PLACE, st.binary(max_size=8)),
    min_size=1,
    max_size=12,
)


def damaged(content: bytes, edits: list[Edit]) -> bytes:
    """``content`` after some edits: bytes replaced, put in, taken out, doubled, or all cut off from a place on."""
    found = bytearray(content)
    for kind, place, some in edits:
        at = int(place * len(found))
        match kind:
            case "put":
                found[at : at + len(some)] = some
            case "insert":
                found[at:at] = some
            case "remove":
                del found[at : at + len(some)]
            case "repeat":
                found[at:at] = found[at : at + 32 * len(some)]
            case "cut":
                del found[at + len(content) // 2 :]
    return bytes(found)


def refused_in_one_line(read: Callable[[], Any]) -> None:
    """It is read, or refused in one printable line."""
    line = ""
    try:
        read()
    except LivegenError as error:
        line = str(error)
    assert line.isprintable(), f"more than a line: {line!r}"


# the targets: each a strategy and what is done with what it draws

_FREQUENT = (0x90, 0x80, 0xB0, 0xE0, 0xF0, 0xF7, 0xF8, 0xFE, 0xFF, 60, 64, 66, 67, 120, 121, 123, 0, 127)
_CHUNKS = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.lists(st.sampled_from(_FREQUENT), max_size=8).map(bytes),
    ),
    max_size=40,
)


def read_bytes(chunks: list[bytes]) -> None:
    """Only whole messages come out of a reader."""
    reader = MidiParser()
    for chunk in chunks:
        for message in reader.read(chunk):
            wanted = _LENGTHS.get(message[0] & 0xF0) or _SYSTEM_LENGTHS.get(message[0], 1)
            assert message[0] >= 0x80
            assert len(message) == wanted
            assert max(message[1:], default=0) < 0x80


def hear_bytes(chunks: list[bytes]) -> None:
    """Every note, pedal and bend that went on from a keyboard ends, and nothing in it fails."""
    heard: list[Timed] = []
    passed: list[bytes] = []
    input_filter = InputFilter("fuzz", InputRoute(), heard.append, thru=passed.append)
    for at_ms, chunk in enumerate(chunks):
        input_filter.take(chunk, at_ms * 1_000_000)
    input_filter.release(len(chunks) * 1_000_000)
    sounding: set[tuple[int, int]] = set()
    for message in passed:
        key = (message[0] & 0x0F, message[1] if len(message) > 1 else 0)
        if message[0] & 0xF0 == 0x90 and message[2]:
            assert key not in sounding, "a note was struck twice"
            sounding.add(key)
        elif message[0] & 0xF0 in (0x80, 0x90):
            sounding.discard(key)
    held: dict[Event, bool] = {}
    for event in map(from_bytes, passed):
        if event and not isinstance(event, NoteOn | NoteOff) and (ending := ending_of(event)):
            held[ending] = is_beginning(event)
    assert not sounding
    assert not any(held.values()), held
    assert not [line for line in input_filter.poll(10**12) if "bug" in line]


@cache
def midi_seeds() -> tuple[bytes, ...]:
    """Small files with most of what such files hold."""
    file = mido.MidiFile(type=1, ticks_per_beat=480)
    signs = [
        mido.MetaMessage("set_tempo", tempo=600_000),
        mido.MetaMessage("time_signature", numerator=3),
        mido.MetaMessage("key_signature", key="Bbm"),
        mido.MetaMessage("smpte_offset"),
        mido.MetaMessage("text", text="a tune"),
        mido.MetaMessage("sequencer_specific", data=(1, 2)),
    ]
    notes = [mido.Message("sysex", data=(1, 2, 3)), mido.Message("control_change", control=64, value=127)]
    for pitch in range(60, 72):
        notes += [mido.Message("note_on", note=pitch, time=10), mido.Message("note_off", note=pitch, time=200)]
    file.tracks += [mido.MidiTrack(signs), mido.MidiTrack(notes)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seed.mid"
        file.save(path)
        first = path.read_bytes()
    bare = bytes.fromhex("4d546864 00000006 0000 0001 0060 4d54726b 00000011 00903c50 603c00 00b04000 00c005 00ff2f00")
    return first, bare


_MIDI = st.one_of(
    st.builds(damaged, st.sampled_from(range(2)).map(lambda n: midi_seeds()[n]), _EDITS),
    st.binary(max_size=64).map(lambda tail: b"MThd" + tail),
)


def read_midi_file(content: bytes) -> None:
    """A MIDI file, by moments and by ticks."""
    with tempfile.NamedTemporaryFile(suffix=".mid") as file:
        Path(file.name).write_bytes(content)
        refused_in_one_line(lambda: read_midi(Path(file.name)))
        refused_in_one_line(lambda: read_score(Path(file.name)))


_VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.none()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
_KEYS = {name: tuple(field.annotation.model_fields) for name, field in Settings.model_fields.items()}  # type: ignore[union-attr]
_TOML = st.one_of(
    st.builds(damaged, st.sampled_from(sorted(Path("livegen/configs").glob("*.toml"))).map(Path.read_bytes), _EDITS),
    st.sampled_from(sorted(_KEYS)).flatmap(
        lambda section: st.dictionaries(st.sampled_from(_KEYS[section]), _VALUES, max_size=4).map(
            lambda keys: toml(section, keys)
        )
    ),
    st.builds(
        lambda section, value: f"{section} = {json.dumps(value)}\n".encode(), st.sampled_from(sorted(_KEYS)), _VALUES
    ),
    st.binary(max_size=40),
)


def toml(section: str, keys: dict[str, Any]) -> bytes:
    """A section with such keys, as near to TOML as JSON is."""
    return "".join([f"[{section}]\n", *(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())]).encode()


def read_settings(content: bytes) -> None:
    """A settings file, under what is typed on the command line."""
    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        Path(file.name).write_bytes(content)
        refused_in_one_line(lambda: load(Path(file.name), {"play": {"role": "solo"}, "ports": {"name": "fuzz"}}))


@cache
def model_seed() -> bytes:
    """The shipped model with the most nodes."""
    return shipped_models()["elise-bilstm"].read_bytes()


_MODEL = st.builds(lambda edits: damaged(model_seed(), edits), _EDITS) | st.binary(max_size=200)


def read_structure(content: bytes) -> None:
    """What is looked at before a model is opened."""
    refused_in_one_line(lambda: check_structure("fuzz.onnx", content))


@cache
def card_seed() -> bytes:
    """The card of a shipped model."""
    content = shipped_models()["bach"].read_bytes()
    begin = content.index(b'{"contract"')
    return json.dumps(json.JSONDecoder().raw_decode(content[begin:].decode("utf-8", "ignore"))[0]).encode()


_CARD = st.builds(lambda edits: damaged(card_seed(), edits), _EDITS) | _VALUES.map(
    lambda value: json.dumps(value).encode()
)


def read_card(content: bytes) -> None:
    """What a model says about itself."""
    refused_in_one_line(lambda: Card.from_json(content.decode("utf-8", "replace"), "fuzz.onnx"))


def read_link(frame: bytes) -> None:
    """What the other process says: a ValueError ends it."""
    with suppress(ValueError):
        decode(frame)


def pass_gate(content: bytes) -> None:
    """The whole gate: structure, card, network and trial."""
    refused_in_one_line(lambda: validate_model("fuzz.onnx", content))


_RECORDS = st.lists(
    st.builds(Record, st.integers(-(2**63), 2**63 - 1), st.sampled_from(Kind), st.binary(max_size=24)), max_size=12
)
_SESSION = st.one_of(
    st.builds(damaged, _RECORDS.map(encode_frames), _EDITS),
    _RECORDS.map(encode_frames),
    st.binary(max_size=64).map(lambda tail: MARK + tail),
)


def read_session_file(content: bytes) -> None:
    """A session: its records, what was played, and a replay of it."""

    def read() -> None:
        session = decode_session(content, "fuzz.session")
        for who in KINDS:
            track(session, who)
        replay(session, model_opener(()), lambda _done, _all: None)

    refused_in_one_line(read)


TARGETS: dict[str, tuple[Any, Callable[[Any], None]]] = {
    "bytes": (_CHUNKS, read_bytes),
    "keyboard": (_CHUNKS, hear_bytes),
    "midi": (_MIDI, read_midi_file),
    "settings": (_TOML, read_settings),
    "structure": (_MODEL, read_structure),
    "card": (_CARD, read_card),
    "session": (_SESSION, read_session_file),
    "link": (st.binary(max_size=60), read_link),
    "gate": (_MODEL, pass_gate),
}
_IN_A_TRIAL = ("structure", "gate")  # a process that is thrown away, with limits of its own


def fuzz(target: str, examples: int, seed: int) -> None:
    """Try so many examples; what hypothesis or an assertion raises says which one fails."""
    strategy, try_one = TARGETS[target]

    def timed(drawn: Any) -> None:
        tries = (_seconds(try_one, drawn) for _ in range(_TRIES))
        limit_s = float("inf") if target in _IN_A_TRIAL else _LONGEST_S
        assert any(took_s < limit_s for took_s in tries), f"took {_LONGEST_S} s or more"

    quiet = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    hypothesis.seed(seed)(quiet(given(strategy)(timed)))()


def _seconds(try_one: Callable[[Any], None], drawn: Any) -> float:
    begun = time.thread_time()
    try_one(drawn)
    return time.thread_time() - begun


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60, help="of a core")
    parser.add_argument("--target", choices=TARGETS, action="append")
    parser.add_argument("--seed", type=int, default=1)
    given_ = parser.parse_args()
    targets = given_.target or list(TARGETS)
    failed = [name for name in targets if not _fuzz_for(name, given_.minutes / len(targets) * 60, given_.seed)]
    return 1 if failed else 0


def _fuzz_for(target: str, seconds: float, seed: int) -> bool:
    a_round, clock = (20, time.monotonic) if target == "gate" else (1_000, time.process_time)  # its core is a child's
    begun, rounds = clock(), 0
    try:
        while clock() - begun < seconds:
            fuzz(target, a_round, seed + rounds)
            rounds += 1
    except (Exception, BaseExceptionGroup):  # noqa: BLE001 (each is a finding)
        sys.stdout.write(f"{target}: FAILED in round {rounds} of seed {seed}\n{traceback.format_exc()}\n")
        return False
    sys.stdout.write(f"{target}: {rounds * a_round} examples, {clock() - begun:.0f} s, nothing found\n")
    return True


if __name__ == "__main__":
    sys.exit(main())
