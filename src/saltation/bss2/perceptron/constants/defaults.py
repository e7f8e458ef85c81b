"""Defaults of the operations, by the names that they have in hxtorch."""

from saltation.bss2.mac.ideal import MockParameter

__all__ = ["gain", "noise_std", "wait_between_events"]

wait_between_events = 5
gain, noise_std = MockParameter().gain, MockParameter().noise_std
