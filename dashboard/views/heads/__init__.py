"""What each head does, and says."""
