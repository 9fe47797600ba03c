"""What presets learn in the same time, small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from understudy.bench.quality import compare_quality
from understudy.cli import main
from understudy.errors import SettingsError
from understudy.progress import Progress
from understudy.settings.preset import load_preset

U64 = load_preset("u64")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_folder.parents[1]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_a_preset_trains_in_turns_and_is_scored(tmp_path: Path) -> None:
    messages: list[str] = []

    def on_progress(progress: Progress) -> bool:
        messages.append(f"{progress.stage} {progress.message}")
        return True

    options = {"minutes": 0.05, "slice_s": 1.0, "frames": 2, "train_frames": 2, "device": "cpu"}
    result = compare_quality([U64], folder=tmp_path, on_progress=on_progress, **options)  # type: ignore[arg-type]
    assert result is not None and result.frames == 2
    assert any(message.startswith("training u64 iteration") for message in messages)
    assert any((tmp_path / "project" / "models" / "u64" / "checkpoints").iterdir())
    (each,) = result.presets
    assert each.preset == "u64" and each.iterations > 1 and each.cpu_seconds > 0 and each.minutes > 0
    assert each.measures.psnr_training is not None and each.measures.psnr_training != result.plate.psnr_training
    assert each.measures.top_octave is not None and 0 < each.measures.top_octave < 2
    assert json.loads(json.dumps(result.to_json()))["presets"][0]["measures"]["flicker"] is not None


@pytest.mark.parametrize(
    ("presets", "words"), [([U64, U64], "Two presets are called 'u64'"), (["identity"], "nothing")]
)
def test_what_cannot_be_compared_is_refused_before_anything_is_made(presets: list[object], words: str) -> None:
    chosen = [load_preset(each) if isinstance(each, str) else each for each in presets]
    with pytest.raises(SettingsError, match=words):
        compare_quality(chosen, folder=Path("/nowhere"))  # type: ignore[arg-type]


def test_the_command_names_an_unknown_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "quality", "--preset", "u65"]) == 2
    assert "No preset is called 'u65'" in capsys.readouterr().err
