"""One training loop and what it stands on: optimizer, schedule, checkpoints, metrics, several processes."""
