"""The engines. Each is a driver of its own; none imports another."""
