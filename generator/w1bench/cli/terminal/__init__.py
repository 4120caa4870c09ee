"""What the commands share: their options, and the tables that they print."""
