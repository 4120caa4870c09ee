"""Everything that determines a pair, as documents with a hash."""
