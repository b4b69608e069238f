"""Runs that are killed again and again, held against one that was left alone."""
