"""Knobs, programs and a settings file that changes."""

from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import get_args

import pytest

from livegen.daemon.controls import Controls
from livegen.daemon.event_router import EventRouter
from livegen.daemon.file_watch import FileWatch
from livegen.errors import SettingsError
from livegen.events import SUSTAIN_PEDAL, ControlChange, ProgramChange, Timed
from livegen.parameters import KNOBS, MOST
from livegen.settings import Parameter, Settings, load
from livegen.settings_file import bind


def controls(path: Path | None = None, **keys: object) -> tuple[Controls, list[str]]:
    said: list[str] = []
    return Controls(load(None, {"controls": keys}), said.append, path), said


def turned(number: int) -> tuple[ControlChange, ControlChange]:
    """A knob goes to its end."""
    return ControlChange(number, 100), ControlChange(number, MOST)


def learnt(*events: ControlChange) -> list[int]:
    """The controllers that set the density after these, if that is to be learnt."""
    knobs, _ = controls(cc={})
    knobs.learn("density")
    for event in events:
        knobs.hear(event)
    return list(knobs.settings.controls.cc)


def test_a_wheel_sets_what_it_has_learnt() -> None:
    wheel, said = controls(cc={1: "temperature"})

    changed = [wheel.hear(ControlChange(1, value)) for value in (0, 127)]

    assert changed == [True, True]
    assert wheel.settings.sampling.temperature == 4
    wheel.say_turned()
    assert said == ["temperature 4.0"]


def test_each_parameter_has_a_knob() -> None:
    assert set(KNOBS) == set(get_args(Parameter))


@pytest.mark.parametrize("parameter", KNOBS)
def test_every_knob_goes_there_and_back(parameter: Parameter) -> None:
    knob = KNOBS[parameter]

    for position in (0, 31, 64, 100, MOST):
        settings = knob.turned(Settings(), position)
        stands = knob.stands(settings)
        assert stands is not None
        assert knob.turned(settings, stands) == settings
        Settings.model_validate(settings.model_dump())


def test_with_soft_takeover_a_knob_waits_until_it_passes_the_value() -> None:
    length, _ = controls(cc={20: "answer_length"})  # stands at 42 of 127

    changed = [length.hear(ControlChange(20, value)) for value in (127, 100, 30, 20)]

    assert changed == [False, False, True, True]


def test_without_soft_takeover_it_jumps() -> None:
    length, _ = controls(cc={20: "answer_length"}, soft_takeover=False)

    assert length.hear(ControlChange(20, 127))
    assert length.settings.play.answer_length == 2


def test_a_knob_says_where_it_rests_and_not_each_step_on_the_way() -> None:
    density, said = controls(cc={20: "density"}, soft_takeover=False)
    for value in range(100, 128):
        density.hear(ControlChange(20, value))
    assert said == []

    density.say_turned()
    density.say_turned()

    assert said == ["density 10.0"]


def test_a_knob_that_rests_is_said_by_the_thread_that_hears_it() -> None:
    said: SimpleQueue[str] = SimpleQueue()
    settings = load(None, {"controls": {"cc": {20: "density"}, "soft_takeover": False}})
    router = EventRouter(lambda _: None, lambda: None, Controls(settings, said.put))
    thread = Thread(target=router.run)
    thread.start()
    for value in (100, MOST):
        router.hear(Timed(0, ControlChange(20, value)))

    assert said.get(timeout=30) == "density 10.0"

    router.stop()
    thread.join()


def test_a_knob_that_rests_is_said_although_notes_arrive_all_the_time() -> None:
    said: SimpleQueue[str] = SimpleQueue()
    settings = load(None, {"controls": {"cc": {20: "density"}, "soft_takeover": False}})
    router = EventRouter(lambda _: None, lambda: None, Controls(settings, said.put))
    thread, is_over = Thread(target=router.run), Event()
    thread.start()
    router.hear(Timed(0, ControlChange(20, MOST)))

    def play() -> None:
        while not is_over.wait(0.02):
            router.hear(Timed(0, ControlChange(21, 1)))

    player = Thread(target=play)
    player.start()

    assert said.get(timeout=30) == "density 10.0"

    router.hear(Timed(0, ControlChange(20, 0)))
    is_over.set()
    player.join()
    router.stop()
    thread.join()
    assert said.get(timeout=30) == "density 0.1"  # at the end nothing is left unsaid


def test_what_is_learnt_counts_at_once_and_is_saved_beside_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "jam.toml"
    path.write_text("# mine\n[play]\nseed = 3 # a good one\n")
    knobs, said = controls(path)
    knobs.learn("density")

    changed = [knobs.hear(event) for event in (ControlChange(SUSTAIN_PEDAL, 127), *turned(21))]

    assert changed == [False, False, True]
    assert knobs.settings.sampling.density == 10
    assert said[1] == f"controller 21 sets density, written to {path}"
    assert load(path).controls.cc == {21: "density"}
    assert load(path).play.seed == 3
    assert path.read_text().startswith("# mine\n[play]\nseed = 3 # a good one\n")


