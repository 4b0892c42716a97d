"""The candidates on PostgreSQL."""
