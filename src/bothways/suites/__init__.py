"""Evaluation suites: named sets of tasks, one row of YAML each, over which models are compared."""
