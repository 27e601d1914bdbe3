"""Benchmarks: ours beside the peer, in one process, by turns, as a ratio."""
