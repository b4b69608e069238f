"""What each head does, and the caption read from it."""
