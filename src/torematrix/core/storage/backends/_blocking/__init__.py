"""What embedded engines share: a driver that blocks, made one that waits."""
