"""Understudy: face replacement for film plates, float and scene-linear from end to end.

This module imports nothing, so that a host can import the package through it at no cost.
"""

__version__ = "0.1.0"
