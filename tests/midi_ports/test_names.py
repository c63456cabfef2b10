"""Which port is meant."""

import pytest

from livegen.errors import PortError
from livegen.midi_ports.names import (
    ConnectionWatch,
    find_port,
    is_keyboard,
    listed,
    missing_ports,
    of_others,
    require_port,
    virtual_ports,
)

NAMES = ["Midi Through:Midi Through Port-0 14:0", "KeyStep 37:KeyStep 37 MIDI 1 20:0", "Keys:Keys 24:0"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("KeyStep 37:KeyStep 37 MIDI 1", NAMES[1]),
        ("KeyStep 37:KeyStep 37 MIDI 1 28:0", NAMES[1]),  # another number since the last replug
        ("keystep", NAMES[1]),
        ("Keys:Keys", NAMES[2]),
        ("MIDI 1", NAMES[1]),
        ("Nord", None),
    ],
)
def test_names_match_exactly_then_by_their_beginning_then_by_a_part(wanted: str, found: str | None):
    assert find_port(wanted, NAMES) == found


def test_an_exact_name_wins_over_an_earlier_one_that_begins_so():
    assert find_port("Keys", ["Keys 2", "Keys"]) == "Keys"


def test_an_unknown_port_is_refused_with_what_there_is():
    with pytest.raises(PortError, match=r"^no MIDI input called 'Nord'; there are: KeyStep 37, Organ$"):
        require_port("Nord", ["Organ 20:0", "KeyStep 37 24:0"], "input")


def test_a_misspelt_port_is_refused_with_the_nearest_name():
    with pytest.raises(PortError, match=r"^no MIDI output called 'KayStep 37'; did you mean 'KeyStep 37'\?$"):
        require_port("KayStep 37", ["Organ 20:0", "KeyStep 37 24:0"], "output")


@pytest.mark.parametrize(
    ("system", "name", "kind"),
    [
        ("alsa", "KeyStep 37:KeyStep 37 MIDI 1 20:0", "hardware"),
        ("alsa", "Midi Through:Midi Through Port-0 14:0", "software"),
        ("alsa", "Virtual Raw MIDI 1-0:VirMIDI 1-0 24:0", "software"),
        ("alsa", "VMPK Output:VMPK Output 128:0", "software"),  # a program
        ("alsa", "livegen:out 129:1", "software"),
        ("alsa", "duet:out 20:1", "software"),  # our own, under another name
        ("jack", "duet-out:out", "software"),
        ("alsa", "Nord Duet:Nord Duet MIDI 1 20:0", "hardware"),
        ("alsa", "f_midi:f_midi 24:0", "software"),  # this machine as a USB gadget: another computer is behind it
        ("jack", "system:midi_capture_1", "hardware"),
        ("jack", "a2j:KeyStep 37 [20] (capture): KeyStep 37 MIDI 1", "hardware"),
        ("jack", "a2j:VMPK Output [128] (capture): out", "software"),
        ("jack", "a2j:Midi Through [14] (capture): Midi Through Port-0", "software"),
        ("jack", "ardour:MIDI out", "software"),
        ("core", "KeyStep 37", "hardware"),
        ("core", "IAC Driver Bus 1", "software"),
        ("windows", "loopMIDI Port", "software"),
    ],
)
def test_hardware_is_told_from_software_by_its_name(system: str, name: str, kind: str):
    assert is_keyboard(name, system, "duet") == (kind == "hardware")


def test_a_port_that_goes_while_they_are_counted_is_no_error():
    answers = iter([ValueError("the 'portNumber' argument (2) is invalid."), ["KeyStep 37 20:0"]])

    def get_ports() -> list[str]:
        answer = next(answers)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    assert listed(get_ports) == ["KeyStep 37 20:0"]


def test_each_missing_port_is_told_and_no_name_is_none_missing():
    errors = missing_ports(["", "KeyStep", "Nord"], ["KeyStep 37 20:0"], "input")

    assert [str(error) for error in errors] == ["no MIDI input called 'Nord'; there are: KeyStep 37"]


def test_who_was_disconnected_for_a_moment_only_is_known():
    connected = {"synth:in", "daw:in"}
    watch = ConnectionWatch(lambda: frozenset(connected))
    watch.check()

    connected.remove("synth:in")
    watch.check()
    connected.add("synth:in")
    is_anybody_there = watch.check()

    assert (is_anybody_there, watch.gone(), watch.gone()) == (True, {"synth:in"}, frozenset())


@pytest.mark.parametrize(
    ("system", "output"),
    [("alsa", "duet-out:out"), ("jack", "duet-out:out"), ("core", "duet:out"), (None, "duet:out")],
)
def test_where_programs_are_found_by_their_names_our_two_clients_have_two(system: str | None, output: str):
    assert virtual_ports("duet", system) == ("duet:in", output)


@pytest.mark.parametrize("system", ["alsa", "jack"])
def test_what_our_virtual_ports_are_called_is_none_to_listen_or_play_to(system: str):
    names = [f"{name} {number}:0" for number, name in enumerate(virtual_ports("duet", system), start=128)]

    assert of_others(names, "duet") == []
    assert not any(is_keyboard(name, system, "duet") for name in names)


def test_our_own_ports_are_none_to_play_to():
    names = ["livegen-out:out", "livegen-watch:flush", "livegen:in 128:0", "livegen-to:out", "livegen-2:in", "Keys:out"]

    assert of_others(names, "livegen") == ["livegen-2:in", "Keys:out"]
