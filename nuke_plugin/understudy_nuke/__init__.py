"""Understudy in Nuke. Pure Python 3.9; this file imports nothing.

`_engine` is the client of the engine, put here by `understudy install nuke`.
"""
