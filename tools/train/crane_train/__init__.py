"""Trains Crane's tiny model family: a procedural world, SigLIP towers and head, a Qwen2.5-VL language model."""
