"""Hugging Face folders: what we write `transformers` loads unchanged, what it writes we load."""
