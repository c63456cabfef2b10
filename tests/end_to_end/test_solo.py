"""A machine that plays alone, for hours on a manual clock.

Three minutes of each model by default; the full count by LIVEGEN_SOLO_HOURS=8, a line of figures each with ``-s``.
"""

import os
import resource
import sys

import pytest

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.engine.engine import Engine
from livegen.events import NoteOff, NoteOn, Timed
from livegen.model.bundle import load_bundle
from livegen.settings import load
from livegen.shipped import shipped_models
from livegen.tools.render import converse

HOURS = float(os.environ.get("LIVEGEN_SOLO_HOURS", "0.05"))
STEP_NS = 100 * NS_PER_MS
LONGEST_SILENCE_NS = 30 * NS_PER_S
WARM_UP = 0.1  # of the time, before memory is compared
GROWTH_KB = 30_000


@pytest.mark.parametrize("model", sorted(shipped_models()))
def test_a_solo_neither_falls_silent_nor_into_a_loop_nor_grows(model: str) -> None:
    bundle = load_bundle(model)
    engine = Engine(bundle, load(None, {"play": {"role": "solo", "model": model}}))
    longest_run = bundle.card.longest_run
    assert longest_run is not None
    until_ns = round(HOURS * 3600 * NS_PER_S)
    sounding, last_ns, silence_ns, run, notes, warm_kb = 0, 0, 0, 0, 0, 0

    for now_ns in range(0, until_ns, STEP_NS):
        for timed in engine.imagine(now_ns).events:
            if isinstance(timed.event, NoteOn):
                if not sounding:
                    silence_ns = max(silence_ns, timed.at_ns - last_ns)
                sounding, notes = sounding + 1, notes + 1
            elif isinstance(timed.event, NoteOff):
                sounding, last_ns = sounding - 1, timed.at_ns
        part = engine._part
        assert part is not None
        history = part.stream.checkpoint.history
        assert history is not None
        run = max(run, *history.runs)
        if now_ns == round(until_ns * WARM_UP) // STEP_NS * STEP_NS:
            warm_kb = memory_kb()

    grown_kb = memory_kb() - warm_kb
    report = f"{HOURS:g} h, {notes} notes, longest silence {silence_ns / NS_PER_S:.1f} s, longest run {run}"
    sys.stdout.write(f"\n{model}: {report} of {longest_run} events, grown by {grown_kb} kB")
    assert notes > HOURS * 3600 / 2
    assert silence_ns <= LONGEST_SILENCE_NS
    assert run <= longest_run
    assert grown_kb < GROWTH_KB


def test_a_solo_yields_to_the_first_touch_and_answers_as_the_settings_say() -> None:
    engine = Engine(load_bundle("bach"), load(None, {"play": {"role": "solo"}}))
    phrase = [
        Timed(10 * NS_PER_S + beat * 500 * NS_PER_MS + off * 400 * NS_PER_MS, (NoteOff if off else NoteOn)(pitch))
        for beat, pitch in enumerate((67, 69, 71, 67))
        for off in (0, 1)
    ]

    machine = converse(engine, [Timed(0, NoteOff(60)), *phrase])

    onsets = [timed.at_ns for timed in machine if isinstance(timed.event, NoteOn)]
    played_ns = range(phrase[0].at_ns + 20 * NS_PER_MS, phrase[-1].at_ns)
    assert onsets[0] < 2 * NS_PER_S
    assert not [at_ns for at_ns in onsets if at_ns in played_ns]
    assert onsets[-1] > phrase[-1].at_ns
    assert sum(isinstance(t.event, NoteOn) for t in machine) == sum(isinstance(t.event, NoteOff) for t in machine)


def memory_kb() -> int:
    """The most that this process has ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
