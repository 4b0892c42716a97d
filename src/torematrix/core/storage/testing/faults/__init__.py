"""Faults on purpose: clients, servers, connections and disks fail amid writes, and what was told is checked.

``tools/faults.py`` runs as many as one likes, ``tests/faults`` a few of each kind; docs/guides/faults.md explains them.
"""
