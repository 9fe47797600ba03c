"""The work of Understudy as jobs: each can be stopped at any moment and goes on where it stopped.

`extract.run_extract`, `train.run_train`, `swap.run_swap` take a project folder, names and plain settings, report
through `on_progress`, and return what they made. The command line and the engine's service run the same functions.
"""
