"""Small projects that show features the tickets do not use, as models for your own project."""
