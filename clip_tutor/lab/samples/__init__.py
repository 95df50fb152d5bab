"""Sets of scenes that several notebooks look at."""
