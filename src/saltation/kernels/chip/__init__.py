"""The analog circuits of an emulated chip: arrays in, arrays out."""
