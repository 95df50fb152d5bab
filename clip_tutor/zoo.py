"""Every named model as a small frozen config: ``create("tiny", tokenizer)``."""
