"""The w1bench service: pairs to download, submissions to score, and the leaderboard."""
