# generated from _async/__init__.py by tools/generate_twins.py: do not edit
"""What a client does while it is being failed, written once for both colours."""
