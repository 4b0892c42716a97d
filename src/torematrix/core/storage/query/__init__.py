"""What a question means: filters, paths, conditions, operations, text, and the reference that answers them.

Nothing here does I/O. ``evaluate`` is the specification in code: every engine's answer is compared with it.
"""
