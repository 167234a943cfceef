"""What was found out about saga files, as text for people and as documents for programs."""
