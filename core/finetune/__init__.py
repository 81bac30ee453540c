"""Training: one loop for every task, the data that it reads and the scores that judge it."""
