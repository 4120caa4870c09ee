"""What is wrong with a critic, in words: sentences with figures, of its scorecard, its arrays and what it says of its method."""
