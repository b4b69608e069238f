"""Benchmarks of what has to scale; nothing imports them."""
