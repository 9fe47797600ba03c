"""Understudy in DaVinci Resolve. Pure Python; this file imports nothing.

`_engine` is the client of the engine, put here by `understudy install resolve`.
"""
