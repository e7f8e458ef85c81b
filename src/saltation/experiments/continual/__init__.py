"""Continual learning: studies of streams, methods and networks."""
