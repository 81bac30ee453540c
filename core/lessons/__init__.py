"""What the lessons show: numbers read from the loaded models on one picture and one sentence, without any interface."""
