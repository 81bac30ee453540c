"""What the Differences page shows: numbers read from the loaded models on one picture and one sentence, without any interface."""
