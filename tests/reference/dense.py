"""The network with a matrix in place of every list of synapses."""

import numpy as np

import saltation as sal


def matrix(projection, values):
    """Values of the weights' shape, summed up in a matrix [n_pre, n_post]."""
    dense = np.zeros(projection.shape)
    pre, post, place = projection.connectivity.synapses()
    np.add.at(dense, (pre, post), values.reshape(-1)[place])
    return dense


def gathered(projection, dense):
    """The transpose of `matrix`: what each weight has in a matrix, summed over its synapses."""
    pre, post, place = projection.connectivity.synapses()
    values = np.zeros(projection.weight.size)
    np.add.at(values, place, dense[pre, post])
    return values.reshape(projection.weight.shape)


def dense_twin(net):
    """The same network, all-to-all; with one delay for each weight, no pair may have two synapses."""
    twin = sal.Network()
    for name, population in net.populations.items():
        twin.add(name, population)
    for p in net.projections.values():
        if p.connectivity is None:
            twin.connect(p.pre, p.post, weight=p.weight, delay=p.delay, name=p.name, receptor=p.receptor)
            continue
        delay = matrix(p, p.delay) if p.delay_per_weight else p.delay
        twin.connect(p.pre, p.post, weight=matrix(p, p.weight), delay=delay, name=p.name, receptor=p.receptor)
    return twin
