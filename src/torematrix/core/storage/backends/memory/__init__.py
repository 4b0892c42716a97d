"""The reference as an engine: dicts in memory, answered by the evaluator that defines the rules."""
