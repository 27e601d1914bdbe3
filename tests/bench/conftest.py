"""Tests of benchmarks compute on one thread: they time nothing, and their tensors are small."""

from model_cases import one_thread as one_thread
