"""The library, with one guarantee more or less than its defaults."""
