"""The Transformer encoders: visibility, attention, positions, blocks, backbones, heads."""
