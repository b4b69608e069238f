"""The pages that read a results folder. Knows no torch."""
