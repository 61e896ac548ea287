"""Memory, plans, checkpoints, optimizers, and the trainers."""
