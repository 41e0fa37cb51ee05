"""What every test may count on."""

PASSWORD = "correct horse battery staple"  # of everyone made in tests
