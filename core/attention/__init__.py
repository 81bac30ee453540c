"""Attention of any model as one type: recorded by the tape, read through a trace."""
