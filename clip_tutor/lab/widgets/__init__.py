"""What a reader plays with: controls tied to a plain function, live screens, galleries, and maps made of images."""
