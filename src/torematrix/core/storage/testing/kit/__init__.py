"""The behaviours: what every backend does, in both colours.

Run them on a backend of your own with::

    pytest --pyargs torematrix.core.storage.testing.kit --storage-url=mydb://...
"""
