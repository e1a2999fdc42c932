"""Speech to text, text to speech and stop words: what they cost and how soon they answer."""
