"""Rehearse."""
