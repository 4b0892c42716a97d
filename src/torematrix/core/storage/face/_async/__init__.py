"""The faces that wait."""
