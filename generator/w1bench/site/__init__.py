"""The static pages of an archive and its leaderboard."""
