"""Teaches a swap model two identities. Faces come in as codes in memory; weights, a log and a preview go out."""
