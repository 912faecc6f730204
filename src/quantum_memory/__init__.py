"""A memory for AI agents on Ray."""
