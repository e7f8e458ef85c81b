"""The update of the neural tangent ensemble as the paper writes it, parameter by parameter in logarithms."""

import math


def nte_step(delta, gradients, *, lr, radius, tempering=1.0, max_delta=math.inf, floor=2**-20):
    """One step of algorithm 1 on a list of displacements and, for each example, a list of gradients.

    ``radius`` None leaves the rescaling out. Gives the new displacements and how many factors were raised.
    """
    raised = 0
    logs = []
    for i, value in enumerate(delta):
        if value == 0:
            logs.append(-math.inf)
            continue
        total = math.log(abs(value))
        for g in gradients:
            factor = 1 - lr * math.copysign(1, value) * g[i]
            if factor < floor:
                factor, raised = floor, raised + 1
            total += tempering * math.log(factor)
        logs.append(total)
    if radius is not None:
        top = max(logs)
        norm = top + math.log(math.fsum(math.exp(log - top) for log in logs))
        logs = [log + math.log(radius) - norm for log in logs]
    sizes = [min(math.exp(log), max_delta) for log in logs]
    return [math.copysign(size, value) for size, value in zip(sizes, delta, strict=True)], raised
