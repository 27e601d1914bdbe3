"""Tests of encoders run on one thread: their tensors are so small that a second one would only wait."""

from model_cases import one_thread as one_thread
