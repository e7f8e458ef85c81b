"""Our models in the harness of the benchmark."""
