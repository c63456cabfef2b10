"""One network learns from several: what they say, what is asked of it, and that it goes on where it was killed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from export.jsb16 import distil, evaluate, settings, train
from export.jsb16.data import PITCHES, VOICES, padded, range_of
from export.training_loop import Progress
from livegen.errors import SettingsError
from tests.support.scales_in_four import CHORALES, SETTINGS

CONFIGS = Path(__file__).parents[2] / "configs" / "train"
DISTILLATION = settings.Distillation(
    from_teacher=False, temperature=1.1, keys=(-1, 0, 1), labels=0.0, drawn=5, drawn_per_epoch=3, given_soprano=0.5
)
STUDENT = SETTINGS.model_copy(update={"distillation": DISTILLATION})
LENGTH = 6


def silently(items: Sequence[Any], _what: str) -> Iterable[Any]:
    return items


def unheard(_done: int, _count: int, _figures: Mapping[str, float]) -> None:
    pass


def distilled(teachers: Sequence[Path], folder: Path, whole: settings.Settings = STUDENT) -> Progress:
    return distil.distil(whole, teachers, CHORALES, folder, silently, unheard)


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folders of two runs that differ in their seed."""
    folders = []
    for seed in (1, 2):
        folder = tmp_path_factory.mktemp("teacher")
        training = SETTINGS.training.model_copy(update={"seed": seed, "epochs": 12})
        train.train(SETTINGS.model_copy(update={"training": training}), CHORALES, folder)
        folders.append(folder)
    return folders


def lessons_in(folder: Path, teachers: Sequence[Path]) -> list[distil.Lesson]:
    return distil.lessons_of(teachers, CHORALES.train, STUDENT, folder, silently)


def some_lesson(*, is_by_bach: bool) -> distil.Lesson:
    """Of whom every frame and voice has its own probabilities."""
    random = np.random.default_rng(0)
    said = random.dirichlet(np.ones(PITCHES), (LENGTH, VOICES)).astype(np.float16)
    return distil.Lesson(random.integers(1, PITCHES - 2, (LENGTH, VOICES)), said, is_by_bach)


