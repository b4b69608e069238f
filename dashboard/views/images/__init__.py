"""Browse, filter and sort the pictures; what a newcomer sees first."""
