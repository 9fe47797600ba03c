"""An artist's mattes and learned ones, on their way to results and facesets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.jobs.made_up_shot import SIZE, made_up_shot, textured_plate
from understudy.cli.app import main
from understudy.errors import MissingFrameError, ModelFileError, NoFaceError, PlateError, SettingsError
from understudy.faces.faceset import Faceset
from understudy.geometry import Box
from understudy.jobs.adding import add_shot
from understudy.jobs.extract import run_extract
from understudy.jobs.learned_matte import read_learned_facts
from understudy.jobs.matte import remove_matte, run_matte
from understudy.jobs.overview import describe_project
from understudy.jobs.shot import config_of, open_shot
from understudy.jobs.swap import run_swap
from understudy.plates import Frame, read_frame, write_frame
from understudy.settings.matte import ArtistMatte
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder

FRAMES = (1001, 1002, 1003, 1004)


@pytest.fixture
def shot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFolder:
    return made_up_shot(tmp_path, monkeypatch, [textured_plate(number) for number in FRAMES])


def half_matte(window: Box, left: float = 1.0, right: float = 0.0) -> np.ndarray:
    """(H, W): one value left of x = 104, another from there on; the face's middle is near x = 101 to 105."""
    values = np.full((window.height, window.width), right, np.float32)
    values[:, : 104 - window.left] = left
    return values


def write_mattes(
    folder: Path, values: Callable[[Box], np.ndarray] = half_matte, window: Box | None = None, channel: str = "A"
) -> Path:
    """Mattes of the made-up shot, with a data window of their own."""
    window = window or Box(10, -20, 190, 150)
    for number in FRAMES:
        frame = Frame(values(window)[..., None], (channel,), window, Box(0, 0, 200, 160))
        write_frame(folder / f"m.{number}.exr", frame)
    return folder / "m.####.exr"


def with_matte(folder: ProjectFolder, pattern: Path, **values: object) -> ProjectFolder:
    plate = folder.plate_pattern("s")
    add_shot(
        folder, "s", plate, colorspace="ACEScg", matte=ArtistMatte.model_validate({"path": str(pattern), **values})
    )
    return ProjectFolder.open(folder.path)


