"""Networks on the matrix mode of emulated BrainScaleS-2 chips: MNIST, activities from a phone, Yin-Yang.

A network of floats is trained, converted to 5 bits of activations and 6 bits of weights, and then put on chips, by the
fast models that were measured of them: as it is, and trained on in the loop, forward by what the chip gives, backward
as of a plain product. Some test samples also run on the emulated circuits. The commands are ``saltation run
mnist-mac``, ``har`` and ``yinyang-mac``.

References
----------
J. Weis et al., Inference with artificial neural networks on analog neuromorphic hardware, 2020, arXiv:2006.13177.
P. Spilger et al., hxtorch: PyTorch for BrainScaleS-2, 2020, arXiv:2006.13138.
"""
