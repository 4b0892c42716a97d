"""What a client does while it is being failed, written once for both colours."""