def wanted(
    lesson: distil.Lesson, known: torch.Tensor | None = None, labels: float = 0.0, shift: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """What is wanted of a lone piece [frames, voices, pitches], and what came, as probabilities."""
    whole = STUDENT.model_copy(update={"distillation": DISTILLATION.model_copy(update={"labels": labels})})
    frames = torch.from_numpy(lesson.frames)[None]
    order = train.canonical(frames) if known is None else known
    goal = distil.wanted([(lesson, shift)], frames, order, whole)[0]
    return goal, torch.nn.functional.one_hot(frames[0], PITCHES).float()


def test_the_teachers_speak_of_every_piece_as_their_mixture_does(teachers: list[Path], tmp_path: Path) -> None:
    lessons = lessons_in(tmp_path, teachers)

    assert [lesson.is_by_bach for lesson in lessons] == [True] * 6 + [False] * 5
    assert all(np.array_equal(lesson.frames, piece) for lesson, piece in zip(lessons, CHORALES.train, strict=False))
    networks = [train.restore_best(teacher)[1] for teacher in teachers]
    hearing = evaluate.Hearing(shifts=(-1, 0, 1), temperature=1.1)
    for lesson in lessons:
        direct = evaluate.foretold(networks, torch.from_numpy(lesson.frames)[None], hearing)[0].exp()
        torch.testing.assert_close(torch.from_numpy(lesson.said).float(), direct, atol=0.02, rtol=0)  # bfloat16


def test_the_pieces_that_the_teachers_write_are_as_long_as_bach_s(teachers: list[Path], tmp_path: Path) -> None:
    lengths = {len(piece) for piece in CHORALES.train}

    written = [lesson for lesson in lessons_in(tmp_path, teachers) if not lesson.is_by_bach]

    assert {len(lesson.frames) for lesson in written} <= lengths
    assert all(lesson.said.shape == (len(lesson.frames), VOICES, PITCHES) for lesson in written)


def test_the_teachers_are_asked_once(teachers: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = lessons_in(tmp_path, teachers)
    monkeypatch.setattr(distil, "foretold", lambda *_: pytest.fail("asked again"))

    again = lessons_in(tmp_path, teachers)

    assert all(np.array_equal(one.said, other.said) for one, other in zip(asked, again, strict=True))


def test_lessons_of_other_teachers_are_refused(teachers: list[Path], tmp_path: Path) -> None:
    lessons_in(tmp_path, teachers)

    with pytest.raises(SettingsError, match=r"lessons\.safetensors: was made by other teachers or settings"):
        lessons_in(tmp_path, teachers[:1])


def test_a_student_knows_more_than_it_was_taught_by_one_epoch(teachers: list[Path], tmp_path: Path) -> None:
    longer = STUDENT.model_copy(update={"training": STUDENT.training.model_copy(update={"epochs": 16})})

    progress = distilled(teachers, tmp_path, longer)

    assert progress.best_nats < 8.0  # knowing nothing costs four times log 60 = 16.4


def test_a_student_may_begin_as_its_first_teacher(teachers: list[Path], tmp_path: Path) -> None:
    begins = DISTILLATION.model_copy(update={"from_teacher": True})
    still = STUDENT.training.model_copy(update={"learning_rate": 1e-12, "epochs": 1})
    whole = STUDENT.model_copy(update={"distillation": begins, "training": still})

    distilled(teachers, tmp_path / "student", whole)

    taught, teacher = (train.restore_best(folder)[1].state_dict() for folder in (tmp_path / "student", teachers[0]))
    assert all(torch.allclose(weight, teacher[name], atol=1e-3) for name, weight in taught.items())


def test_a_student_of_another_shape_cannot_begin_as_its_teacher(teachers: list[Path], tmp_path: Path) -> None:
    begins = DISTILLATION.model_copy(update={"from_teacher": True})
    larger = STUDENT.network.model_copy(update={"hidden": 20})
    whole = STUDENT.model_copy(update={"distillation": begins, "network": larger})

    with pytest.raises(SettingsError, match="the first teacher is a network of another shape"):
        distilled(teachers, tmp_path, whole)


def test_a_student_that_was_killed_goes_on_exactly_where_it_was(teachers: list[Path], tmp_path: Path) -> None:
    def stop(done: int, _count: int, _figures: Mapping[str, float]) -> None:
        if done == 2:
            raise KeyboardInterrupt

    distilled(teachers, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        distil.distil(STUDENT, teachers, CHORALES, tmp_path / "killed", silently, stop)
    distilled(teachers, tmp_path / "killed")

    whole, killed = (load_file(tmp_path / name / "last.safetensors") for name in ("whole", "killed"))
    assert all(torch.equal(tensor, killed[name]) for name, tensor in whole.items())


def test_a_voice_is_wanted_as_the_teachers_say() -> None:
    lesson = some_lesson(is_by_bach=True)

    goal, _ = wanted(lesson)

    assert torch.equal(goal, torch.from_numpy(lesson.said).float())


def test_bach_s_own_notes_count_in_his_pieces_alone() -> None:
    lesson = some_lesson(is_by_bach=True)

    goal, came = wanted(lesson, labels=0.25)
    unlabelled, _ = wanted(replace(lesson, is_by_bach=False), labels=0.25)

    said = torch.from_numpy(lesson.said).float()
    torch.testing.assert_close(goal, 0.75 * said + 0.25 * came)
    assert torch.equal(unlabelled, said)


def test_a_voice_that_sees_what_the_teachers_did_not_see_learns_what_came() -> None:
    lesson = some_lesson(is_by_bach=False)
    known = train.in_order(torch.tensor((0, 1, 2, 3)).expand(1, LENGTH, VOICES))  # soprano, alto, tenor, bass

    goal, came = wanted(lesson, known)

    assert torch.equal(goal[:, 0], torch.from_numpy(lesson.said).float()[:, 0])  # it sees none in any case
    assert torch.equal(goal[:, 1:], came[:, 1:])


@pytest.mark.parametrize("shift", [-5, 0, 2])
def test_what_is_said_moves_with_the_piece(shift: int) -> None:
    said = some_lesson(is_by_bach=True).said

    moved = distil.transposed(said, shift)

    pitches = range(max(1, 1 - shift), min(PITCHES, PITCHES - shift))
    assert np.array_equal(moved[..., 0], said[..., 0])
    assert all(np.array_equal(moved[..., pitch + shift], said[..., pitch]) for pitch in pitches)
    gone = np.ones(PITCHES, dtype=bool)
    gone[[0, *(pitch + shift for pitch in pitches)]] = False
    assert not moved[..., gone].any()


def test_pieces_of_an_epoch_are_all_of_bach_s_and_some_of_the_teachers(
    teachers: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[distil.Lesson] = []
    monkeypatch.setattr(distil, "_loss", lambda _network, batch, _settings: heard.extend(row for row, _ in batch))
    lessons = lessons_in(tmp_path, teachers)
    network = train.make_network(STUDENT)

    for loss in distil._losses(lessons, range_of(CHORALES.train), STUDENT, network, np.random.default_rng(0)):
        loss()

    assert sum(lesson.is_by_bach for lesson in heard) == len(CHORALES.train)
    assert sum(not lesson.is_by_bach for lesson in heard) == 3


def test_settings_are_for_one_command_or_the_other(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'distillation': a network with teachers; run .* distil"):
        train.train(STUDENT, CHORALES, tmp_path)
    with pytest.raises(SettingsError, match=r"'distillation': it is missing; there is .*jsb16-distilled\.toml"):
        distilled([], tmp_path, SETTINGS)


def test_the_committed_student_is_a_network_like_its_teachers() -> None:
    student, teacher = (settings.load(CONFIGS / f"{name}.toml") for name in ("jsb16-distilled", "jsb16"))

    assert student.distillation
    assert student.network == teacher.network


def test_padding_is_no_lesson() -> None:
    long, short = some_lesson(is_by_bach=True), some_lesson(is_by_bach=False)
    short = replace(short, frames=short.frames[:2], said=short.said[:2])
    frames = torch.from_numpy(padded([long.frames, short.frames])[0])

    both = distil.wanted([(long, 0), (short, 0)], frames, train.canonical(frames), STUDENT)

    assert torch.equal(both[0], wanted(long)[0])
    assert torch.equal(both[1, :2], wanted(short)[0])
    assert not both[1, 2:].any()
