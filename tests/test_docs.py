"""The commands and files that the documentation names exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from understudy.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLE = re.compile(r"^understudy (?!COMMAND)(.+)$", re.MULTILINE)


def examples() -> list[str]:
    return [line.split(" #")[0].strip() for page in PAGES for line in EXAMPLE.findall(page.read_text())]


def test_there_are_examples() -> None:
    assert len(examples()) > 10


@pytest.mark.parametrize("example", examples())
def test_an_examples_command_and_options_exist(example: str) -> None:
    words = shlex.split(example.split("&&")[0])
    command: Any = typer.main.get_command(app)
    while words and hasattr(command, "commands"):
        word = words.pop(0)
        if word == "-C":
            words.pop(0)
            continue
        if word not in command.commands and "show" in command.commands:
            word = "show"  # `faceset anna` means `faceset show anna`
        assert word in command.commands, f"{word} is no command"
        command = command.commands[word]
    known = {name for option in command.params for name in getattr(option, "opts", ())}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_readme_shows_its_two_commands_first() -> None:
    text = (ROOT / "README.md").read_text()
    assert text.index("make demo") < text.index("make test") < text.index("understudy new")
