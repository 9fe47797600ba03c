"""Runs in every Nuke, on render nodes too: adds the gizmos' folder. Connects to nothing, and never stops Nuke."""

import traceback

try:
    import nuke

    nuke.pluginAddPath("./gizmos")
except BaseException:  # whatever it is, Nuke starts
    traceback.print_exc()
