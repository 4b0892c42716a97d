# generated from _async/__init__.py by tools/generate_twins.py: do not edit
"""What waits for the server; its synchronous twin is generated."""
