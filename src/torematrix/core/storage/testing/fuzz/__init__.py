"""The differential fuzzer: random programs, run on a backend and on the reference, whose answers must be equal.

Everything is drawn from a seeded ``random.Random``, so a seed is a program. Values come from small pools of adversarial
ones, so that random questions do find something.
"""
