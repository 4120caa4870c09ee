"""What several methods train: critics, penalties, movers."""
