"""The dialogues in docs/music."""

from itertools import pairwise

from export.dialogues import SEEDS, phrases
from livegen.clock import NS_PER_S
from livegen.events import NoteOff, NoteOn
from livegen.shipped import shipped_models
from tests.test_house import ROOT


def test_three_phrases_are_played_with_time_for_an_answer_after_each() -> None:
    played = list(phrases())

    onsets = [timed.at_ns for timed in played if isinstance(timed.event, NoteOn)]
    pauses = [after - before for before, after in pairwise(onsets) if after - before > 10 * NS_PER_S]
    assert len(pauses) == 2
    assert played == sorted(played, key=lambda timed: timed.at_ns)
    assert sum(isinstance(timed.event, NoteOff) for timed in played) == len(onsets)


def test_each_model_has_its_dialogues_and_the_page_names_them() -> None:
    page = (ROOT / "docs" / "music.md").read_text(encoding="utf-8")

    wanted = [
        f"music/{model}-{seed}{suffix}" for model in shipped_models() for seed in SEEDS for suffix in (".mid", ".png")
    ]
    assert [name for name in wanted if name not in page] == []
    assert [name for name in wanted if not (ROOT / "docs" / name).is_file()] == []
