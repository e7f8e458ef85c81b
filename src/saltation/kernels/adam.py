"""One step of the optimiser Adam, in one pass over memory."""

import numpy as np

from saltation.kernels.cache import compile_kernel


def _adam(values, gradient, mean, square, beta1, beta2, size, scale, eps, moved):
    """Update the moments, and write the values after the step to ``moved``; all arrays are flat."""
    for i in range(values.size):
        mean[i] += (1.0 - beta1) * (gradient[i] - mean[i])
        square[i] = square[i] * beta2 + (1.0 - beta2) * gradient[i] * gradient[i]
        moved[i] = values[i] - size * (mean[i] / (np.sqrt(square[i]) / scale + eps))


adam = compile_kernel(_adam)
