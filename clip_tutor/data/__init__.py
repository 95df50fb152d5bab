"""Where pairs of images and captions come from: the embedded emoji scenes, drawn and described on the fly."""
