"""The names that LAION gives its two aesthetic heads: one linear layer alone, and five in a row."""

ONE_LAYER = """
weight          linear.weight
bias            linear.bias
"""

# The numbers in between are dropout, which has no weights: the five layers are 0, 2, 4, 6 and 7.
FIVE_LAYERS = """
layers.{}.*     layers.{}.*
"""
