"""The laws of the literature, one module a paper."""
