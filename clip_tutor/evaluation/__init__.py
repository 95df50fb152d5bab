"""How good is it? Retrieval both ways, and zero-shot questions about each attribute of a scene."""
