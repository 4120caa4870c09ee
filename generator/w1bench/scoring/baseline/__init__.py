"""What a submission is held against besides the truth: trivial critics, groups of inputs, and what the truth itself gains."""
