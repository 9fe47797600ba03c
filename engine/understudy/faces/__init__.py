"""Faces: found in frames, linked to tracks, aligned, cropped, and kept as facesets."""
