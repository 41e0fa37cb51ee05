"""What the product costs beside its limit: `make bench`; `make bench-full` for ten million entries."""
