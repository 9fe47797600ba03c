from __future__ import annotations

from pathlib import Path

import pytest

from understudy.errors import ProjectError, UnknownNameError
from understudy.monitor import project_files
from understudy.monitor.project_files import ProjectFiles, chosen_project, named_projects
from understudy.training import trainer

from .conftest import Visitor, png
from .fake_scheduler import FakeScheduler


@pytest.fixture
def own(film: Path) -> ProjectFiles:
    return next(iter(named_projects([str(film)]).values()))


def test_only_projects_that_jobs_name_are_known(film: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    known = named_projects([str(film), "", "film", str(tmp_path / "plain"), str(tmp_path / "gone")])
    assert [one.root for one in known.values()] == [film]
    with pytest.raises(UnknownNameError):
        chosen_project(known, "0123456789ab")


def test_a_project_without_a_job_is_not_served(visitor: Visitor, scheduler: FakeScheduler, film: Path) -> None:
    project = next(iter(named_projects([str(film)])))
    assert visitor.status(f"api/projects/{project}/models/hero") == 404
    scheduler.add("train", film, "hero")
    assert visitor.status(f"api/projects/{project}/models/hero") == 200


def test_names_that_lead_elsewhere_are_refused(own: ProjectFiles) -> None:
    for name in ("..", "../hero", "", "a/b", ".hidden", "hero/../hero", "\0"):
        with pytest.raises(ProjectError):
            own.log(name)


def test_links_out_of_the_project_lead_nowhere(own: ProjectFiles, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "log.jsonl").write_text("{}\n")
    (secret / "preview.png").write_bytes(png((0, 0, 0)))
    (own.root / "models" / "linked").symlink_to(secret)
    (own.root / "models" / "hero" / "preview.png").unlink()
    (own.root / "models" / "hero" / "preview.png").symlink_to(secret / "preview.png")
    assert own.models() == ["hero"]
    for ask in (lambda: own.log("linked"), lambda: own.preview("hero")):
        with pytest.raises(ProjectError, match="outside its project"):
            ask()


def test_a_project_reached_by_a_link_is_served(own: ProjectFiles, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(own.root)
    linked = next(iter(named_projects([str(tmp_path / "link")]).values()))
    assert linked.models() == ["hero"]
    assert linked.log("hero") == own.log("hero")


def test_a_device_in_a_file_s_place_is_refused(own: ProjectFiles) -> None:
    (own.root / "models" / "odd").mkdir()
    (own.root / "models" / "odd" / "log.jsonl").mkdir()
    with pytest.raises(ProjectError, match="no file"):
        own.log("odd")


@pytest.mark.parametrize(
    "path", ["/etc/hostname.png", "{film}/understudy.yaml", "{film}/models/hero/preview.png", "{film}/../x.png"]
)
def test_only_pictures_of_previews_are_shown(own: ProjectFiles, path: str) -> None:
    with pytest.raises(ProjectError):
        own.frame_picture(path.format(film=own.root))
    picture = own.root / "swaps" / "sh010" / "preview" / "sh010.hero.1001.png"
    assert own.frame_picture(str(picture)) == picture.resolve()


def test_a_picture_of_another_project_is_not_shown(own: ProjectFiles, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="outside"):
        own.frame_picture(str(tmp_path / "other" / "swaps" / "sh010" / "preview" / "a.png"))


def test_files_are_called_as_training_calls_them() -> None:
    names = (trainer.LOG_NAME, trainer.PREVIEW_NAME, trainer.PRESET_NAME)
    assert names == (project_files._LOG, project_files._PREVIEW, project_files._PRESET)
