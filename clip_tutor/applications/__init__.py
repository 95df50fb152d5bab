"""What is built on CLIP's vectors: each application is one file or one small package."""
