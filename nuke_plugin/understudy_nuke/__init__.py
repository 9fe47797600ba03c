"""Understudy in Nuke. Pure Python 3.9; this file imports nothing.

`node` is what the gizmo calls, `menus` what Nuke's start calls; the rest is loaded when a button is pressed.
`_engine` is the client of the engine, put here by `understudy install nuke`.
"""
