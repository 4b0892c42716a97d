"""What waits for the server; its synchronous twin is generated."""
