"""What an entity class declares, and the exact form in which its values are stored; pure, without input or output."""
