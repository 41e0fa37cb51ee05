"""The end of entries: whole months that nobody's plan keeps any more, each with a signed certificate."""
