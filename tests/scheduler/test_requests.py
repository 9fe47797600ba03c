from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from understudy.errors import ConsentError, ProjectError, SettingsError, UnknownNameError
from understudy.scheduler.requests import check_request
from understudy.settings.project import ProjectFolder


def asked(folder: ProjectFolder, **more: Any) -> dict[str, Any]:
    return {"project": str(folder.path), **more}


def test_a_request_is_kept_complete_and_plain(portrait_project: ProjectFolder) -> None:
    request = asked(portrait_project, shot="sh010", identity="eileen", overrides=["model.size=64"], min_native=10)
    got = check_request("extract", request)
    assert (got.kind, got.subject, got.project) == ("extract", "sh010", str(portrait_project.path))
    assert got.request == request


def test_a_preset_can_be_inspected_by_name() -> None:
    assert check_request("inspect", {"path": "u64"}).request == {"path": "u64"}


@pytest.mark.parametrize(
    "kind,more,words",
    [
        ("extract", {"shot": "sh01", "identity": "eileen"}, "Near: sh010"),
        ("extract", {"shot": "sh010", "identity": "elleen"}, "Near: eileen"),
        ("extract", {"shot": "sh010"}, "'identity': is missing"),
        ("extract", {"shot": "sh010", "identity": "eileen", "min_native": "many"}, "'min_native'"),
        ("extract", {"shot": "sh010", "identity": "eileen", "min_native": True}, "'min_native'"),
        ("extract", {"shot": "sh010", "identity": "eileen", "preset": "u9"}, "No preset is called 'u9'"),
        ("extract", {"shot": "sh010", "identity": "eileen", "overrides": ["modle.size=3"]}, "modle"),
        ("extract", {"shot": "sh010", "identity": "eileen", "overrides": ["shots.sh010.plate=/etc/passwd"]}, "--set"),
        ("extract", {"shot": "sh010", "identity": "eileen", "overrides": ["swap=" + "[" * 900]}, "not a value"),
        ("extract", {"shot": "sh010", "identity": "eileen", "overrides": "model.size=3"}, "'overrides'"),
        ("extract", {"shot": "../sh010", "identity": "eileen"}, "cannot name a shot"),
        ("extract", {"shot": "sh010", "identity": "eileen", "frames": "abc"}, "no frame range"),
        ("extract", {"shot": "sh010", "identity": "eileen", "frames": ",".join(["0-999999"] * 90)}, "no frame range"),
        ("swap", {"shot": "sh010", "model": "../../m"}, "cannot name a model"),
        ("swap", {"shot": "sh010", "model": "con"}, "cannot name a model"),
        ("swap", {"shot": "sh010", "model": "m" * 4000}, "at most 64 characters"),
        ("swap", {"shot": "sh010", "model": "m", "comp": 1}, "'comp'"),
        ("swap", {"shot": "sh010", "model": "m", "out": "results"}, "absolute path"),
        ("swap", {"shot": "sh010", "model": "m", "out": "/tmp/../etc"}, "without '..'"),
        ("swap", {"shot": "sh010", "model": "m", "out": "/tmp/a\0b"}, "printable"),
        ("swap", {"shot": "sh010", "model": "m", "ouT": "/tmp"}, "near: out"),
        ("swap", {"shot": "sh010", "model": "m", "x" * 4000: 1}, "no such field"),
        ("train", {"model": "m", "minutes": float("nan")}, "'minutes'"),
        ("train", {"model": "m", "iterations": 0}, "'iterations'"),
        ("train", {"model": "m", "init_from": ["a.safetensors"]}, "absolute path"),
        ("train", {"model": "m", "source": "eileen"}, "not a source identity"),
        ("train", {"model": "m", "preset": "here.yaml"}, "absolute path"),
        ("preview", {"shot": "sh010", "model": "m", "frame": "1001"}, "'frame'"),
        ("preview", {"shot": "sh010", "model": "m", "frame": 10**5000}, "plain values"),
        ("preview", {"shot": "sh010", "model": "m", "frame": {"a": [{}]}}, "'frame'"),
        ("preview", {"shot": "sh010", "model": "m" * 100_000, "frame": 1}, "too long"),
        ("shot", {"name": "sh020"}, "'plate': is missing"),
        ("shot", {"name": "../sh020", "plate": "/a.####.exr"}, "cannot name a shot"),
        ("shot", {"name": "sh020", "plate": "a.####.exr"}, "absolute path"),
        ("shot", {"name": "sh020", "plate": "/a/../etc/passwd"}, "without '..'"),
        ("shot", {"name": "sh020", "plate": "/a\nb.exr"}, "printable"),
        ("shot", {"name": "sh020", "plate": "/a.####.exr", "frames": "-"}, "no frame range"),
        ("shot", {"name": "sh020", "plate": "/a.####.exr", "colorspace": ""}, "'colorspace'"),
        ("shot", {"name": "sh020", "plate": "/a.####.exr", "layer": 3}, "'layer'"),
        ("shot", {"name": "sh020", "plate": "/a.####.exr", "make_project": "yes"}, "'make_project'"),
        ("shot", {"name": "sh020", "plate": "/a.####.exr", "ocio": "x"}, "with make_project"),
        ("shot", {"name": "b", "plate": "/b.exr", "make_project": True, "ocio": "show.ocio"}, "absolute path"),
        ("shot", {"name": "b", "plate": "/b.exr", "make_project": True, "ocio": "$OCIO"}, "another environment"),
        ("shot", {"name": "sh020", "plate": "/a.####.exr", "missing": "guess"}, "'missing'"),
        ("shot", {"name": "sh020", "plate": "/a.####.exr", "tracks": "a.nk"}, "absolute path"),
        ("shot", {"name": "b", "plate": "/b.exr", "matte": {"path": "m.####.exr"}}, "absolute path"),
        ("shot", {"name": "b", "plate": "/b.exr", "matte": {"path": "/m.exr", "missing": "skip"}}, "'matte.missing'"),
        ("shot", {"name": "b", "plate": "/b.exr", "matte": {"channel": "A"}}, "'matte.path': is missing"),
        ("identity", {"name": "carl", "role": "both"}, "'role'"),
        ("identity", {"name": "con", "role": "target"}, "cannot name an identity"),
        ("identity", {"name": "carl", "role": "source", "consent": "c.yaml"}, "absolute path"),
        ("identity", {"name": "carl", "role": "source", "synthetic": 1}, "'synthetic'"),
        ("faces", {"shot": "sh01"}, "Near: sh010"),
        ("faces", {"shot": "sh010", "sheet": "/tmp/x.png"}, "'sheet'"),
        ("faces", {"shot": "sh010", "assign": {"1": "elleen"}}, "Near: eileen"),
        ("faces", {"shot": "sh010", "assign": {"first": "eileen"}}, "'assign.first"),
        ("faces", {"shot": "sh010", "assign": {"0": "eileen"}}, "'assign.0"),
        ("faces", {"shot": "sh010", "assign": {"1": "../eileen"}}, "cannot name an identity"),
        ("faces", {"shot": "sh010", "assign": {"1\n": "eileen"}}, "printable"),
        ("faces", {"shot": "sh010", "assign": {"1": None}}, "'assign.1"),
        ("faces", {"shot": "sh010", "assign": ["1=eileen"]}, "'assign'"),
        ("deliver", {"shot": "sh010", "out": "here"}, "absolute path"),
        ("deliver", {"shot": "sh010", "model": "../m"}, "cannot name a model"),
        ("deliver", {"shot": "sh010", "fusion_first": 1e99}, "'fusion_first'"),
    ],
)
def test_nonsense_gets_one_sentence(
    portrait_project: ProjectFolder, kind: str, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        check_request(kind, asked(portrait_project, **more))
    assert words in caught.value.message
    assert len(caught.value.message) < 500 and "\n" not in caught.value.message


@pytest.mark.parametrize(
    "request_,words",
    [
        ({"preset": "u9"}, "No preset is called 'u9'"),
        ({"preset": "u64", "memory": "much"}, "write it as 8GiB"),
        ({"preset": "u64", "batch": 0}, "'batch'"),
        ({"preset": "u64", "device": "abacus"}, "'device'"),
        ({"preset": "u64", "overrides": ["model.size=65"]}, "model.size"),
        ({"preset": "presets/mine.yaml"}, "absolute path"),
        ({"preset": "u64", "project": "/shows/film"}, "'project'"),
    ],
)
def test_nonsense_is_not_planned(request_: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_request("plan", request_)
    assert words in caught.value.message and "\n" not in caught.value.message


@pytest.mark.parametrize("path", ["film", "../film", "~/film", "", "/no/such/project", "/tmp/../tmp"])
def test_a_project_is_an_absolute_path_of_one(path: str) -> None:
    with pytest.raises(SettingsError):
        check_request("swap", {"project": path, "shot": "a", "model": "m"})


def test_a_shot_may_be_asked_for_in_a_project_that_is_not_there_yet(tmp_path: Path) -> None:
    request = {"project": str(tmp_path / "new"), "name": "a", "plate": "/a.####.exr"}
    with pytest.raises(ProjectError, match="understudy new"):
        check_request("shot", request)
    assert check_request("shot", {**request, "make_project": True, "ocio": "ocio://default"}).subject == "a"
    (tmp_path / "understudy.yaml").write_text("shots: [")
    with pytest.raises(ProjectError, match="not valid YAML"):
        check_request("shot", {**request, "project": str(tmp_path), "make_project": True})


@pytest.mark.parametrize("request_", [None, [], "x", {1: 2}, {"path": object()}, {"path": {1, 2}}])
def test_a_request_is_a_plain_mapping(request_: Any) -> None:
    with pytest.raises(SettingsError):
        check_request("inspect", request_)


@pytest.mark.parametrize("kind", ["", "delete", "__class__", "x" * 100_000, None, 5, ["swap"]])
def test_an_unknown_kind_is_answered_with_the_known_ones(kind: Any) -> None:
    with pytest.raises(UnknownNameError, match="No kind of job") as caught:
        check_request(kind, {})
    assert len(caught.value.message) < 300


def test_training_without_consent_is_not_queued(portrait_project: ProjectFolder) -> None:
    folder = portrait_project.save(portrait_project.with_identity("double", {"role": "source"}))
    with pytest.raises(ConsentError, match="understudy identity add double"):
        check_request("train", asked(folder, model="m"))


def test_a_broken_project_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "understudy.yaml").write_text("shots: [")
    with pytest.raises(ProjectError, match=r"understudy\.yaml is not valid YAML"):
        check_request("swap", {"project": str(tmp_path), "shot": "a", "model": "m"})
