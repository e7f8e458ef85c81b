"""The rules of counting, in words: every result carries those that it was counted by."""

from typing import Final

RULES: Final[dict[str, str]] = {
    "per-sample": "Operations and updates are totals divided by the number of samples, over all steps of a sample.",
    "synapse": "A synaptic operation is a nonzero activation times a nonzero weight; biases, pooling, normalisation "
    "and the dynamics of neurons are none.",
    "analog": "It is an accumulation (AC) where the input vector of a layer, of one sample at one step, holds -1, 0 "
    "and 1 alone, else a multiplication and accumulation (MAC); what other samples of the batch hold does not matter.",
    "dense": "Dense takes all activations and weights as nonzero; what lies in the zero padding of a convolution is "
    "not multiplied.",
    "cell": "Recurrent cells: input and state count each by its own values; products of gates are MACs where neither "
    "factor is zero, with a sigmoid never zero.",
    "events": "Effective_ACs = sum over delivered spikes of the nonzero weights they reach, spikes of the input and "
    "recurrent synapses among them; a delay adds none; a spike that would arrive after the end counts none.",
    "values": "Values that drive an input on a grid, other than -1, 0 and 1, are MACs, as is its whole vector of the "
    "step.",
    "bias": "A constant current is no operation. A bias spike is a spike of the input, and counts.",
    "reference-step": "Dense and activation sparsity are not defined without steps: they are given for the reference "
    "step, Dense = ceil(duration / step) x synapses, and 1 - occupied bins / (neurons x steps).",
    "event-dense": "Event_Dense = sum over delivered spikes of all weights of their row, zero or not.",
    "sparse": "A list of synapses counts as the matrix it stands for in Dense and connection sparsity, and as what is "
    "stored in the footprint.",
    "rate": "The execution rate is declared, not measured: 1 / stride of the decisions in the time of the data. "
    "Event-driven: between decisions there are no executions.",
    "window": "All events up to the end of the window count, also those after a decision.",
    "grid-points": "On a grid, arrivals count at all its points, 0 and the end of the window among them: one more than "
    "it has steps, so that Effective may be larger than Dense by those of a point.",
    "updates": "Neuron_Updates = one for each neuron and distinct time at which spikes reach it, and one for each of "
    "its own spikes; each is a closed-form step, and no decay by steps is charged.",
    "grid-updates": "Neuron_Updates on a grid = neurons x steps.",
    "membrane": "Membrane updates are entries of the membrane that a step has changed; before the first step it is 0.",
    "activation": "Activation sparsity = zeros / all outputs of activation layers and spiking neurons, modules and "
    "functions of that name alike; what is written by clamp, maximum or where is not known for one.",
    "at-rest": "What a parametrisation, such as weight_norm, computes of weights alone is no operation: weights count "
    "as they act, and are at rest.",
    "unseen": "Not seen are elementwise products and their sums, what is computed outside of PyTorch, and what runs in "
    "other threads.",
    "footprint": "The footprint is the bytes of parameters and buffers, zeros among them, before the first sample: "
    "what neurons keep of the last run is not in it.",
    "event-footprint": "The footprint is the bytes of weights, delays, parameters of neurons, lists of synapses and "
    "the state that a neuron keeps between events; the queue of events is memory of the execution and not in it.",
    "chip": "Of an emulated chip: weights as written, 6 bits in a byte; packed_footprint has them without the two bits "
    "between, rounded up to bytes, and all else as it is. Synapse_Events are physical: every spike "
    "reaches the excitatory and the inhibitory synapse of all neurons in its rows, whatever their weights. Time on the "
    "chip is modelled, and settling after analog values are written is apart; the time of the emulator is no result.",
    "learning": "Learning is not counted.",
}
"""Each rule by its name."""


def rules_of(*names: str) -> tuple[str, ...]:
    """The rules of these names, in words.

    Examples
    --------
    >>> from saltation.neurobench.rules import rules_of
    >>> rules_of("learning")
    ('Learning is not counted.',)
    """
    return tuple(RULES[name] for name in names)
