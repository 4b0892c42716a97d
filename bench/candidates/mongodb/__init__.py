"""The candidates on MongoDB."""
