"""The node's buttons, against the stand-in for Nuke and an engine that is not there or does nothing."""

from __future__ import annotations

from tests.nuke_plugin.plugin import plugin, plugin_folder


def test_a(node, plugin, host):
    host.press(node, "find_faces")
    print(node["log"].value(), "|", node["label"].value())
    host.press(node, "find_engine")
    host.pump(lambda: node["engine_line"].value() != "looking")
    print(node["log"].value(), "|", node["label"].value(), node["engine_line"].value())
    read = host.create("Read")
    read["file"].setValue("/plates/sh010/sh010.%04d.exr")
    read["first"].setValue(1001)
    read["last"].setValue(1005)
    node.setInput(0, read)
    host.press(node, "read_plate")
    print(
        node["log"].value(),
        "|",
        node["label"].value(),
        node["colorspace_line"].value(),
        node["shot"].value(),
        node["plate_path"].value(),
    )
    assert 0
