from __future__ import annotations

import json
import sys

import pytest

from understudy.cli import main


def test_a_project_without_its_shot_is_not_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "rpc", "--project", "/p"]) == 2
    assert "belong together" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="looks into the engine's process by /proc")
def test_an_attack_is_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "rpc", "--hostile", "--minutes", "0.1", "--json"]) == 0
    hostile = json.loads(capsys.readouterr().out)["hostile"]
    assert hostile["breaches"] == [] and len(hostile["attacks"]) == 22