def test_a_parameter_that_is_learnt_anew_leaves_its_old_knob(tmp_path: Path) -> None:
    knobs, _ = controls(tmp_path / "new" / "jam.toml")
    knobs.learn("temperature")

    for event in turned(7):
        knobs.hear(event)

    assert load(tmp_path / "new" / "jam.toml").controls.cc == {7: "temperature"}


def test_what_cannot_be_saved_is_said_and_counts_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "jam.toml"
    path.write_text("[play\n")
    knobs, said = controls(path)
    knobs.learn("density")

    for event in turned(21):
        knobs.hear(event)

    assert knobs.settings.sampling.density == 10
    assert "not saved: " in said[1]
    assert path.read_text() == "[play\n"


def test_programs_choose_roles_and_models_and_are_off_by_default() -> None:
    chosen, _ = controls(programs=["harmonise", "folk-char"])
    off, _ = controls()

    changed = [chosen.hear(ProgramChange(number)) for number in (0, 1, 2)]

    assert changed == [True, True, False]
    assert (chosen.settings.play.role, chosen.settings.play.model) == ("harmonise", "folk-char")
    assert not off.hear(ProgramChange(0))


def test_knobs_on_another_channel_are_not_listened_to() -> None:
    knobs, _ = controls(channel=2, cc={1: "temperature"})

    assert [knobs.hear(ControlChange(1, 100, channel)) for channel in (0, 1)] == [False, True]


def test_a_file_that_changed_is_taken_and_one_that_is_wrong_is_said(tmp_path: Path) -> None:
    path, said = tmp_path / "jam.toml", list[str]()
    path.write_text("[play]\nseed = 1\n")
    knobs, _ = controls()
    taken: list[Settings] = []
    router = EventRouter(lambda _: None, lambda: None, knobs)
    router.take = taken.append  # type: ignore[method-assign]
    watch = FileWatch(path, lambda: load(path), said.append)

    watch.poll(router)
    for text in ("[play]\nseed = 2 \n", "[play]\nseeed = 3  \n"):
        path.write_text(text)
        watch._seen = (1, 1, 1)  # the clock of a file system may be coarse
        watch.poll(router)

    assert [settings.play.seed for settings in taken] == [2]
    assert "unknown key 'play.seeed'; did you mean 'seed'?; playing on as before" in said[0]


def test_ports_that_change_count_from_the_next_start_on() -> None:
    knobs, said = controls()

    knobs.take(load(None, {"ports": {"name": "other"}, "play": {"role": "solo"}}))

    assert knobs.settings.ports.name == "livegen"
    assert knobs.settings.play.role == "solo"
    assert said == ["[ports] has changed: it takes effect at the next start", "role solo"]


def test_what_a_knob_has_set_stays_when_the_file_changes_something_else() -> None:
    knobs, _ = controls(cc={1: "temperature"})
    knobs.hear(ControlChange(1, 127))

    knobs.take(load(None, {"play": {"seed": 5}, "controls": {"cc": {1: "temperature"}}}))

    assert (knobs.settings.sampling.temperature, knobs.settings.play.seed) == (4, 5)


def test_binding_into_what_is_no_settings_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("a = [")

    with pytest.raises(SettingsError, match="cannot be read as TOML"):
        bind(path, {1: "density"})


@pytest.mark.parametrize("number", [0, 6, 32, 38, 63, 64, 66, 67, 69, 96, 97, 98, 99, 100, 101, 120, 121, 123, 127])
def test_what_no_knob_sends_by_itself_is_not_learnt(number: int) -> None:
    assert learnt(*turned(number), ControlChange(number, 0)) == []
    assert learnt(*turned(number), *turned(20)) == [20]


def test_a_preset_and_a_sensor_that_trembles_are_not_learnt_but_the_knob_that_moves() -> None:
    preset = [ControlChange(number, 100, channel) for channel in range(16) for number in (10, 74)]
    same = [ControlChange(7, 10 * channel, channel) for channel in range(12)]  # one volume for each channel
    breath = [ControlChange(2, step % 3) for step in range(60)]

    assert learnt(*preset, *same, *breath) == []
    assert learnt(*preset, *same, *breath, *(ControlChange(74, value) for value in range(20, 60, 4))) == [74]


def test_what_moved_before_the_learning_began_counts_for_nothing() -> None:
    knobs, _ = controls(cc={})
    knobs.learn("top_p")
    knobs.hear(ControlChange(20, 0))
    knobs.learn("density")

    knobs.hear(ControlChange(20, 127))

    assert knobs.settings.controls.cc == {}


def test_the_modulation_wheel_moves_nothing_until_it_is_learnt() -> None:
    knobs, _ = controls()

    changed = [knobs.hear(ControlChange(1, value)) for value in range(128)]

    assert not any(changed)
    assert knobs.settings == controls()[0].settings
