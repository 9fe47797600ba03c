"""The engine's side of RPyC: a private socket, a short list of calls with plain values, and nothing else."""
