"""The demo: three organizations with six months of history, made by doing what the history tells of."""
