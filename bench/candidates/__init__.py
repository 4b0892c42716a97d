"""Who is measured: a class ``Candidate`` in each module."""
