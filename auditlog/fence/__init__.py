"""The fence in the database: what holds when the application is passed by, or forgets something."""
