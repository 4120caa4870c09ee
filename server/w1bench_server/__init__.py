"""The service that hands out pairs, scores submissions and keeps the leaderboard."""
