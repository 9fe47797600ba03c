"""Procedural performers with exact ground truth, for demos, tests and benchmarks.

A performer is a head made from one seed: shape, skin, hair and eyes. It plays a random performance in a random HDR
light and is rendered to scene-linear pictures, with the face matte, the landmarks and the pose that belong to them.
Another identity's face on the same head, in the same performance and light, is the *ideal swap*: what a perfect
result would look like. No person was photographed for any of it.

`render.render_shot` yields frames, `benchmark.write_set` writes a benchmark set, `score.score_sequence` measures a
result against its truth.
"""
