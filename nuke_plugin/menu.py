"""Runs in Nuke with a window: adds the menu Understudy to the toolbar. Connects to nothing, and never stops Nuke."""

import traceback

try:
    from understudy_nuke.menus import add_menus

    add_menus()
except BaseException:  # whatever it is, Nuke starts
    traceback.print_exc()
