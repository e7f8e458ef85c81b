"""The commands of ``saltation chip``: what an emulated chip is, how well it can be calibrated, what fits on it."""
