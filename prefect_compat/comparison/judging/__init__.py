"""The parts of a verdict: outputs, steps, checks and catalogue, each compared on its own."""
