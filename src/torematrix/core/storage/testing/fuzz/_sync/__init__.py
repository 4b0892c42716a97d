# generated from _async/__init__.py by tools/generate_twins.py: do not edit
"""What runs a program, synchronous."""
