"""The static site of an archive: its pages, leaderboard and files, for any host that serves a folder."""