def face_matte(made: Path, number: int = 1001) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) of the whole plate: `face.A` of a result, left and right of x = 104."""
    layers = read_frame(made / f"s.{number}.exr")
    whole = np.zeros((200, 240), np.float32)
    whole[layers.data_window.slices(Box(-20, -20, 220, 180))] = layers.channel("face.A")
    return whole[:, :124], whole[:, 124:]


def test_an_artists_matte_multiplies_the_results(shot: ProjectFolder, tmp_path: Path) -> None:
    before = face_matte(run_swap(shot, "s", "m").folder)
    folder = with_matte(shot, write_mattes(tmp_path / "roto"))
    left, right = face_matte(run_swap(folder, "s", "m").folder)
    np.testing.assert_array_equal(left, before[0])
    assert right.max() == 0 and before[1].max() == 1


def test_an_occlusion_matte_is_what_is_left_out(shot: ProjectFolder, tmp_path: Path) -> None:
    """Beyond its data window nothing covers the face."""
    before = face_matte(run_swap(shot, "s", "m").folder)
    pattern = write_mattes(tmp_path / "hand", window=Box(10, 60, 190, 90), channel="hand.R")
    folder = with_matte(shot, pattern, channel="hand.R", shows_occluder=True)
    left, right = face_matte(run_swap(folder, "s", "m").folder)
    np.testing.assert_array_equal(right, before[1])
    assert left[85:105].max() == 0
    np.testing.assert_array_equal(left[115:], before[0][115:])


def test_results_and_crops_are_made_anew_when_the_matte_changes_and_kept_otherwise(
    shot: ProjectFolder, tmp_path: Path
) -> None:
    preset = load_preset("identity", [f"model.size={SIZE}"])
    folder = with_matte(shot, write_mattes(tmp_path / "roto"))
    assert run_extract(folder, "s", "ben", preset).cropped == len(FRAMES)
    assert len(run_swap(folder, "s", "m").written) == len(FRAMES)
    assert run_extract(folder, "s", "ben", preset).cropped == len(run_swap(folder, "s", "m").written) == 0
    write_frame(tmp_path / "roto" / "m.1002.exr", Frame.of(np.ones((160, 200), np.float32)))
    assert run_swap(folder, "s", "m").written == (1002,)
    assert run_extract(folder, "s", "ben", preset).cropped == 1


def test_crops_for_training_have_the_artists_matte(shot: ProjectFolder, tmp_path: Path) -> None:
    folder = with_matte(shot, write_mattes(tmp_path / "roto"))
    run_extract(folder, "s", "ben", load_preset("identity", [f"model.size={SIZE}"]))
    faceset = Faceset.open(folder.faceset("ben"))
    matte = faceset.read_crop(faceset.records["s", 1001], config_of(folder)).matte
    side = matte.shape[0]
    assert matte[side // 2, side // 3 : side // 2 - 3].min() > 0.9
    assert matte[:, side * 2 // 3 :].max() < 0.02


def test_missing_frames_of_a_matte_stop_at_once_or_are_held(
    shot: ProjectFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pattern = write_mattes(tmp_path / "roto")
    folder = with_matte(shot, pattern)
    (tmp_path / "roto" / "m.1002.exr").unlink()
    with pytest.raises(MissingFrameError, match=r"lacks frame 1002.*--matte-missing hold"):
        run_swap(folder, "s", "m")
    with pytest.raises(MissingFrameError, match="lacks frame 1002"):
        with_matte(shot, pattern)
    assert run_swap(folder, "s", "m", "1003").written == (1003,)
    held = with_matte(shot, pattern, missing="hold")
    _, right = face_matte(run_swap(held, "s", "m").folder, 1002)
    assert right.max() == 0 and "1002; the nearest earlier one is held" in caplog.text


@pytest.mark.parametrize("channel,fault", [("roto.A", "no layer 'roto'"), ("B", "no channel 'B'")])
def test_a_matte_without_its_channel_is_refused(shot: ProjectFolder, tmp_path: Path, channel: str, fault: str) -> None:
    with pytest.raises(PlateError, match=fault):
        with_matte(shot, write_mattes(tmp_path / "roto"), channel=channel)
    assert shot.project == ProjectFolder.open(shot.path).project


def test_a_matte_of_another_format_is_refused(shot: ProjectFolder, tmp_path: Path) -> None:
    write_frame(tmp_path / "m.1001.exr", Frame.of(np.ones((80, 100), np.float32)))
    with pytest.raises(PlateError, match=r"100x80 at .* 200x160"):
        with_matte(shot, tmp_path / "m.####.exr")


def test_the_command_line_says_how_a_matte_is_read_and_takes_it_back(shot: ProjectFolder, tmp_path: Path) -> None:
    pattern = write_mattes(tmp_path / "roto")
    command = ["-C", str(shot.path), "shot", "add", "s", "--plate", str(shot.plate_pattern("s"))]
    assert main([*command, "--matte", str(pattern), "--occlusion", "--matte-missing", "hold"]) == 0
    kept = ProjectFolder.open(shot.path).shot("s").artist_matte
    assert kept == ArtistMatte(path=str(pattern), shows_occluder=True, missing="hold")
    assert main([*command, "--occlusion"]) == 2
    assert main(command) == 0
    assert ProjectFolder.open(shot.path).shot("s").artist_matte is None


def test_a_shots_own_settings_lie_over_the_projects_and_stay_when_the_shot_is_changed(shot: ProjectFolder) -> None:
    entry = {**shot.shot("s").model_dump(exclude_none=True), "matte": {"grow": 2.0}}
    folder = shot.save(shot.with_shot("s", entry))
    folder = ProjectFolder(folder.path, folder.with_overrides(("matte.grow=-3.0", "matte.feather_in=5.0")))
    assert (folder.matte_settings("s").grow, folder.matte_settings("s").feather_in) == (2.0, 5.0)
    add_shot(shot, "s", shot.plate_pattern("s"), colorspace="ACEScg")
    assert ProjectFolder.open(shot.path).matte_settings("s").grow == 2.0


def learn(folder: ProjectFolder, pattern: Path, iterations: int = 4, **values: object) -> Path:
    made = run_matte(folder, "s", "ben", pattern, iterations=iterations, size=64, **values)  # type: ignore[arg-type]
    assert made.completed and made.path is not None
    return made.path


def test_a_learned_matte_is_taken_by_results_and_crops_until_it_is_removed(shot: ProjectFolder, tmp_path: Path) -> None:
    before = face_matte(run_swap(shot, "s", "m").folder)
    learn(shot, write_mattes(tmp_path / "painted"), 24)
    with_it = run_swap(shot, "s", "m")
    left, right = face_matte(with_it.folder)
    assert len(with_it.written) == len(FRAMES)
    assert right.sum() < 0.5 * before[1].sum() and left.sum() > 0.75 * before[0].sum()
    preset = load_preset("identity", [f"model.size={SIZE}"])
    assert run_extract(shot, "s", "ben", preset).cropped == len(FRAMES)
    assert len(remove_matte(shot, "s", "ben")) == 3
    assert len(run_swap(shot, "s", "m").written) == len(FRAMES)
    np.testing.assert_array_equal(face_matte(with_it.folder)[1], before[1])
    with pytest.raises(SettingsError, match="nothing to remove"):
        remove_matte(shot, "s", "ben")


def test_a_run_that_was_stopped_goes_on_and_learns_what_one_run_learns(shot: ProjectFolder, tmp_path: Path) -> None:
    pattern = write_mattes(tmp_path / "painted")
    whole = learn(shot, pattern).read_bytes()
    remove_matte(shot, "s", "ben")
    stopped = run_matte(shot, "s", "ben", pattern, iterations=4, size=64, on_progress=lambda report: report.done < 2)
    assert (stopped.completed, stopped.iteration, stopped.path) == (False, 2, None)
    assert not shot.learned_matte("s", "ben").exists()
    path = learn(shot, pattern)
    facts = read_learned_facts(path)
    assert (facts["iteration"], facts["frames"]) == (4, list(FRAMES))
    one, other = ({**json.loads(_metadata(data)["record"]), "loss": 0} for data in (whole, path.read_bytes()))
    assert one == other and _tensor_bytes(whole) == _tensor_bytes(path.read_bytes())
    again = run_matte(shot, "s", "ben", pattern, iterations=4, size=64)
    assert (again.completed, again.loss) == (True, None)


def test_other_painted_frames_begin_anew(shot: ProjectFolder, tmp_path: Path) -> None:
    pattern = write_mattes(tmp_path / "painted")
    learn(shot, pattern, 2)
    write_frame(tmp_path / "painted" / "m.1002.exr", Frame.of(np.ones((160, 200), np.float32)))
    seen: list[int] = []
    learn(shot, pattern, 3, on_progress=lambda report: seen.append(report.done) or True)
    assert seen == [1, 2, 3]


def test_what_cannot_be_learned_from_is_refused(shot: ProjectFolder, tmp_path: Path) -> None:
    ones = lambda window: np.ones((window.height, window.width), np.float32)  # noqa: E731
    opaque = write_mattes(tmp_path / "opaque", ones, Box(-20, -20, 220, 180))
    with pytest.raises(SettingsError, match=r"is 1 all over.*--channel"):
        learn(shot, opaque)
    beside = write_mattes(tmp_path / "beside", half_matte, Box(0, 0, 20, 20))
    with pytest.raises(SettingsError, match="Nothing is painted where the face is"):
        learn(shot, beside)
    few = write_mattes(tmp_path / "few")
    for number in FRAMES[1:3]:
        (tmp_path / "few" / f"m.{number}.exr").unlink()
    with pytest.raises(SettingsError, match=r"2 painted frames.*paint 3 to"):
        learn(shot, few)
    for number in (FRAMES[0], FRAMES[3]):
        (tmp_path / "few" / f"m.{number}.exr").rename(tmp_path / "few" / f"m.{number + 900}.exr")
    with pytest.raises(NoFaceError, match="None of the painted frames 1901,1904"):
        learn(shot, few)
    with pytest.raises(SettingsError, match="cannot have 50 px"):
        run_matte(shot, "s", "ben", few, size=50)


def test_a_damaged_matte_is_said_and_not_passed_over(shot: ProjectFolder, tmp_path: Path) -> None:
    path = learn(shot, write_mattes(tmp_path / "painted"), 1)
    path.write_bytes(path.read_bytes()[:-100] + bytes(100))
    with pytest.raises(ModelFileError, match="learned matte"):
        run_swap(shot, "s", "m")


def test_the_command_learns_shows_and_forgets(
    shot: ProjectFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pattern = str(write_mattes(tmp_path / "painted"))
    command = ["-C", str(shot.path), "matte", "s", "--identity", "ben"]
    assert main([*command, "--painted", pattern, "--dry-run"]) == 0
    assert not shot.learned_matte("s", "ben").parent.exists()
    capsys.readouterr()
    assert main([*command, "--painted", pattern, "--size", "64", "--iterations", "2", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["frames"], facts["iteration"]) == ("1001-1004", 2)
    assert Path(facts["sheet"]).stat().st_size > 1000
    assert main(["-C", str(shot.path), "faces", "s"]) == 0
    assert "matte of ben learned from frame 1001-1004" in capsys.readouterr().out
    assert describe_project(shot.path)["shots"][0]["learned_mattes"] == ["ben"]
    assert main([*command]) == 2
    assert main([*command, "--remove"]) == 0
    assert describe_project(shot.path)["shots"][0]["learned_mattes"] == []
    assert not list(shot.learned_matte("s", "ben").parent.iterdir())
    assert open_shot(shot, "s").frames == FRAMES


def _metadata(data: bytes) -> dict[str, str]:
    length = int.from_bytes(data[:8], "little")
    metadata: dict[str, str] = json.loads(data[8 : 8 + length])["__metadata__"]
    return metadata


def _tensor_bytes(data: bytes) -> bytes:
    return data[8 + int.from_bytes(data[:8], "little") :]
