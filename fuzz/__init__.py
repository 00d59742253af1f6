"""Coverage-guided fuzzing: `make fuzz`. The only outcomes allowed are a value or an error of our own."""
