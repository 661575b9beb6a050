"""Small projects that show what the tickets do not: how a project of one's own is brought along."""
