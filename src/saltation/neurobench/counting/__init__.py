"""Counting: exact whole numbers of operations, of weights, of zeros."""
