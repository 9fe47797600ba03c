"""A page for a browser that shows what the engine does: jobs, training, quality of shots.

It listens on 127.0.0.1 only, wants a token, reads only what belongs to projects of the engine's jobs, and changes
nothing but a job's state. It needs no internet.
"""
