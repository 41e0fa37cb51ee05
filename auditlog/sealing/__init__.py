"""What makes the log believable: entries sealed into signed blocks, heads anchored elsewhere, all of it verified."""
