"""The stills of notebook 19, flamingo: a function for each that `course.toml` lists."""
