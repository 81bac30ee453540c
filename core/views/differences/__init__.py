"""Figures of the Differences page."""
