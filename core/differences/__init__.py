"""What the Differences page shows: numbers read from loaded models on one picture and one sentence; no interface."""
